package ssu2link

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
)

// TestTokens: routers that have had a session give each other tokens, and come back with them, after
// a restart of both, without asking for one.
func TestTokens(t *testing.T) {
	simulate(t, simnet.Link{Latency: 20 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		var kept [2][]byte
		start := func(i int, tokens []byte) *node {
			return newNode(t, byte(31+i), net.Host(hosts[i]), netip.AddrPortFrom(hosts[i], 7000), func(c *Config) {
				c.Tokens, c.KeepTokens = tokens, func(file []byte) { kept[i] = file }
			}).start(t, hosts[i])
		}
		retries := func(n *node) uint64 { return n.driver.sockets[0].endpoint.Counts().Retries }
		meet := func(from, to *node) {
			t.Helper()
			transfer(t, from, to, 1<<14, 1028, time.Minute)
			time.Sleep(time.Second)
			from.halt(t)
			time.Sleep(time.Second)
			to.halt(t)
		}
		a, b := start(0, nil), start(1, nil)
		meet(a, b)
		if retries(b) != 1 {
			t.Errorf("the first handshake took %d retries", retries(b))
		}
		for i, name := range []string{"dialled", "was dialled"} { // each of the two may begin
			nodes := [2]*node{start(0, kept[0]), start(1, kept[1])}
			from, to := nodes[i], nodes[1-i]
			meet(from, to)
			if retries(to) != 0 {
				t.Errorf("the one that %s comes back: %d retries", name, retries(to))
			}
		}
		// A file that is not one is a help that is missing, and no more.
		nodes := [2]*node{start(0, []byte("no tokens")), start(1, kept[1])}
		meet(nodes[0], nodes[1])
		if retries(nodes[1]) != 1 {
			t.Errorf("without tokens: %d retries", retries(nodes[1]))
		}
	})
}

// TestTokensFromElsewhere: what a router was given at one address it does not take for its own at another.
func TestTokensFromElsewhere(t *testing.T) {
	simulate(t, simnet.Link{Latency: 20 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		peer, here := netip.AddrPortFrom(hosts[1], 7000), netip.AddrPortFrom(hosts[0], 7000)
		before := ssu2.NewTokens(draw.Seeded([32]byte{1}))
		before.Here(ssu2.Where{From: here})
		before.Keep(time.Now(), peer, ssu2.NewToken{Expires: uint32(time.Now().Add(time.Hour).Unix()), Token: 7})
		for at, want := range map[netip.AddrPort]ssu2.Token{here: 7, netip.AddrPortFrom(hosts[0], 7001): 0} {
			n := newNode(t, 35, net.Host(hosts[0]), at, func(c *Config) { c.Tokens = ssu2.TokensFile(before) }).start(t, hosts[0])
			var got ssu2.Token
			s := n.driver.sockets[0]
			s.box.Do(func() { got = s.endpoint.Tokens().Take(time.Now(), peer) })
			if got != want {
				t.Errorf("at %v: token %d, expected %d", at, got, want)
			}
			n.halt(t)
		}
	})
}

// roaming is a network with a socket that can go elsewhere.
type roaming struct {
	transport.Network
	to  netip.AddrPort
	now atomic.Pointer[transport.PacketConn]
	was transport.PacketConn
}

func (r *roaming) ListenPacket(ctx context.Context, at netip.AddrPort) (transport.PacketConn, error) {
	c, err := r.Network.ListenPacket(ctx, at)
	r.was = c
	r.now.Store(&c)
	return &roamer{c, r}, err
}

// leave has all come from elsewhere, and nothing come where it was.
func (r *roaming) leave(t *testing.T) {
	t.Helper()
	c, err := r.Network.ListenPacket(t.Context(), r.to)
	if err != nil {
		t.Fatal(err)
	}
	r.now.Store(&c)
	r.was.SetReadDeadline(time.Now())
}

type roamer struct {
	transport.PacketConn
	*roaming
}

func (r *roamer) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := (*r.now.Load()).ReadFromUDPAddrPort(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, from, err
		}
	}
}

func (r *roamer) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return (*r.now.Load()).WriteToUDPAddrPort(b, to)
}

func (r *roamer) Close() error { return errors.Join((*r.now.Load()).Close(), r.was.Close()) }

// TestTokensOfOldAddress: a router whose address changes forgets all tokens, which were for that, and
// gives its peers others; and so does one whose peer is elsewhere.
func TestTokensOfOldAddress(t *testing.T) {
	simulate(t, simnet.Link{Latency: 20 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		elsewhere := netip.MustParseAddr("23.0.0.3")
		away := &roaming{Network: net.Host(hosts[0], elsewhere), to: netip.AddrPortFrom(elsewhere, 7000)}
		a := newNode(t, 33, away, netip.AddrPortFrom(hosts[0], 7000), nil).start(t, hosts[0])
		b := newNode(t, 34, net.Host(hosts[1]), netip.AddrPortFrom(hosts[1], 7000), nil).start(t, hosts[1])
		transfer(t, a, b, 1<<14, 1028, time.Minute)
		time.Sleep(time.Second)
		tokens := func(n *node, f func(*ssu2.Tokens)) {
			s := n.driver.sockets[0]
			s.box.Do(func() { f(s.endpoint.Tokens()) })
		}
		keep := func(n *node, of netip.AddrPort) {
			tokens(n, func(k *ssu2.Tokens) {
				k.Keep(time.Now(), of, ssu2.NewToken{Expires: uint32(time.Now().Add(time.Hour).Unix()), Token: 7})
			})
		}
		take := func(n *node, of netip.AddrPort) (token ssu2.Token) {
			tokens(n, func(k *ssu2.Tokens) { token = k.Take(time.Now(), of) })
			return token
		}
		old, other, peer := netip.AddrPortFrom(hosts[0], 7000), netip.MustParseAddrPort("23.0.0.9:7000"), netip.AddrPortFrom(hosts[1], 7000)
		for _, at := range []netip.AddrPort{other, peer} {
			keep(a, at)
		}
		keep(b, old)
		keep(b, other)
		away.leave(t)
		a.driver.Moved([]netip.Addr{hosts[0]})
		time.Sleep(2 * time.Second)
		if b.counter("moved") != 1 {
			t.Fatalf("the session has not moved: %s", show(b))
		}
		if take(a, other) != 0 {
			t.Error("a token for our old address is kept")
		}
		if n := take(a, peer); n == 0 || n == 7 {
			t.Error("there is no other token of the peer's")
		}
		if take(b, old) != 0 {
			t.Error("a token of the peer's old address is kept")
		}
		if take(b, away.to) == 0 {
			t.Error("there is no token of the peer's new address")
		}
		if take(b, other) != 7 {
			t.Error("another's token is gone")
		}
		a.halt(t)
		b.halt(t)
	})
}
