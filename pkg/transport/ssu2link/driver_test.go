package ssu2link

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/transport"
)

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// TestLoopback: over the system's own sockets, IPv4 and IPv6, messages of all sizes arrive,
// both ways, and all ends in good order.
func TestLoopback(t *testing.T) {
	for _, host := range []netip.Addr{loopback4, loopback6} {
		t.Run(host.String(), func(t *testing.T) {
			lent := buf.InUse()
			a := newNode(t, 1, transport.Internet{}, netip.AddrPortFrom(host, 0), nil).start(t, host)
			b := newNode(t, 2, transport.Internet{}, netip.AddrPortFrom(host, 0), nil).start(t, host)
			total := 4 << 20
			if raceEnabled {
				total /= 16
			}
			took := transfer(t, a, b, total, 1028, 20*time.Second)
			t.Logf("%.1f MB/s", float64(total)/1e6/took.Seconds())
			transfer(t, b, a, total/4, 3000, 20*time.Second)
			transfer(t, a, b, total/4, 61<<10, 20*time.Second)
			if s := a.Stats(); s.Dialed != 1 || s.Sessions != 1 {
				t.Errorf("%+v", s)
			}
			if a.broken+b.broken > 0 || a.up != 1 || b.up != 1 {
				t.Errorf("%s; %s", show(a), show(b))
			}
			st := a.Peers()
			if len(st) != 1 || st[0].Transport != "SSU2" || st[0].RTT <= 0 || st[0].Addr.Addr() != host {
				t.Errorf("%+v", st)
			}
			a.halt(t)
			await(t, "the other hears of the end", func() bool { return !b.Connected(a.keys.Router().Hash()) })
			b.halt(t)
			if n := buf.InUse(); n != lent {
				t.Errorf("%d buffers are still lent", n-lent)
			}
		})
	}
}

// TestUnreachable: a dial of somebody who is not there fails, and is told.
func TestUnreachable(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a handshake")
	}
	lent := buf.InUse()
	a := newNode(t, 3, transport.Internet{}, netip.AddrPortFrom(loopback4, 0), nil).start(t, loopback4)
	b := newNode(t, 4, transport.Internet{}, netip.AddrPortFrom(loopback4, 0), nil).start(t, loopback4)
	b.halt(t)
	if err := a.Send(b.info.Load(), message(1, 1, 100)); err != nil {
		t.Fatal(err)
	}
	a.halt(t) // while it is under way
	if n := buf.InUse(); n != lent {
		t.Errorf("%d buffers are still lent", n-lent)
	}
}
