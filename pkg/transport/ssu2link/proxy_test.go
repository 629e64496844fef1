package ssu2link

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/sockstest"
)

// TestBySOCKS: a router that sends all by a proxy has sessions with others, who see the proxy alone. The
// sessions outlive a proxy that is started anew, which then sends from elsewhere.
func TestBySOCKS(t *testing.T) {
	proxy := sockstest.Start(t, "127.0.0.1:0", "", "")
	at := proxy.URL()
	network, err := transport.ThroughSOCKS(transport.Internet{}, at, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a := newNode(t, 31, network, netip.AddrPort{}, func(cfg *Config) { cfg.Listen, cfg.Signing = nil, sign.PrivateKey{} }).start(t, loopback4)
	b := newNode(t, 32, transport.Internet{}, netip.AddrPortFrom(loopback4, 0), nil).start(t, loopback4)
	if host := a.info.Load().SSU2()[0].Host(); host.IsValid() {
		t.Errorf("%v is published", host)
	}
	transfer(t, a, b, 1<<20, 1028, 20*time.Second)
	transfer(t, b, a, 1<<20, 1028, 20*time.Second)
	seen := func() netip.AddrPort { return b.Peers()[0].Addr }
	exit := func() netip.AddrPort { return proxy.Associations()[0].Exit(true) }
	if seen() != exit() {
		t.Errorf("seen as %v, the proxy is %v", seen(), exit())
	}
	first := exit()
	proxy.Stop()
	proxy = sockstest.Start(t, at.Host, "", "")
	transfer(t, a, b, 1<<20, 1028, 20*time.Second)
	transfer(t, b, a, 1<<20, 1028, 20*time.Second)
	await(t, "the move", func() bool { return seen() == exit() })
	if exit() == first || a.up != 1 || b.up != 1 {
		t.Errorf("%v and %v; a %s, b %s", first, exit(), show(a), show(b))
	}
	a.halt(t)
	b.halt(t)
}
