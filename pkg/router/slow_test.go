package router

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tunnel"
)

// TestCongestedNextHop: no tunnel is carried to a router that takes less than
// is sent to it already. Whoever asks for that, as anybody can, does not have us say
// that we are congested.
func TestCongestedNextHop(t *testing.T) {
	m := newMesh(t, 1, nil)
	r := m.routers[0]
	static, _ := m.infos[0].EncryptionKey()
	ask := func(next i2p.Hash) {
		b, err := tunnel.NewBuild(m.now, tunnel.Config{
			Hops: []tunnel.Hop{{Router: m.infos[0].Hash(), Static: static}, {Router: next, Static: static}},
			Us:   stranger(1), Reply: tunnel.ReplyTo{Gateway: stranger(1), Tunnel: 7}, Rand: m.rand,
		})
		if err != nil {
			t.Fatal(err)
		}
		r.Deliver(stranger(1), b.Message())
		m.step()
	}
	m.congested = map[i2p.Hash]bool{stranger(3): true}
	ask(stranger(2))
	ask(stranger(3))
	if len(r.transit.hops) != 1 || r.counts.TransitRefused != 1 {
		t.Fatalf("%d tunnels, %d refusals, want one of each", len(r.transit.hops), r.counts.TransitRefused)
	}
	if l := r.transit.takeLoad(); l.refused != 0 {
		t.Errorf("%d of %d who ask for little are said to have found no room", l.refused, l.asked)
	}
	m.congested = nil
	if ask(stranger(3)); len(r.transit.hops) != 2 {
		t.Fatal("the hop is shunned for ever")
	}
}

// TestPeerStalled: tunnels through a router that acknowledges nothing are used
// after the others at once, and tested.
func TestPeerStalled(t *testing.T) {
	m := newMesh(t, 8, nil)
	m.run(20*time.Second, nil)
	r := m.routers[0]
	own := r.parties.self.out.tunnels()[0]
	stalled := own.hops[0]
	r.Peers().Stalled(stalled)
	m.step()
	for _, d := range []*direction{&r.parties.self.in, &r.parties.self.out} {
		for _, o := range d.tunnels() {
			if o.Failing() != slices.Contains(o.hops, stalled) {
				t.Errorf("a tunnel through %v: failing %v", o.hops, o.Failing())
			}
		}
	}
	if !own.Failing() || !slices.Contains(r.parties.self.out.tunnels(), own) {
		t.Error("the tunnel is not doubted, or dropped")
	}
	m.run(10*time.Second, nil)
	if own.Failing() && slices.Contains(r.parties.self.out.tunnels(), own) {
		t.Error("the tunnel has not been tested")
	}
}
