package i2cpserver

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/sign"
)

// ends is a connection as a door gives it.
type ends struct {
	net.Conn
	held atomic.Int64
}

func (e *ends) Greeted() bool { return true }

func (e *ends) Idle() {}

func (e *ends) Busy() {}

func (e *ends) Login(_ context.Context, user, password string) bool {
	return user == "user" && password == "secret"
}

func (e *ends) Doing(string) {}

func (e *ends) Work(f func()) { f() }

func (e *ends) Session(control.DoorSession) func() { return func() {} }

func (e *ends) Hold(n int) bool {
	if e.held.Add(int64(n)) > 4<<20 {
		e.held.Add(int64(-n))
		return false
	}
	return true
}

func (e *ends) Release(n int) { e.held.Add(int64(-n)) }

// peer is a client.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	end  *ends
	over chan struct{} // the server has done with it
	keys *i2p.PrivateKeys
}

// connect is a client that has said the first byte, where it is to.
func (h *hall) connect(first ...byte) *peer {
	a, b := net.Pipe()
	p := &peer{t: h.t, conn: a, in: bufio.NewReader(a), end: &ends{Conn: b}, over: make(chan struct{}), keys: newKeys(h.t, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(p.over)
		context.AfterFunc(ctx, func() { b.Close() })
		h.Serve(ctx, p.end)
		b.Close()
	}()
	h.t.Cleanup(func() {
		cancel()
		a.Close()
		<-p.over
		if n := p.end.held.Load(); n != 0 {
			h.t.Errorf("%d bytes are held after the end", n)
		}
	})
	if first == nil {
		first = []byte{i2cp.ProtocolByte}
	}
	a.Write(first)
	return p
}

func newKeys(t testing.TB, seed byte) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *peer) say(m i2cp.Message) {
	p.t.Helper()
	if _, err := p.conn.Write(i2cp.Append(nil, m)); err != nil {
		p.t.Error(err)
	}
}

// hears reads the next message, which is to be an M.
func hears[M i2cp.Message](p *peer) (m M) {
	p.t.Helper()
	kind, body, err := i2cp.Read(p.in, nil)
	if err != nil {
		p.t.Fatalf("%T was to come: %v", m, err)
	}
	got, err := i2cp.Parse(kind, body)
	m, ok := got.(M)
	if !ok {
		p.t.Fatalf("%v came, %+v, %v; %T was to", kind, got, err, m)
	}
	return m
}

func (p *peer) config(named map[string]string) i2cp.SessionConfig {
	p.t.Helper()
	m, err := i2p.NewMapping(named)
	c := i2cp.SessionConfig{Destination: p.keys.Destination(), Options: m, Created: i2p.DateOf(time.Now())}
	if err == nil {
		err = c.Sign(p.keys.Signing)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// session opens one.
func (p *peer) session(named map[string]string) i2cp.SessionID {
	p.t.Helper()
	p.say(i2cp.CreateSession{Config: p.config(named)})
	s := hears[i2cp.SessionStatus](p)
	if s.State != i2cp.SessionCreated {
		p.t.Fatalf("session: %+v", s)
	}
	synctest.Wait() // until messages can be delivered to it
	return s.Session
}

// ended waits for the end of the connection, and says why it came.
func (p *peer) ended() (why string) {
	p.t.Helper()
	for {
		kind, body, err := i2cp.Read(p.in, nil)
		if err != nil {
			<-p.over
			return why
		}
		if m, _ := i2cp.Parse(kind, body); kind == i2cp.TypeDisconnect {
			why = m.(i2cp.Disconnect).Reason
		}
	}
}

func framed(text string) []byte {
	return datagram.Header{Protocol: datagram.Raw, From: 1, To: 2}.AppendStored(nil, []byte(text))
}

// inBubble runs f in simulated time, with a hall.
func inBubble(t *testing.T, f func(t *testing.T, h *hall)) {
	synctest.Test(t, func(t *testing.T) { f(t, newHall(t)) })
}

// made is a lease set of the client's for what was asked.
func (p *peer) made(leases []leaseset.Lease, pair noise.KeyPair) *leaseset.LeaseSet2 {
	p.t.Helper()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: p.keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: pair.Public[:]}},
		Leases: leases, Published: i2p.DateOf(time.Now()),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return set
}
