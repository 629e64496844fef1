package router

import (
	"testing"
	"time"
)

// TestClosedParty: of a destination that closes while its tunnels are built and
// tested nothing is left, and nobody waits for what it asked.
func TestClosedParty(t *testing.T) {
	m := newMesh(t, 8, nil)
	m.run(20*time.Second, nil)
	r := m.routers[0]
	for _, busy := range []struct {
		with string
		is   func(*party) bool
	}{
		{"builds", func(p *party) bool { return len(p.pool.Builds(true)) > 0 && len(p.pool.Builds(false)) > 0 }},
		{"tests", func(p *party) bool {
			for a := range r.pools.tests.sent {
				if a.way.tunnel.party == p {
					return true
				}
			}
			return false
		}},
	} {
		d := r.OpenTunnels(TunnelsConfig{Name: "d", Inbound: Shape{2, 0, 2}, Outbound: Shape{2, 0, 2}})
		m.step()
		for end := m.now.Add(2 * time.Minute); !busy.is(d.p); m.step() {
			if m.now.After(end) {
				t.Fatalf("the destination never was busy with %s", busy.with)
			}
		}
		d.Close()
		m.step()
		for a, b := range r.pools.builds.waiting {
			if b.tunnel.party == d.p {
				t.Errorf("closed among %s: the build with the reply %d is waited for", busy.with, a.id)
			}
		}
		for a, x := range r.pools.tests.sent {
			if x.Out.party == d.p {
				t.Errorf("closed among %s: the test %d is waited for", busy.with, a.id)
			}
		}
		for id, in := range r.ends.inbound {
			if in.party == d.p {
				t.Errorf("closed among %s: the tunnel %d is open", busy.with, id)
			}
		}
		if n := len(d.p.expected.tags) + len(d.p.pool.Standing(true)) + len(d.p.pool.Builds(true)); n != 0 || len(r.parties.list) != 1 {
			t.Errorf("closed among %s: %d of its keys and tunnels are left, and %d parties", busy.with, n, len(r.parties.list))
		}
	}
	for h, n := range r.ends.wanted.peers {
		for _, own := range r.parties.self.tunnels() {
			if next, ok := own.neighbour(); ok && next == h {
				n--
			}
		}
		if n != 0 {
			t.Errorf("the session with %v is wanted by %d tunnels too many", h, n)
		}
	}
}
