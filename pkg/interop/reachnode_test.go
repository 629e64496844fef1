//go:build linux

package interop

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/ntcp2link"
	"i2ptoolkit/pkg/transport/ssu2link"
)

// host is the network of a host of its own.
type host struct {
	transport.Internet
	ns   *Namespace
	addr netip.Addr
}

func (h host) ListenPacket(_ context.Context, at netip.AddrPort) (transport.PacketConn, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
	}
	conn, err := h.ns.ListenPacket(network, at.String())
	if err != nil {
		return nil, err
	}
	return conn.(transport.PacketConn), nil
}

func (h host) DialContext(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	return h.ns.DialContext(ctx, "tcp", at.String())
}

func (h host) Leaves(v4 bool) netip.Addr {
	if v4 == h.addr.Is4() {
		return h.addr
	}
	return netip.Addr{}
}

func (h host) Addrs() ([]netip.Addr, error) { return []netip.Addr{h.addr}, nil }

// dialler is a table of peers with one transport, of which a test asks to reach a router: what an
// i2p-router has below its core.
type dialler struct {
	*transport.Transport
	keys   *i2p.PrivateKeys
	others []*routerinfo.RouterInfo

	mu   sync.Mutex
	info *routerinfo.RouterInfo
	up   map[i2p.Hash]time.Time
	fail map[i2p.Hash]error
}

func newDialler(t *testing.T, at place, log io.Writer, others []*routerinfo.RouterInfo, ntcp2 bool) *dialler {
	t.Helper()
	keys, err := i2p.GenerateRouter(nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ssu2link.ParseKeys(ssu2link.NewKeys(nil))
	if err != nil {
		t.Fatal(err)
	}
	d := &dialler{keys: keys, others: others, up: map[i2p.Hash]time.Time{}, fail: map[i2p.Hash]error{}}
	from := netip.IPv4Unspecified()
	if at.addr.Is6() {
		from = netip.IPv6Unspecified()
	}
	var driver transport.Driver = ssu2link.New(ssu2link.Config{
		Keys: own, Listen: []netip.AddrPort{netip.AddrPortFrom(from, portTransport)}, Signing: keys.Signing,
	})
	if ntcp2 {
		own, err := ntcp2link.ParseKeys(ntcp2link.NewKeys(nil))
		if err != nil {
			t.Fatal(err)
		}
		driver = ntcp2link.New(ntcp2link.Config{Keys: own})
	}
	known := func(h i2p.Hash) *routerinfo.RouterInfo {
		if i := slices.IndexFunc(others, func(ri *routerinfo.RouterInfo) bool { return ri.Hash() == h }); i >= 0 {
			return others[i]
		}
		return nil
	}
	d.Transport, err = transport.New(transport.Config{
		Self: keys.Router().Hash(), NetID: NetID, Network: host{ns: at.ns, addr: at.addr}, LocalAllowed: true,
		Env:     env.Env{Rand: draw.From(nil), Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		Drivers: []transport.Driver{driver}, OurInfo: d.ours,
		Others: transport.Others{
			Known: known, Find: func(_ context.Context, h i2p.Hash) *routerinfo.RouterInfo { return known(h) },
			All: func() []*routerinfo.RouterInfo { return others[:min(4, len(others))] },
		},
		Events: transport.Events{
			Deliver: func(_ i2p.Hash, m i2np.Message) { m.Release() },
			Up: func(h i2p.Hash, _ transport.Meeting) {
				d.mu.Lock()
				d.up[h] = time.Now()
				d.mu.Unlock()
			},
			Failed: func(h i2p.Hash, err error) {
				d.mu.Lock()
				d.fail[h] = err
				d.mu.Unlock()
			},
			Readdressed: func() { d.publish(t) },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-d.Ready()
	d.publish(t)
	return d
}

func (d *dialler) ours() *routerinfo.RouterInfo {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.info
}

// publish makes the RouterInfo anew.
func (d *dialler) publish(t *testing.T) {
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: d.keys, Published: i2p.DateOf(time.Now()), Addresses: d.Publish(d.Found()),
		Options: map[string]string{"caps": "LR", "netId": strconv.Itoa(NetID), "router.version": "0.9.67"},
	})
	if err != nil {
		t.Error(err)
		return
	}
	d.mu.Lock()
	d.info = ri
	d.mu.Unlock()
	d.InfoChanged()
}

// reach dials a router, and tells how long that took.
func (d *dialler) reach(ctx context.Context, ri *routerinfo.RouterInfo, limit time.Duration) (time.Duration, error) {
	begun := time.Now()
	h := ri.Hash()
	d.mu.Lock()
	delete(d.fail, h)
	d.mu.Unlock()
	m := i2np.Message{
		Type: i2np.DatabaseSearchReplyType, ID: 1, Expiration: i2p.DateOf(time.Now().Add(time.Minute)),
		Body: (i2np.DatabaseSearchReply{Key: h, From: d.keys.Router().Hash()}).AppendTo(nil),
	}
	if err := d.Send(ri, m); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		d.mu.Lock()
		at, err := d.up[h], d.fail[h]
		d.mu.Unlock()
		switch {
		case !at.IsZero():
			return max(0, at.Sub(begun)), nil
		case err != nil:
			return 0, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
