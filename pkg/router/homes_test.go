package router

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// atHome is a mesh of eight routers, of which nobody can dial the first, and none has a session with
// those parted.
func atHome(t *testing.T, parted func(i int) bool) (m *mesh, r *Router) {
	m = newMesh(t, 8, nil)
	m.infos[0] = m.info(m.keys[0], "XU")
	m.parted = map[i2p.Hash]bool{}
	for i, o := range m.routers {
		m.parted[o.cfg.Hash] = parted(i)
	}
	return m, m.routers[0]
}

// TestLastHopIsMet: a router that nobody can dial asks for a tunnel once it has a session with the hop that answers
// it, and for another where it gets none. Others need no session.
func TestLastHopIsMet(t *testing.T) {
	m, r := atHome(t, func(i int) bool { return i > 0 })
	self := r.parties.self
	m.run(5*time.Second, nil)
	if len(self.in.tunnels()) > 0 || r.counts.Exploratory.Asked > 0 {
		t.Errorf("%d in, %d out, %+v", len(self.in.tunnels()), len(self.out.tunnels()), r.counts.Exploratory)
	}
	dialled := m.dialled[r.cfg.Hash]
	if len(dialled) == 0 || len(m.dialled) > 1 {
		t.Fatalf("dialled were %v", m.dialled)
	}
	for _, h := range dialled {
		r.Peers().Failed(h)
	}
	m.run(20*time.Second, nil)
	fresh := m.dialled[r.cfg.Hash][len(dialled):]
	if len(self.in.tunnels()) > 0 || len(fresh) == 0 {
		t.Fatalf("%d in, dialled were %v", len(self.in.tunnels()), fresh)
	}
	for _, h := range fresh {
		m.parted[h] = false
		r.Peers().Up(netdb.Sender{Peer: h})
	}
	m.run(2*time.Second, nil)
	if len(self.in.tunnels()) == 0 {
		t.Error("no tunnel although there are sessions")
	}
	m.run(5*time.Second, nil)
	if len(self.out.tunnels()) == 0 {
		t.Error("no tunnel whose endpoint answers into another")
	}
	m.run(20*time.Second, nil)
	if n := r.counts.BuildsExpired; n > 0 {
		t.Errorf("%d builds are said to have expired, although they were not asked for", n)
	}
	for _, own := range self.in.tunnels() {
		if m.parted[own.hops[len(own.hops)-1]] {
			t.Error("a last hop without a session")
		}
	}
}

// TestStrangersAreLeft: while it is found out how others reach the router, its inbound tunnels come
// from those to whom there is a session.
func TestStrangersAreLeft(t *testing.T) {
	m, r := atHome(t, func(i int) bool { return i > 3 })
	m.testing = true
	m.run(20*time.Second, nil)
	in := r.parties.self.in.tunnels()
	if len(in) == 0 || len(m.dialled) > 0 || slices.ContainsFunc(in, func(t *ownTunnel) bool { return m.parted[t.hops[len(t.hops)-1]] }) {
		t.Errorf("%d tunnels, dialled were %v", len(in), m.dialled)
	}
}
