package sam

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
)

// world is I2P in memory: destinations that reach each other at once.
type world struct {
	passed atomic.Int64 // how often somebody waited for datagrams to be passed on
	mu     sync.Mutex
	all    map[i2p.Hash]*fake
	names  map[string]i2p.Destination
	stuck  atomic.Bool // no destination gets ready
}

func newWorld() *world {
	return &world{all: make(map[i2p.Hash]*fake), names: make(map[string]i2p.Destination)}
}

// setup is what a server of a test is made of.
type setup struct {
	Config
	door     door.Config
	settings door.Settings
}

// open is a server with its door.
type open struct {
	*Server
	door *door.Door
	at   net.Addr
}

// server is one that runs until the test ends.
func (w *world) server(t testing.TB, s Settings, change ...func(*setup)) open {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	with := setup{
		Config:   Config{Open: w.open, Defaults: options.Default, Resolve: w.resolve},
		door:     door.Config{Name: "sam", Cost: 4, Listen: func(string, string) (net.Listener, error) { return l, nil }},
		settings: door.Settings{Enabled: true, Listen: []string{l.Addr().String()}},
	}
	for _, f := range change {
		f(&with)
	}
	srv := open{Server: New(with.Config), at: l.Addr()}
	srv.Apply(s)
	with.door.Serve = srv.Serve
	srv.door = door.New(with.door)
	if err := srv.door.Apply(with.settings); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	for _, run := range []func(context.Context) error{srv.Run, srv.door.Run} {
		go func() { done <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.all) > 0 {
			t.Errorf("%d destinations are left", len(w.all))
		}
	})
	if s.UDP != "" {
		await(t, "the socket for datagrams", func() bool { return srv.udpAddr() != "" })
	}
	return srv
}

func (s open) addr() string { return s.at.String() }

func (s *Server) udpAddr() string {
	s.udp.mu.Lock()
	defer s.udp.mu.Unlock()
	if s.udp.conn == nil {
		return ""
	}
	return s.udp.conn.LocalAddr().String()
}

func (w *world) resolve(ctx context.Context, by naming.Resolver, name i2p.Name) (i2p.Destination, error) {
	switch name.Kind {
	case i2p.NameDestination:
		return name.Destination, nil
	case i2p.NameAddress, i2p.NameHash:
		return by.Resolve(ctx, name.Hash)
	case i2p.NameBlinded:
		return by.ResolveBlinded(ctx, name.Blinded)
	}
	if d, is := w.names[name.Host]; is {
		return d, nil
	}
	return i2p.Destination{}, naming.ErrUnknown
}

