package ssu2link

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/reach"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/nat"
)

// TestIntroducersRenewed: a router behind a NAT publishes introducers, and others before the time of
// these is over; who knows the newest is introduced.
func TestIntroducersRenewed(t *testing.T) {
	inTown(t, 7, func(t *testing.T, w *town) {
		for i := 1; i < 4; i++ {
			w.greet(t, w.nodes[i], w.nodes[i+3])
		}
		bobs := w.infos()[1:4]
		inner := netip.MustParseAddr("192.168.0.2")
		w.net.Behind(inner, nat.New(nat.Config{Kind: nat.PortBound, Outer: w.host(50)}))
		home := newNode(t, 90, w.net.Host(inner), netip.AddrPortFrom(netip.IPv4Unspecified(), 7000), nil)
		published := 0
		tell := func() { published++; home.publish(t) }
		home.readdressed.Store(&tell)
		home.knows(func() []*routerinfo.RouterInfo { return bobs })
		home.start(t)
		w.nodes = append(w.nodes, home) // it ends with them
		state := func() reach.State { return home.Reach()[0].State }
		introducers := func() []routerinfo.Introducer { return home.info.Load().SSU2()[0].Introducers() }
		for begun := time.Now(); state() != reach.Firewalled || len(introducers()) < wantGuides; time.Sleep(time.Second) {
			if time.Since(begun) > 2*time.Minute {
				t.Fatalf("%v, %d introducers: %s", home.Reach(), len(introducers()), show(home))
			}
		}
		for range 100 {
			for _, i := range introducers() {
				if left := time.Until(time.Unix(i.Expires, 0)); left < guideLife-guideRenew-2*time.Minute {
					t.Fatalf("an introducer's time is over in %v", left)
				}
			}
			if n := len(introducers()); n != wantGuides {
				t.Fatalf("%d introducers, %v", n, state())
			}
			time.Sleep(time.Minute)
		}
		if published < 3 || published > 20 {
			t.Errorf("published %d times", published)
		}
		for i, n := range w.nodes[:7] { // as routers do each half hour
			n.publish(t, w.host(i))
		}
		alice := w.nodes[0]
		alice.knows(w.infos)
		w.greet(t, alice, w.nodes[1]) // tells her where she is
		await(t, "an idea of the own address", func() bool { return alice.driver.desk.guesses(true) })
		w.greet(t, alice, home)
		if n := alice.counter("introduced"); n != 1 {
			t.Errorf("introduced %d times: %s", n, show(alice))
		}
	})
}
