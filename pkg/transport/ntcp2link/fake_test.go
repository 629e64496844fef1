package ntcp2link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// pipes is a network of net.Pipe connections between named addresses.
type pipes struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*pipeListener
	moved     map[netip.Addr]netip.Addr // hosts with another address than at first
	port      uint16
}

// move gives a host another address, where it listens from now on.
func (p *pipes) move(host, to netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved == nil {
		p.moved = map[netip.Addr]netip.Addr{}
	}
	from := p.at(host)
	p.moved[host] = to
	for at, l := range p.listeners {
		if at.Addr() == from {
			delete(p.listeners, at)
			p.listeners[netip.AddrPortFrom(to, at.Port())] = l
		}
	}
}

// at is a host's address. The caller holds mu.
func (p *pipes) at(host netip.Addr) netip.Addr {
	if to, ok := p.moved[host]; ok {
		return to
	}
	return host
}

// host is a machine on it; dials come from addr, over what wrap makes of them.
type host struct {
	net  *pipes
	addr netip.Addr
	wrap func(net.Conn) net.Conn
}

type pipeListener struct {
	net    *pipes
	addr   netip.AddrPort
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		maps.DeleteFunc(l.net.listeners, func(_ netip.AddrPort, o *pipeListener) bool { return o == l })
		l.net.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *pipeListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

type pipeConn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c *pipeConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *pipeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (h host) Listen(_ context.Context, addr netip.AddrPort) (net.Listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.listeners == nil {
		h.net.listeners = map[netip.AddrPort]*pipeListener{}
	}
	l := &pipeListener{net: h.net, addr: addr, conns: make(chan net.Conn, 256), closed: make(chan struct{})}
	h.net.listeners[addr] = l
	return l, nil
}

func (h host) ListenPacket(context.Context, netip.AddrPort) (transport.PacketConn, error) {
	return nil, errors.ErrUnsupported
}

func (h host) Addrs() ([]netip.Addr, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return []netip.Addr{h.net.at(h.addr)}, nil
}

func (h host) DialContext(_ context.Context, addr netip.AddrPort) (net.Conn, error) {
	h.net.mu.Lock()
	h.net.port++
	local := netip.AddrPortFrom(h.net.at(h.addr), 40000+h.net.port)
	l := h.net.listeners[addr]
	h.net.mu.Unlock()
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	a, b := net.Pipe()
	select {
	case l.conns <- &pipeConn{b, addr, local}:
		c := net.Conn(&pipeConn{a, local, addr})
		if h.wrap != nil {
			c = h.wrap(c)
		}
		return c, nil
	default:
		return nil, syscall.ECONNREFUSED
	}
}

// opened is the Internet with a listener that is open already: its port must be
// known before the RouterInfo.
type opened struct {
	transport.Internet
	l net.Listener
}

func (o opened) Listen(context.Context, netip.AddrPort) (net.Listener, error) { return o.l, nil }

// listenOn makes a node of the real network.
func (c *settings) listenOn(l net.Listener) {
	c.Network, c.LocalAllowed, c.Rand = opened{l: l}, true, nil
	c.Link.Listen = []netip.AddrPort{transport.AddrOf(l.Addr())}
}

// settings are those of a transport with NTCP2 alone.
type settings struct {
	transport.Config
	Keys *i2p.PrivateKeys
	Link Config
}

// The transport's defaults that tests wait for.
const (
	redialAfter = 3 * time.Second
	spareLife   = 10 * time.Second
	failureLife = 10 * time.Minute
)

// node is a Transport with what a router would give it.
type node struct {
	*transport.Transport
	driver *Driver
	name   string
	cfg    settings
	info   atomic.Pointer[routerinfo.RouterInfo]
	stop   context.CancelFunc
	done   chan error

	infos atomic.Int64

	mu     sync.Mutex
	got    []i2np.Message // without owner
	told   []string
	failed []error
	down   []error
}

func testKeys(t testing.TB, seed byte) (*i2p.PrivateKeys, noise.KeyPair) {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{seed})
	keys, err := i2p.GenerateRouter(rng)
	if err != nil {
		t.Fatal(err)
	}
	static := noise.GenerateKey(rng)
	return keys, static
}

