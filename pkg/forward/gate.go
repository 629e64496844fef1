package forward

import (
	"sync"
	"time"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

// gate counts streams against a plan's limits.
type gate struct {
	mu    sync.Mutex // a leaf
	now   int
	all   window
	peers map[i2p.Hash]*visitor
	swept time.Time
}

// visitor is one peer.
type visitor struct {
	now int
	window
}

// window counts what was opened in a minute.
type window struct {
	begun time.Time
	n     int
}

// add counts one more, unless there are as many as may be in a minute; 0 is no limit.
func (w *window) add(now time.Time, most int) bool {
	if now.Sub(w.begun) >= time.Minute {
		w.begun, w.n = now, 0
	}
	if most > 0 && w.n >= most {
		return false
	}
	w.n++
	return true
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
	var v *visitor
	if peer != nobody {
		if v = g.visitor(now, peer); v == nil || v.now >= orElse(l.PeerStreams, maxPeerStreams) || !v.add(now, l.PeerPerMinute) {
			return nil, false
		}
	}
	if !g.all.add(now, l.PerMinute) {
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

// visitor finds or makes a peer's entry; nil where there are too many.
func (g *gate) visitor(now time.Time, peer i2p.Hash) *visitor {
	if v := g.peers[peer]; v != nil {
		return v
	}
	if since := now.Sub(g.swept); since >= time.Minute || len(g.peers) >= maxPeers && since >= time.Second {
		g.swept = now
		for h, v := range g.peers {
			if v.now == 0 && now.Sub(v.begun) >= time.Minute {
				delete(g.peers, h)
			}
		}
	}
	if len(g.peers) >= maxPeers {
		return nil
	}
	if g.peers == nil {
		g.peers = make(map[i2p.Hash]*visitor)
	}
	v := &visitor{}
	g.peers[peer] = v
	return v
}