func (w *world) open(_ context.Context, keys *i2p.PrivateKeys, o options.Options) (Local, error) {
	if keys == nil {
		var err error
		if keys, err = i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	hash := keys.Destination().Hash()
	if w.all[hash] != nil {
		return nil, destinations.ErrInUse
	}
	f := &fake{
		world: w, id: keys.Destination(), asked: o, done: make(chan struct{}),
		listeners: make(map[uint16]*fakeListener), ports: make(map[fakePort]*fakeDatagrams),
	}
	w.all[hash] = f
	return f, nil
}

func (w *world) find(h i2p.Hash) *fake {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[h]
}

// fake is a destination of a world.
type fake struct {
	world     *world
	id        i2p.Destination
	asked     options.Options
	done      chan struct{}
	once      sync.Once
	listeners map[uint16]*fakeListener // under the world's lock, as ports are
	ports     map[fakePort]*fakeDatagrams
}

type fakePort struct {
	protocol byte
	port     uint16
}

func (f *fake) Destination() i2p.Destination { return f.id }
func (f *fake) Address() string              { return f.id.B32() }
func (f *fake) Done() <-chan struct{}        { return f.done }
func (f *fake) Pass()                        { f.world.passed.Add(1) }

func (f *fake) Ready(ctx context.Context) error {
	if f.world.stuck.Load() {
		<-ctx.Done()
		return destinations.ErrNoTunnels
	}
	return nil
}

func (f *fake) Close() error {
	f.once.Do(func() {
		f.world.mu.Lock()
		defer f.world.mu.Unlock()
		delete(f.world.all, f.id.Hash())
		close(f.done)
	})
	return nil
}

func (f *fake) Resolve(_ context.Context, h i2p.Hash) (i2p.Destination, error) {
	if to := f.world.find(h); to != nil {
		return to.id, nil
	}
	return i2p.Destination{}, destinations.ErrNotFound
}

func (f *fake) ResolveBlinded(context.Context, i2p.BlindedAddress) (i2p.Destination, error) {
	return i2p.Destination{}, destinations.ErrNotFound
}

// fakeSet is a lease set of which the options alone are known.
type fakeSet struct {
	leaseset.Set
	options i2p.Mapping
}

func (s fakeSet) Options() i2p.Mapping { return s.options }

func (f *fake) Lookup(_ context.Context, h i2p.Hash) (leaseset.Set, error) {
	to := f.world.find(h)
	if to == nil {
		return nil, destinations.ErrNotFound
	}
	m, err := i2p.NewMapping(to.asked.Services)
	return fakeSet{options: m}, err
}

// end is one end of a stream.
type end struct {
	net.Conn
	local, remote sockets.Addr
}

func (e end) LocalAddr() net.Addr  { return e.local }
func (e end) RemoteAddr() net.Addr { return e.remote }

type fakeListener struct {
	f     *fake
	port  uint16
	queue chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (f *fake) Listen(port uint16) (Listener, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	if f.listeners[port] != nil {
		return nil, destinations.ErrTaken
	}
	l := &fakeListener{f: f, port: port, queue: make(chan net.Conn, 128), done: make(chan struct{})}
	f.listeners[port] = l
	return l, nil
}

func (l *fakeListener) Accept(ctx context.Context) (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *fakeListener) Close() error {
	l.once.Do(func() {
		l.f.world.mu.Lock()
		defer l.f.world.mu.Unlock()
		delete(l.f.listeners, l.port)
		close(l.done)
	})
	return nil
}

func (f *fake) Dial(ctx context.Context, to i2p.Destination, from, port uint16) (net.Conn, error) {
	peer := f.world.find(to.Hash())
	if peer == nil {
		return nil, destinations.ErrNotFound
	}
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	l := peer.listeners[port]
	if l == nil {
		l = peer.listeners[0]
	}
	if l == nil {
		return nil, destinations.ErrRefused
	}
	here, there := net.Pipe()
	me, other := sockets.Addr{Destination: f.id, Port: from}, sockets.Addr{Destination: peer.id, Port: port}
	l.queue <- end{there, other, me}
	return end{here, me, other}, nil
}

type fakeDatagrams struct {
	f     *fake
	at    fakePort
	queue chan datagram.Message
	done  chan struct{}
	once  sync.Once
}

func (f *fake) Datagrams(protocol byte, port uint16) (Datagrams, error) {
	return f.Raw(protocol, port)
}

func (f *fake) Raw(protocol byte, port uint16) (Datagrams, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	at := fakePort{protocol, port}
	if f.ports[at] != nil {
		return nil, destinations.ErrTaken
	}
	d := &fakeDatagrams{f: f, at: at, queue: make(chan datagram.Message, 1000), done: make(chan struct{})}
	f.ports[at] = d
	return d, nil
}

func (d *fakeDatagrams) ReadMessage() (datagram.Message, error) {
	select {
	case m := <-d.queue:
		return m, nil
	case <-d.done:
		return datagram.Message{}, net.ErrClosed
	}
}

func (d *fakeDatagrams) Waiting() int { return len(d.queue) }

var errTooLong = errors.New("too long")

func (d *fakeDatagrams) WriteMessage(m datagram.Message) error {
	if len(m.Payload) > 60_000 {
		return errTooLong
	}
	peer := d.f.world.find(m.Peer)
	if peer == nil {
		return nil // they get lost
	}
	m.Port, m.PeerPort = m.PeerPort, m.Port
	m.From, m.Peer = d.f.id, d.f.id.Hash()
	d.f.world.mu.Lock()
	defer d.f.world.mu.Unlock()
	for _, at := range []fakePort{{m.Protocol, m.Port}, {m.Protocol, 0}, {0, m.Port}, {0, 0}} {
		if to := peer.ports[at]; to != nil {
			select {
			case to.queue <- m:
			default:
			}
			return nil
		}
	}
	return nil
}

func (d *fakeDatagrams) Close() error {
	d.once.Do(func() {
		d.f.world.mu.Lock()
		defer d.f.world.mu.Unlock()
		delete(d.f.ports, d.at)
		close(d.done)
	})
	return nil
}
