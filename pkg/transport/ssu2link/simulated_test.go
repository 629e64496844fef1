package ssu2link

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/transport"
)

// simulate runs a network of two hosts in simulated time.
func simulate(t *testing.T, link simnet.Link, f func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)))
		hosts := [2]netip.Addr{netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.0.2")}
		net := simnet.New(simnet.Config{Seed: 7, Link: func(netip.Addr, netip.Addr) simnet.Link { return link }})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { net.Run(ctx) })
		f(t, net, hosts)
		cancel()
		wg.Wait()
	})
}

// TestFarAndLossy: a path of 200 ms that loses one datagram in twenty and has them overtake
// each other.
func TestFarAndLossy(t *testing.T) {
	lent := buf.InUse()
	link := simnet.Link{Latency: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.05}
	total := 4 << 20
	if raceEnabled {
		total = 1 << 20
	}
	simulate(t, link, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		a := newNode(t, 5, net.Host(hosts[0]), netip.AddrPortFrom(hosts[0], 7000), nil).start(t, hosts[0])
		b := newNode(t, 6, net.Host(hosts[1]), netip.AddrPortFrom(hosts[1], 7000), nil).start(t, hosts[1])
		took := transfer(t, a, b, total, 1028, time.Minute)
		t.Logf("%d bytes in %v; %s", total, took, show(a))
		if took > 15*time.Second || a.broken+b.broken > 0 {
			t.Errorf("took %v; %s", took, show(b))
		}
		a.halt(t)
		b.halt(t)
	})
	if n := buf.InUse(); n != lent {
		t.Errorf("%d buffers are still lent", n-lent)
	}
}

// TestStalled: a peer that is cut off is told of as stalled, and dropped in the end; one that
// comes back in time goes on.
func TestStalled(t *testing.T) {
	simulate(t, simnet.Link{Latency: 20 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		a := newNode(t, 7, net.Host(hosts[0]), netip.AddrPortFrom(hosts[0], 7000), nil).start(t, hosts[0])
		b := newNode(t, 8, net.Host(hosts[1]), netip.AddrPortFrom(hosts[1], 7000), nil).start(t, hosts[1])
		transfer(t, a, b, 1<<16, 1028, time.Minute)
		net.Cut(hosts[0], hosts[1])
		a.Send(b.info.Load(), message(1, 1<<30, 1000))
		time.Sleep(5 * time.Second)
		if p := a.Peers(); len(p) != 1 || !p[0].Stalled {
			t.Errorf("not stalled: %+v", p)
		}
		net.Mend(hosts[0], hosts[1])
		time.Sleep(5 * time.Second)
		if p := a.Peers(); len(p) != 1 || p[0].Stalled {
			t.Errorf("still stalled: %+v", p)
		}
		net.Cut(hosts[0], hosts[1])
		a.Send(b.info.Load(), message(1, 1<<30+1, 1000))
		time.Sleep(30 * time.Second)
		if a.Connected(b.keys.Router().Hash()) {
			t.Error("the session outlives its peer")
		}
		a.halt(t)
		b.halt(t)
	})
}

// TestBorrows: what a session holds beyond its own is borrowed, of what there is for all, and given back: when it has arrived,
// when the peer is silent and the session ends, and with the router.
func TestBorrows(t *testing.T) {
	const most = 1 << 20
	simulate(t, simnet.Link{Latency: 100 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		limits := transport.Limits{LentBytes: most}
		a := newLimited(t, 9, net.Host(hosts[0]), netip.AddrPortFrom(hosts[0], 7000), limits, nil).start(t, hosts[0])
		b := newNode(t, 10, net.Host(hosts[1]), netip.AddrPortFrom(hosts[1], 7000), nil).start(t, hosts[1])
		held, lent := 0, 0
		look := func() {
			done := make(chan struct{})
			for _, s := range a.driver.sockets {
				s.box.Call(func() {
					for _, l := range s.links {
						held = max(held, l.s.Held())
					}
					close(done)
				})
			}
			<-done
			lent = max(lent, a.Stats().Lent)
		}
		flood := func(until time.Duration) {
			for id, begun := uint32(1), time.Now(); time.Since(begun) < until; time.Sleep(10 * time.Millisecond) {
				for range 100 {
					a.Send(b.info.Load(), message(i2np.TunnelDataType, id, 1028))
					id++
				}
				look()
			}
		}
		flood(3 * time.Second)
		if held <= ownHeld || held > ownHeld+most/2+batchMemory || lent == 0 || lent > most {
			t.Errorf("%d bytes were held at once, and %d lent", held, lent)
		}
		time.Sleep(5 * time.Second)
		if n := a.Stats().Lent; n != 0 {
			t.Errorf("%d bytes are lent, and all has arrived", n)
		}
		flood(time.Second)
		net.Cut(hosts[0], hosts[1])
		flood(time.Second)
		time.Sleep(time.Minute)
		if n := a.Stats().Lent; n != 0 || a.Connected(b.keys.Router().Hash()) {
			t.Errorf("%d bytes are lent, and the session has ended", n)
		}
		net.Mend(hosts[0], hosts[1])
		flood(2 * time.Second)
		a.halt(t)
		if n := a.Stats().Lent; n != 0 {
			t.Errorf("%d bytes are lent, and the router has ended", n)
		}
		b.halt(t)
	})
}

// batchMemory is how much memory what a session takes at once may have, beyond what it may hold by then: a window's worth.
const batchMemory = 1 << 20
