package forward

import (
	"sync"
	"time"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/quota"
)

// gate counts the streams of one forward against its plan's limits: several may have one destination, whose own
// limits (i2p.streaming.max...) are for all of it and hold before these.
type gate struct {
	mu    sync.Mutex // a leaf
	now   int
	all   quota.Counter
	peers quota.Visitors[i2p.Hash, visitor]
}

// visitor is one peer.
type visitor struct {
	now int
	quota.Counter
}

// rates are those of all peers, and of each.
func rates(l plan.Limits) (all, peer []quota.Rate) {
	const day = 24 * time.Hour
	return []quota.Rate{{Most: l.PerMinute, In: time.Minute}, {Most: l.PerHour, In: time.Hour}, {Most: l.PerDay, In: day}},
		[]quota.Rate{{Most: l.PeerPerMinute, In: time.Minute}, {Most: l.PeerPerHour, In: time.Hour}, {Most: l.PeerPerDay, In: day}}
}

// nobody is the peer of a local user.
var nobody i2p.Hash

// The most streams of a forward whose plan names no limit, and of one peer.
const (
	maxStreams     = 4096
	maxPeerStreams = 1024
	maxPeers       = 65536 // that are remembered
)

// enter lets a stream in, until leave.
func (g *gate) enter(now time.Time, l plan.Limits, peer i2p.Hash) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now >= orElse(l.Streams, maxStreams) {
		return nil, false
	}
	all, each := rates(l)
	var v *visitor
	if peer != nobody {
		g.peers.Most = maxPeers
		v = g.peers.Of(now, peer, func(v *visitor) bool { return v.now == 0 && v.Idle(now, each) })
		if v == nil || v.now >= orElse(l.PeerStreams, maxPeerStreams) || !v.Take(now, each) {
			return nil, false
		}
	}
	if !g.all.Take(now, all) {
		return nil, false
	}
	g.now++
	if v != nil {
		v.now++
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.now--
		if v != nil {
			v.now--
		}
	}, true
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