func testInfo(t testing.TB, cfg *settings, published time.Time, at netip.AddrPort, options map[string]string) *routerinfo.RouterInfo {
	t.Helper()
	m := map[string]string{"s": i2p.EncodeBase64(cfg.Link.Keys.Static.Public[:]), "v": "2"}
	if at.IsValid() {
		m["host"], m["port"] = at.Addr().String(), fmt.Sprint(at.Port())
		m["i"] = i2p.EncodeBase64(cfg.Link.Keys.IV[:])
	}
	mapping, err := i2p.NewMapping(m)
	if err != nil {
		t.Fatal(err)
	}
	o := map[string]string{"netId": fmt.Sprint(cfg.NetID), "router.version": "0.9.68", "caps": "LR"}
	for k, v := range options {
		o[k] = v
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: cfg.Keys, Published: i2p.DateOf(published), Options: o,
		Addresses: []routerinfo.Address{{Cost: 3, Style: routerinfo.StyleNTCP2, Options: mapping}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ri
}

// newNode makes a node on host 23.0.0.seed, port 7, not yet running.
func newNode(t testing.TB, net *pipes, seed byte, change func(*settings)) *node {
	t.Helper()
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{23, 0, 0, seed}), 7)
	n := &node{name: string('A' + rune(seed) - 1)}
	keys, static := testKeys(t, seed)
	n.cfg = settings{Keys: keys, Link: Config{Keys: Keys{Static: static, IV: [16]byte{seed}}, Listen: []netip.AddrPort{addr}}}
	n.cfg.Config = transport.Config{
		Self: keys.Router().Hash(), Network: host{net: net, addr: addr.Addr()}, NetID: 99, Env: env.Env{Rand: draw.Seeded([32]byte{seed, 1})},
		Events: n.events(),
	}
	n.cfg.OurInfo = func() *routerinfo.RouterInfo { return n.info.Load() }
	if change != nil {
		change(&n.cfg)
	}
	if len(n.cfg.Link.Listen) > 0 {
		addr = n.cfg.Link.Listen[0]
	} else {
		addr = netip.AddrPort{}
	}
	n.info.Store(testInfo(t, &n.cfg, time.Now(), addr, nil))
	var err error
	n.driver = New(n.cfg.Link)
	n.cfg.Drivers = []transport.Driver{n.driver}
	if n.Transport, err = transport.New(n.cfg.Config); err != nil {
		t.Fatal(err)
	}
	return n
}

// events keeps what the transport tells.
func (n *node) events() transport.Events {
	tell := func(event string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.told = append(n.told, event)
	}
	return transport.Events{
		Deliver: func(from i2p.Hash, m i2np.Message) {
			n.mu.Lock()
			defer n.mu.Unlock()
			c := m
			c.Owner, c.Body = nil, append([]byte(nil), m.Body...)
			m.Release()
			n.got = append(n.got, c)
		},
		PeerInfo: func(*routerinfo.RouterInfo, transport.Meeting, bool) { n.infos.Add(1) },
		Up:       func(i2p.Hash, transport.Meeting) { tell("up") },
		Down: func(_ i2p.Hash, _ string, why error) {
			tell("down")
			n.mu.Lock()
			defer n.mu.Unlock()
			n.down = append(n.down, why)
		},
		Stalled: func(i2p.Hash) { tell("stalled") },
		Failed:  func(_ i2p.Hash, why error) { n.mu.Lock(); n.failed = append(n.failed, why); n.mu.Unlock() },
	}
}

// start runs the node until the test ends or halt.
func (n *node) start(t testing.TB) *node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n.stop, n.done = cancel, make(chan error, 1)
	go func() { n.done <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-n.done:
		t.Fatal(err)
	}
	t.Cleanup(func() { n.halt(t) })
	return n
}

func (n *node) halt(t testing.TB) {
	t.Helper()
	if n.stop == nil {
		return
	}
	n.stop()
	if err := <-n.done; err != nil {
		t.Error(err)
	}
	n.stop = nil
	if s := n.Stats(); s.Sessions != 0 || s.Pending != 0 || s.Dials != 0 {
		t.Errorf("%s after Run: %d sessions, %d pending, %d dials", n.name, s.Sessions, s.Pending, s.Dials)
	}
	if p := n.Peers(); len(p) != 0 {
		t.Errorf("%s after Run: %d peers", n.name, len(p))
	}
}

func (n *node) received() []i2np.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]i2np.Message(nil), n.got...)
}

func (n *node) eventsNow() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.told...)
}

func (n *node) downs() []error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]error(nil), n.down...)
}

// message makes a message in a pooled buffer.
func message(typ i2np.Type, id uint32, size int) i2np.Message {
	o := buf.Get(size)
	for i := range o.Bytes() {
		o.Bytes()[i] = byte(i) ^ byte(id)
	}
	return i2np.Message{Type: typ, ID: id, Expiration: i2p.DateOf(time.Now().Add(time.Minute)), Body: o.Bytes(), Owner: o}
}
