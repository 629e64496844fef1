package ssu2link

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/transport"
)

// TestHybrid: sessions have the hybrid that the dialled router publishes, where the other
// speaks any; over IPv6 ML-KEM-768 takes a larger MTU than over IPv4.
func TestHybrid(t *testing.T) {
	for _, c := range []struct {
		host       netip.Addr
		alice, bob kem.Kind
		mtu        int
		pq         string // Bob's
		want       kem.Kind
	}{
		{loopback4, kem.MLKEM768, kem.MLKEM768, 1500, "4,3", kem.MLKEM768},
		{loopback6, kem.MLKEM768, kem.MLKEM768, 1337, "3", kem.MLKEM512},
		{loopback6, kem.MLKEM512, kem.MLKEM768, 1500, "4,3", kem.MLKEM768},
		{loopback4, kem.MLKEM768, kem.MLKEM512, 1318, "3", kem.MLKEM512},
		{loopback4, kem.MLKEM768, kem.None, 1500, "", kem.None},
		{loopback4, kem.None, kem.MLKEM768, 1500, "4,3", kem.None},
	} {
		at := netip.AddrPortFrom(c.host, 0)
		a := newNode(t, 21, transport.Internet{}, at, func(cfg *Config) { cfg.Hybrid = c.alice }).start(t, c.host)
		b := newNode(t, 22, transport.Internet{}, at, func(cfg *Config) { cfg.Hybrid, cfg.MTU = c.bob, c.mtu }).start(t, c.host)
		for _, address := range [][]netip.Addr{{c.host}, nil} {
			if got := b.Publish(address)[0].Options.Get("pq"); got != c.pq {
				t.Errorf("%v with an MTU of %d publishes pq=%q at %v, want %q", c.bob, c.mtu, got, address, c.pq)
			}
		}
		transfer(t, a, b, 1<<14, 1028, 20*time.Second)
		for _, n := range []*node{a, b} {
			if p := n.Peers(); len(p) != 1 || p[0].Hybrid != c.want {
				t.Errorf("%v dials %v: %+v, want %v", c.alice, c.bob, p, c.want)
			}
		}
		a.halt(t)
		b.halt(t)
	}
}
