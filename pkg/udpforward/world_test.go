package udpforward

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// world is I2P and a loopback in memory. Nothing gets lost in it but what is said to.
type world struct {
	mu      sync.Mutex
	ports   map[place]*port
	sockets map[netip.AddrPort]*socket
	sent    []datagram.Message // all that went through I2P, as it was sent
	next    uint16
}

// place is a port of a destination.
type place struct {
	at   i2p.Hash
	port uint16
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, &world{ports: make(map[place]*port), sockets: make(map[netip.AddrPort]*socket), next: 1000})
	})
}

func destination(t testing.TB) i2p.Destination {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys.Destination()
}

// inbox is what waits for a reader.
type inbox[T any] struct {
	queue chan T
	gone  chan struct{}
	once  sync.Once
}

func newInbox[T any]() inbox[T] {
	return inbox[T]{queue: make(chan T, 10_000), gone: make(chan struct{})}
}

func (b *inbox[T]) read() (v T, err error) {
	select {
	case v = <-b.queue:
		return v, nil
	case <-b.gone:
		return v, net.ErrClosed
	}
}

// port is one of a destination's.
type port struct {
	inbox[datagram.Message]
	world *world
	place
}

// listen takes a port; 0 is any other.
func (w *world) listen(d i2p.Destination, number uint16) *port {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &port{newInbox[datagram.Message](), w, place{d.Hash(), number}}
	w.ports[p.place] = p
	return p
}

// free is a Listen that takes ports one after the other.
func (w *world) free(d i2p.Destination) func() (Datagrams, error) {
	return func() (Datagrams, error) {
		w.mu.Lock()
		w.next++
		number := w.next
		w.mu.Unlock()
		return w.listen(d, number), nil
	}
}

func (w *world) at(d i2p.Destination, number uint16) func() (Datagrams, error) {
	return func() (Datagrams, error) { return w.listen(d, number), nil }
}

func (p *port) ReadMessage() (datagram.Message, error) { return p.read() }

func (p *port) WriteMessage(m datagram.Message) error {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-p.gone:
		return net.ErrClosed
	default:
	}
	if m.Port == 0 {
		m.Port = p.port
	}
	m.Payload = bytes.Clone(m.Payload)
	w.sent = append(w.sent, m)
	to := w.ports[place{m.Peer, m.PeerPort}]
	if to == nil {
		if to = w.ports[place{m.Peer, 0}]; to == nil {
			return nil
		}
	}
	m.Peer, m.Port, m.PeerPort = p.at, m.PeerPort, m.Port
	if m.Protocol == datagram.Raw {
		m.Peer = i2p.Hash{}
	}
	to.queue <- m
	return nil
}

func (p *port) Close() error {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	delete(p.world.ports, p.place)
	p.once.Do(func() { close(p.gone) })
	return nil
}

// packet is one of the loopback's.
type packet struct {
	from    netip.AddrPort
	payload []byte
}

// socket is one of the loopback's.
type socket struct {
	inbox[packet]
	net.Conn
	world *world
	own   netip.AddrPort
	to    netip.AddrPort // where it is connected
}

// socket binds a port; 0 is the next.
func (w *world) socket(number uint16) *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if number == 0 {
		w.next++
		number = w.next
	}
	s := &socket{inbox: newInbox[packet](), world: w, own: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), number)}
	w.sockets[s.own] = s
	return s
}

func (s *socket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	p, err := s.read()
	return copy(b, p.payload), p.from, err
}

func (s *socket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if far := s.world.sockets[to]; far != nil {
		far.queue <- packet{s.own, bytes.Clone(b)}
	}
	return len(b), nil
}

func (s *socket) Read(b []byte) (int, error) {
	n, _, err := s.ReadFromUDPAddrPort(b)
	return n, err
}

func (s *socket) Write(b []byte) (int, error) { return s.WriteToUDPAddrPort(b, s.to) }

func (s *socket) Close() error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	delete(s.world.sockets, s.own)
	s.once.Do(func() { close(s.gone) })
	return nil
}

// dial is a Dial to a local port.
func (w *world) dial(number uint16) *socket {
	s := w.socket(0)
	s.to = netip.AddrPortFrom(s.own.Addr(), number)
	return s
}

// run serves until the test calls the end.
func run(t *testing.T, serve func(ctx context.Context) error) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
	})
	t.Cleanup(end) // where a test fails
	return end
}

// says sends something to a local port, from another.
func (s *socket) says(payload string, to uint16) {
	s.WriteToUDPAddrPort([]byte(payload), netip.AddrPortFrom(s.own.Addr(), to))
	synctest.Wait()
}

// hears is all that has come to a socket.
func (s *socket) hears() (all []packet) {
	synctest.Wait()
	for {
		select {
		case p := <-s.queue:
			all = append(all, p)
		default:
			return all
		}
	}
}

// heard is what has come, without from whom.
func (s *socket) heard() (all []string) {
	for _, p := range s.hears() {
		all = append(all, string(p.payload))
	}
	return all
}

// protocols are those of what went through I2P since the last call.
func (w *world) protocols() (all []byte) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.sent {
		all = append(all, m.Protocol)
	}
	w.sent = nil
	return all
}
