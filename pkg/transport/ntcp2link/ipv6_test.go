package ntcp2link

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

// An IPv6 session on the loopback address.
func TestIPv6(t *testing.T) {
	buftest.NoLeak(t)
	l, err := transport.Internet{}.Listen(t.Context(), netip.MustParseAddrPort("[::1]:0"))
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	at := transport.AddrOf(l.Addr())
	b := newNode(t, nil, 2, func(c *settings) { c.listenOn(l) }).start(t)
	arrived := make(chan struct{})
	a := newNode(t, nil, 1, func(c *settings) {
		c.Network, c.LocalAllowed, c.Rand = transport.Internet{}, true, nil
		c.Link.Listen = []netip.AddrPort{netip.MustParseAddrPort("[::1]:0")}
		c.Events.Up = func(i2p.Hash, transport.Meeting) { close(arrived) }
	})
	a.info.Store(testInfo(t, &a.cfg, time.Now(), netip.AddrPortFrom(at.Addr(), 9), nil))
	a.start(t)
	if err := a.Send(b.info.Load(), message(20, 1, 100)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-time.After(time.Minute):
		t.Fatal("no session")
	}
	a.halt(t)
	b.halt(t)
}
