package socks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
)

// port is one of I2P at which a test is the network.
type port struct {
	in, out chan datagram.Message
	closed  chan struct{}
	once    sync.Once
}

func (p *port) ReadMessage() (datagram.Message, error) {
	select {
	case m := <-p.in:
		return m, nil
	case <-p.closed:
		return datagram.Message{}, net.ErrClosed
	}
}

func (p *port) WriteMessage(m datagram.Message) error {
	m.Payload = bytes.Clone(m.Payload)
	p.out <- m
	return nil
}

func (p *port) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// udp is a client's association with a Proxy on loopback.
type udp struct {
	control net.Conn
	socket  *net.UDPConn
	proxy   netip.AddrPort
	far     *port
	counts  *Proxy
	stop    func()
}

// associateWith makes an association.
func associateWith(t *testing.T, resolve func(ctx context.Context, host string) (i2p.Destination, error), limits Limits) *udp {
	t.Helper()
	u := &udp{far: &port{in: make(chan datagram.Message), out: make(chan datagram.Message, 10), closed: make(chan struct{})}}
	u.counts = New(Config{Resolve: resolve, Limits: limits, Listen: func() (Datagrams, error) { return u.far, nil }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- u.counts.Serve(ctx, l) }()
	u.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(u.stop)
	if u.control, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.control.Close() })
	io.WriteString(u.control, ask5(associate, ipv4, "\x00\x00\x00\x00", 0))
	answer := make([]byte, 12)
	if _, err := io.ReadFull(u.control, answer); err != nil || answer[3] != 0 {
		t.Fatalf("%x: %v", answer, err)
	}
	at, err := readAddress(bytes.NewReader(answer[5:]))
	if err != nil {
		t.Fatal(err)
	}
	u.proxy = netip.AddrPortFrom(at.ip, at.port)
	u.socket = newSocket(t)
	return u
}

func newSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.SetDeadline(time.Now().Add(10 * time.Second))
	return s
}

func (u *udp) send(t *testing.T, s *net.UDPConn, b []byte) {
	t.Helper()
	if _, err := s.WriteToUDPAddrPort(b, u.proxy); err != nil {
		t.Fatal(err)
	}
}

func (u *udp) receive(t *testing.T) (from address, payload string) {
	t.Helper()
	b := make([]byte, 1<<16)
	n, err := u.socket.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	from, p, err := parsePacket(b[:n])
	if err != nil {
		t.Fatal(err)
	}
	return from, string(p)
}

// TestAssociate: datagrams of a client go to the destinations that it names, and those of these
// come back to it under the same names; nobody else takes part.
func TestAssociate(t *testing.T) {
	known := map[string]i2p.Destination{"a.i2p": destination(t), "b.i2p": destination(t)}
	u := associateWith(t, func(_ context.Context, host string) (i2p.Destination, error) {
		if d, ok := known[host]; ok {
			return d, nil
		}
		return i2p.Destination{}, destinations.ErrNotFound
	}, Limits{})
	a, b := known["a.i2p"].Hash(), known["b.i2p"].Hash()

	u.send(t, u.socket, appendPacket(nil, address{host: "A.i2p", port: 53}, []byte("question")))
	if m := <-u.far.out; m.Protocol != datagram.Repliable || m.Peer != a || m.PeerPort != 53 || string(m.Payload) != "question" {
		t.Errorf("%+v", m)
	}
	u.far.in <- datagram.Message{Protocol: datagram.Raw, PeerPort: 53, Payload: []byte("raw")} // there is only one
	if from, got := u.receive(t); from != (address{host: "A.i2p", port: 53}) || got != "raw" {
		t.Errorf("%q from %+v", got, from)
	}
	u.send(t, u.socket, appendPacket(nil, address{host: "b.i2p", port: 7}, []byte("other")))
	if m := <-u.far.out; m.Peer != b || m.PeerPort != 7 {
		t.Errorf("%+v", m)
	}

	// Nobody's, a stranger's, and one's of whom nobody can tell.
	stranger := newSocket(t)
	u.send(t, stranger, appendPacket(nil, address{host: "a.i2p", port: 53}, []byte("stranger")))
	u.send(t, u.socket, []byte("no SOCKS"))
	u.send(t, u.socket, appendPacket(nil, address{host: "example.org", port: 53}, nil))
	u.send(t, u.socket, appendPacket(nil, address{ip: netip.MustParseAddr("127.0.0.1"), port: 53}, nil))
	u.send(t, u.socket, appendPacket(nil, address{host: "c.i2p", port: 53}, nil))
	u.far.in <- datagram.Message{Protocol: datagram.Repliable, Peer: destination(t).Hash(), Payload: []byte("unasked")}
	u.far.in <- datagram.Message{Protocol: datagram.Raw, PeerPort: 53, Payload: []byte("whose")}
	u.far.in <- datagram.Message{Protocol: datagram.Repliable, Peer: b, PeerPort: 7, Payload: []byte("answer")}
	if from, got := u.receive(t); from != (address{host: "b.i2p", port: 7}) || got != "answer" {
		t.Errorf("%q from %+v", got, from)
	}
	u.send(t, u.socket, appendPacket(nil, address{host: "b.i2p", port: 7}, []byte("last")))
	if m := <-u.far.out; string(m.Payload) != "last" {
		t.Errorf("%+v", m)
	}

	u.control.Close()
	<-u.far.closed
	u.stop()
	st := u.counts.Stats()
	if st.DatagramsOut != 3 || st.DatagramsIn != 2 || st.DatagramsRefused != 6 {
		t.Errorf("%+v", st)
	}
}

