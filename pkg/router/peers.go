package router

import (
	"sync"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// wanted are the peers next to us in a tunnel: their sessions should last.
// Transports ask from goroutines of their own.
type wanted struct {
	mu    sync.RWMutex
	peers map[i2p.Hash]int
}

func (w *wanted) add(h i2p.Hash, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.peers[h] += n; w.peers[h] <= 0 {
		delete(w.peers, h)
	}
}

// Peers is what the transports tell the router of its sessions, and ask it. Its
// methods may be called from any goroutine; none waits for the loop.
type Peers struct{ r *Router }

// Peers is for the transports.
func (r *Router) Peers() Peers { return Peers{r} }

// Wants reports whether the session with a peer is to outlive idleness.
func (ps Peers) Wants(peer i2p.Hash) bool {
	ps.r.ends.wanted.mu.RLock()
	defer ps.r.ends.wanted.mu.RUnlock()
	return ps.r.ends.wanted.peers[peer] > 0
}

// Carries reports whether we carry living tunnels of others to or from a peer.
func (ps Peers) Carries(peer i2p.Hash) bool {
	lively := ps.r.transit.lively.Load()
	if lively == nil {
		return false
	}
	_, ok := (*lively)[peer]
	return ok
}

// Up tells of the first session with a peer.
func (ps Peers) Up(by netdb.Sender) {
	r := ps.r
	r.in.Call(func() {
		r.senders[by.Peer] = by
		if s := r.db.Find(by.Peer); s != nil && s.At(by.Host) {
			r.peers.Returned(r.now, by.Peer)
		}
		r.pools.builds.met(by.Peer)
	})
}

// Reached tells of a session that we opened.
func (ps Peers) Reached(by netdb.Sender) {
	r := ps.r
	r.in.Call(func() {
		r.senders[by.Peer] = by
		r.peers.Reached(r.now, by.Peer, by.Host)
		r.db.Proved(by.Peer)
	})
}

// Greeted takes a RouterInfo that a router sent of itself over a session, and which it may
// ask to have flooded.
func (ps Peers) Greeted(by netdb.Sender, ri *routerinfo.RouterInfo, flood bool) {
	r := ps.r
	r.in.Call(func() { r.mail.greeted(by, ri, flood) })
}

// Down tells that the last session with a peer has ended.
func (ps Peers) Down(peer i2p.Hash) {
	r := ps.r
	r.in.Call(func() {
		delete(r.senders, peer)
		r.pools.peerLost(peer)
	})
}

// Stalled tells that a peer acknowledges nothing of what is sent to it,
// although its session still stands.
func (ps Peers) Stalled(peer i2p.Hash) {
	r := ps.r
	r.in.Call(func() { r.pools.peerDoubted(peer) })
}

// Failed tells that a dial came to nothing: builds through that peer have
// failed as well, and need not be waited for.
func (ps Peers) Failed(peer i2p.Hash) {
	r := ps.r
	r.in.Call(func() {
		r.peers.ConnectFailed(r.now, peer)
		r.pools.builds.unreachable(peer)
	})
}
