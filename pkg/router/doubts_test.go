package router

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// TestLeastFailed: of four routers one has gone, and all tunnels have failed their tests but one. That one is
// found, though each of its hops was beside the one that has gone.
func TestLeastFailed(t *testing.T) {
	now := time.Unix(1e9, 0)
	router := func(i byte) i2p.Hash { return i2p.Hash{i} }
	through := func(hops ...byte) *ownTunnel {
		x := new(ownTunnel)
		for _, h := range hops {
			x.hops = append(x.hops, router(h))
		}
		return x
	}
	pt := &paths{core: &core{now: now}, doubts: make(doubts)}
	failed := []*ownTunnel{through(3, 2), through(2, 0), through(3, 2), through(2, 1)} // 2 has gone
	for _, x := range failed {
		for _, h := range x.hops {
			pt.doubts.add(now, h)
		}
	}
	works := through(1, 0)
	all := append(failed, works)
	if got := pt.leastFailed(all); len(got) != 1 || got[0] != works {
		t.Errorf("%d tunnels", len(got))
	}
	pt.now = now.Add(doubtLife)
	if got := pt.leastFailed(all); len(got) != len(all) {
		t.Errorf("later %d tunnels of %d", len(got), len(all))
	}
}