// TestResolving: what is sent before the destination is known waits, within bounds, in order; where
// there is none, the next datagram asks again.
func TestResolving(t *testing.T) {
	dest := destination(t)
	p := New(Config{Resolve: func(_ context.Context, host string) (i2p.Destination, error) {
		if host == "a.i2p" {
			return dest, nil
		}
		return i2p.Destination{}, destinations.ErrNotFound
	}})
	far := &port{out: make(chan datagram.Message, maxWaiting)}
	a := &association{proxy: p, far: far, peers: make(map[string]*peer)}
	var asked *peer
	for i := range maxWaiting + 2 {
		if p, resolve := a.address("a.i2p", &datagram.Message{Payload: []byte{byte(i)}}); resolve {
			asked = p
		}
	}
	a.resolve(t.Context(), asked, "a.i2p")
	for i := range maxWaiting {
		if m := <-far.out; m.Peer != dest.Hash() || m.Payload[0] != byte(i) {
			t.Errorf("%d: %+v", i, m)
		}
	}
	for range 2 {
		nobody, resolve := a.address("b.i2p", new(datagram.Message))
		if !resolve {
			t.Fatal("it is not asked for")
		}
		a.resolve(t.Context(), nobody, "b.i2p")
	}
	if st := p.Stats(); st.DatagramsLost != 4 || st.DatagramsOut != maxWaiting {
		t.Errorf("%+v", st)
	}
}

// TestPeers: of too many peers the one that was not written to for longest is forgotten.
func TestPeers(t *testing.T) {
	a := &association{proxy: New(Config{Limits: Limits{Peers: 2}}), peers: make(map[string]*peer)}
	for _, name := range []string{"a", "b", "a", "c"} {
		a.address(name, new(datagram.Message))
	}
	if a.peers["a"] == nil || a.peers["b"] != nil || a.peers["c"] == nil || a.proxy.Stats().DatagramsLost != 1 {
		t.Errorf("%v", a.peers)
	}
}

// TestCrowdedAssociations: there are only so many.
func TestCrowdedAssociations(t *testing.T) {
	p := New(Config{Limits: Limits{Associations: 1}})
	p.cfg.Listen = func() (Datagrams, error) { return nil, destinations.ErrClosed }
	p.cfg.Resolve = func(context.Context, string) (i2p.Destination, error) { return i2p.Destination{}, nil }
	p.counts.associations.Add(1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := p.associate(t.Context(), c, request{version: 5}); !errors.Is(err, errCrowded) {
		t.Error(err)
	}
	p.counts.associations.Add(-1)
	if err := p.associate(t.Context(), c, request{version: 5}); !errors.Is(err, destinations.ErrClosed) || codeOf(err, false) != networkUnreachable {
		t.Error(err)
	}
	if p.counts.associations.Load() != 0 {
		t.Error("it is still counted")
	}
}
