//go:build linux

package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// I2CPSession is a program that speaks I2CP with any router: it has the keys of its destination, signs the lease
// sets, and runs its own streams. It is the same one at both kinds of routers, so that what is measured is theirs.
type I2CPSession struct {
	*sockets.Host // its streams

	keys    *i2p.PrivateKeys
	conn    net.Conn
	box     *mailbox.Box[[]byte] // payloads
	out     *bufio.Writer        // the loop's
	id      i2cp.SessionID       // the loop's
	known   map[i2p.Hash]i2p.Destination
	ready   chan struct{} // closed once a lease set was signed
	ended   chan struct{}
	why     error // why it ended; it may be read then
	running sync.WaitGroup
}

const (
	i2cpWaiting = 8192 // payloads that wait for the program
	i2cpPatient = 16 << 20
)

// i2cpSession opens a session with a router, and waits until it has asked for a lease set, which is when there are
// tunnels.
func i2cpSession(ctx context.Context, ns *Namespace, addr string, options map[string]string) (*I2CPSession, error) {
	conn, err := ns.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("interop: I2CP: %w", err)
	}
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		return nil, err
	}
	s := &I2CPSession{
		keys: keys, conn: conn, out: bufio.NewWriterSize(conn, 64<<10), known: make(map[i2p.Hash]i2p.Destination),
		box:   mailbox.New(mailbox.Config[[]byte]{Limit: i2cpWaiting, Bytes: i2cpPatient, Size: func(b []byte) int { return len(b) }}),
		ready: make(chan struct{}), ended: make(chan struct{}),
	}
	s.Host, err = sockets.New(sockets.Config{Keys: keys, Loop: s.box, Send: s.send, Engine: streaming.Config{}})
	if err == nil {
		err = s.greet(options)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.running.Go(s.read)
	s.running.Go(s.run)
	select {
	case <-s.ready:
		return s, nil
	case <-s.ended:
		err = s.why
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.Close()
	return nil, fmt.Errorf("interop: I2CP: no tunnels: %w", err)
}

// greet says what comes before anything is answered.
func (s *I2CPSession) greet(named map[string]string) error {
	options, err := i2p.NewMapping(named)
	if err != nil {
		return err
	}
	c := i2cp.SessionConfig{Destination: s.keys.Destination(), Options: options, Created: i2p.DateOf(time.Now())}
	if err := c.Sign(s.keys.Signing); err != nil {
		return err
	}
	b := i2cp.Append([]byte{i2cp.ProtocolByte}, i2cp.GetDate{Version: "0.9.68"})
	_, err = s.conn.Write(i2cp.Append(b, i2cp.CreateSession{Config: c}))
	return err
}

// read hands what the router says to the loop.
func (s *I2CPSession) read() {
	defer close(s.ended)
	in := bufio.NewReaderSize(s.conn, 64<<10)
	for {
		kind, body, err := i2cp.Read(in, nil)
		if err != nil {
			s.why = err
			return
		}
		m, err := i2cp.Parse(kind, body)
		if err != nil {
			s.why = err
			return
		}
		switch m := m.(type) {
		case i2cp.MessagePayload:
			s.box.Post(m.Payload)
		case i2cp.RequestVariableLeaseSet:
			s.box.Call(func() { s.sign(m) })
		case i2cp.SessionStatus:
			if m.State != i2cp.SessionCreated {
				s.why = fmt.Errorf("session status %d", m.State)
				return
			}
		case i2cp.Disconnect:
			s.why = errors.New(m.Reason)
			return
		}
	}
}

// sign makes the lease set that is asked for.
func (s *I2CPSession) sign(m i2cp.RequestVariableLeaseSet) {
	pair := s.keys.LeaseSetKey()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: s.keys, Leases: m.Leases, Published: i2p.DateOf(time.Now()),
		EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: pair.Public[:]}},
	})
	if err != nil {
		return // the router asks again
	}
	s.id = m.Session
	private := pair.Private()
	s.say(i2cp.CreateLeaseSet2{Session: m.Session, Set: set, Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}})
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// say is the loop's.
func (s *I2CPSession) say(m i2cp.Message) { s.out.Write(i2cp.Append(s.out.AvailableBuffer(), m)) }

// send is the loop's.
func (s *I2CPSession) send(to i2p.Hash, payloads []*buf.Buf) {
	for _, p := range payloads {
		if d, ok := s.known[to]; ok {
			s.say(i2cp.SendMessageExpires{SendMessage: i2cp.SendMessage{Session: s.id, To: d, Payload: p.Bytes()}, Expires: i2p.DateOf(time.Now().Add(time.Minute))})
		}
		p.Release()
	}
}

// run is the loop.
func (s *I2CPSession) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.ended:
			s.box.Close()
			s.Host.Shutdown(time.Now())
			return
		case <-s.box.Ready():
		case <-timer.C:
		}
		now := time.Now()
		s.box.Take()
		s.Collect(now)
		s.box.Each(func(payload []byte) {
			s.meet(payload)
			s.Handle(now, payload)
		})
		s.Flush(now)
		s.out.Flush()
		if at := s.Deadline(); !at.IsZero() {
			timer.Reset(deadline.Rest(time.Until(at)))
		}
	}
}

// meet notes who opens a stream: answers go to a destination, of which the streams know the hash.
func (s *I2CPSession) meet(payload []byte) {
	_, body, err := datagram.Decode(payload, 0)
	if err != nil {
		return
	}
	if p, err := streaming.ParsePacket(body); err == nil && p.Flags.Has(streaming.FromIncluded) {
		s.known[p.From.Hash()] = p.From
	}
}

// Connect opens a stream to a destination.
func (s *I2CPSession) Connect(ctx context.Context, to i2p.Destination) (*sockets.Conn, error) {
	s.box.Call(func() { s.known[to.Hash()] = to })
	return s.Dial(ctx, to, 0)
}

// Close ends the session.
func (s *I2CPSession) Close() {
	s.conn.Close()
	s.running.Wait()
}

// i2cpPair opens a session at each of two routers, and a stream from b to a, whose end at a serves until it is closed.
func i2cpPair(ctx context.Context, a, b doorAt, options map[string]string, serve func(Stream) error) (stream Stream, end func(), err error) {
	var sessions []*I2CPSession
	var serving sync.WaitGroup
	end = func() {
		for _, s := range slices.Backward(sessions) {
			s.Close()
		}
		serving.Wait()
	}
	for _, at := range []doorAt{a, b} {
		s, err := i2cpSession(ctx, at.ns, at.addr, options)
		if err != nil {
			end()
			return nil, nil, fmt.Errorf("%s: %w", at.addr, err)
		}
		sessions = append(sessions, s)
	}
	l, err := sessions[0].Listen(0)
	if err != nil {
		end()
		return nil, nil, err
	}
	serving.Go(func() {
		for {
			c, err := l.AcceptStream(context.Background())
			if err != nil {
				return
			}
			serving.Go(func() {
				serve(c)
				c.Close()
			})
		}
	})
	err = Await(ctx, 90*time.Second, b.addr+" connects to "+a.addr, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		c, err := sessions[1].Connect(ctx, sessions[0].keys.Destination())
		if err == nil {
			stream = c
		}
		return err
	})
	if err != nil {
		end()
		return nil, nil, err
	}
	return stream, end, nil
}
