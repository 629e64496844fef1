package router

import (
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
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
	pt := &paths{core: &core{now: now, rand: draw.From(rand.NewChaCha8([32]byte{1}))}, doubts: make(doubts)}
	failed := []*ownTunnel{through(3, 2), through(2, 0), through(3, 2), through(2, 1)} // 2 has gone
	for _, x := range failed {
		for _, h := range x.hops {
			pt.doubts.add(now, h)
		}
	}
	works := through(1, 0)
	all := append(failed, works)
	chosen := func(times int) map[*ownTunnel]bool {
		c := make(map[*ownTunnel]bool)
		for range times {
			c[pt.leastFailed(all)] = true
		}
		return c
	}
	if c := chosen(100); len(c) != 1 || !c[works] {
		t.Errorf("%d tunnels", len(c))
	}
	// What waits for it in vain tells against it, too.
	for works.awaits < len(failed) {
		works.awaits++
	}
	if c := chosen(100); c[works] || len(c) == 0 {
		t.Errorf("the one that answers nothing is among %d", len(c))
	}
	works.awaits = 0
	pt.now = now.Add(doubtLife)
	if c := chosen(200); len(c) != len(all) {
		t.Errorf("later %d tunnels of %d", len(c), len(all))
	}
}
