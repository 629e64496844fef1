package simnet

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/simnet/nat"
)

// TestBehind: a host behind a box of each kind is seen at the box's address, gets the answers of
// whom it writes to, and of strangers what its kind lets in.
func TestBehind(t *testing.T) {
	inner, outer := netip.MustParseAddrPort("192.168.1.2:99"), netip.MustParseAddr("45.1.0.1")
	for _, kind := range nat.Kinds {
		simulate(t, Config{Seed: 1}, func(t *testing.T, n *Net) {
			n.Behind(inner.Addr(), nat.New(nat.Config{Kind: kind, Outer: outer}))
			home := socketAt(t, n, inner)
			friend, stranger := socketAt(t, n, netip.MustParseAddrPort("45.2.0.1:99")), socketAt(t, n, netip.MustParseAddrPort("45.3.0.1:99"))
			at := exchange(t, home, friend, friend.addr)
			if (at.Addr() == outer) == (kind == nat.Firewall) {
				t.Errorf("%v: it is seen at %v", kind, at)
			}
			if back := exchange(t, friend, home, at); back != friend.addr {
				t.Errorf("%v: the answer comes from %v", kind, back)
			}
			stranger.WriteToUDPAddrPort([]byte("?"), at)
			home.SetReadDeadline(time.Now().Add(time.Second))
			_, _, err := home.ReadFromUDPAddrPort(make([]byte, 9))
			if in := err == nil; in != (kind == nat.FullCone) || (n.Stats().Filtered == 0) != in {
				t.Errorf("%v: of a stranger: %v, %+v", kind, err, n.Stats())
			}
		})
	}
}

func socketAt(t *testing.T, n *Net, at netip.AddrPort) *PacketConn {
	t.Helper()
	p, err := n.Host(at.Addr()).ListenPacket(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*PacketConn)
}

// exchange sends a datagram, and gives where it seems to come from.
func exchange(t *testing.T, from, to *PacketConn, at netip.AddrPort) netip.AddrPort {
	t.Helper()
	from.WriteToUDPAddrPort([]byte("!"), at)
	to.SetReadDeadline(time.Now().Add(time.Second))
	_, seen, err := to.ReadFromUDPAddrPort(make([]byte, 9))
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// TestReorder: some datagrams are overtaken, and none is lost for it.
func TestReorder(t *testing.T) {
	link := Link{Latency: 5 * time.Millisecond, Reorder: 0.25, Lag: 10 * time.Millisecond}
	simulate(t, Config{Seed: 1, Link: func(netip.Addr, netip.Addr) Link { return link }}, func(t *testing.T, n *Net) {
		a, b := socketAt(t, n, netip.MustParseAddrPort("45.1.0.1:99")), socketAt(t, n, netip.MustParseAddrPort("45.2.0.1:99"))
		const count = 200
		for i := range count {
			a.WriteToUDPAddrPort([]byte{byte(i)}, b.addr)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		late, last := 0, -1
		for range count {
			p := make([]byte, 1)
			if _, _, err := b.ReadFromUDPAddrPort(p); err != nil {
				t.Fatal(err)
			}
			if int(p[0]) < last {
				late++
			}
			last = max(last, int(p[0]))
		}
		if held := n.Stats().Overtaken; late == 0 || late > int(held) || held < count/8 || held > count/2 {
			t.Errorf("%d came late, %d were held back", late, held)
		}
	})
}
