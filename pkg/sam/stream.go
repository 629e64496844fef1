package sam

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

const streamStatus = "STREAM STATUS"

// streamCommand is CONNECT, ACCEPT or FORWARD: what goes well becomes the connection's work, and anything else its end,
// but for one that has a session of its own.
func (c *conn) streamCommand(ctx context.Context, cmd Command) error {
	silent := strings.EqualFold(cmd.Args.Get("SILENT"), "true")
	s, err := c.streamSession(cmd.Args)
	if err == nil {
		switch cmd.Sub {
		case "CONNECT":
			err = c.connect(ctx, s, cmd.Args, silent)
		case "ACCEPT":
			err = c.accept(ctx, s, silent)
		case "FORWARD":
			silent = false // of FORWARD it is for what is forwarded
			if err = c.forward(s, cmd.Args); err == nil {
				return c.say(answer(streamStatus, "OK"))
			}
		default:
			err = refuse("I2P_ERROR", "expected STREAM CONNECT, ACCEPT or FORWARD")
		}
	}
	if errors.Is(err, errDone) {
		return err
	}
	c.server.counts.failed.Add(1)
	if !silent {
		c.status(streamStatus, err)
	}
	if c.session != nil {
		return nil
	}
	return errDone
}

// streamSession finds the session whose streams are meant.
func (c *conn) streamSession(args Args) (*session, error) {
	id := args.Get("ID")
	if id == "" {
		return nil, refuse("I2P_ERROR", "no ID")
	}
	s := c.server.find(id, c.client.User())
	switch {
	case s == nil:
		return nil, refuse("INVALID_ID", "there is no session %.64s", id)
	case s.style != styleStream:
		return nil, refuse("I2P_ERROR", "%.64s is a %s session", id, s.style)
	case c.session != nil:
		return nil, refuse("I2P_ERROR", "a connection with a session carries no stream: open another")
	}
	return s, nil
}

// dialTime is how long a stream may take to open whose session does not say.
const dialTime = time.Minute

// connect is STREAM CONNECT.
func (c *conn) connect(ctx context.Context, s *session, args Args, silent bool) error {
	from, to := s.ports.from, s.ports.to
	for _, f := range []struct {
		key string
		to  *uint16
	}{{"FROM_PORT", &from}, {"TO_PORT", &to}} {
		if err := readPort(args, f.key, f.to); err != nil {
			return err
		}
	}
	c.client.Doing("stream out")
	var stream net.Conn
	err := c.during(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		peer, err := c.server.peer(ctx, s, args.Get("DESTINATION"))
		if err != nil {
			return err
		}
		stream, err = s.local.Dial(ctx, peer, from, to)
		return err
	})
	if err != nil {
		return streamError(err)
	}
	c.server.counts.connected.Add(1)
	if !silent && c.say(answer(streamStatus, "OK")) != nil {
		splice.Break(stream)
		return errDone
	}
	return c.carry(s, stream)
}

// carry makes the connection one end of a stream.
func (c *conn) carry(s *session, stream net.Conn) error {
	splice.Both(s.ctx, &carried{Conn: c.client.Conn, early: c.in.rest()}, stream, &c.server.counts.streams)
	return errDone
}

// carried is a connection of which something was read before.
type carried struct {
	net.Conn
	early []byte
}

func (c *carried) Read(b []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(b, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends one direction, where the connection can.
func (c *carried) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Conn.Close()
}

// SetLinger has the connection break off instead of ending.
func (c *carried) SetLinger(seconds int) error {
	if l, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		return l.SetLinger(seconds)
	}
	return nil
}

// streamError says in the words of SAM why there is no stream.
func streamError(err error) error {
	var r refusal
	if errors.As(err, &r) {
		return err
	}
	result := "CANT_REACH_PEER"
	for _, known := range []struct {
		is     error
		result string
	}{
		{destinations.ErrTimeout, "TIMEOUT"}, {destinations.ErrNoTunnels, "TIMEOUT"}, {context.DeadlineExceeded, "TIMEOUT"},
		{destinations.ErrBusy, "I2P_ERROR"}, {destinations.ErrStopped, "I2P_ERROR"}, {destinations.ErrClosed, "I2P_ERROR"}, {context.Canceled, "I2P_ERROR"},
	} {
		if errors.Is(err, known.is) {
			result = known.result
			break
		}
	}
	return refusal{result, err.Error()}
}

// accept is STREAM ACCEPT: the answer comes at once, and the peer's destination when there is one.
func (c *conn) accept(ctx context.Context, s *session, silent bool) error {
	take, done, err := s.streams.acceptor()
	if err != nil {
		return err
	}
	c.client.Doing("stream accept")
	if !silent && c.say(answer(streamStatus, "OK")) != nil {
		done()
		return errDone
	}
	var stream net.Conn
	err = c.during(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		stream, err = take(ctx)
		return err
	})
	done()
	if err != nil {
		return errDone // whoever waits has been told OK
	}
	c.server.counts.accepted.Add(1)
	c.client.Doing("stream in")
	if !silent && c.write(c.version.peerLine(stream)) != nil {
		splice.Break(stream)
		return errDone
	}
	return c.carry(s, stream)
}

// peerLine tells whose a stream is.
func (v version) peerLine(stream net.Conn) []byte {
	peer, _ := stream.RemoteAddr().(sockets.Addr)
	here, _ := stream.LocalAddr().(sockets.Addr)
	line := i2p.EncodeBase64(peer.Destination.Bytes())
	if v >= withPorts {
		line += fmt.Sprintf(" FROM_PORT=%d TO_PORT=%d", peer.Port, here.Port)
	}
	return []byte(line + "\n")
}

// intake is where the streams of a session come in: to those who wait for one, or to where they are forwarded. While
// there is neither, they are refused; but not in the moment between one who waits and the next.
type intake struct {
	session *session

	mu       sync.Mutex // a leaf
	listener Listener
	waiting  int
	forwards bool
	rest     *time.Timer // closes the listener that nobody uses
	closed   bool
}

// restTime is how long streams wait for the next ACCEPT.
const restTime = 10 * time.Second

// open gives the listener. The caller has the lock.
func (in *intake) open() (Listener, error) {
	if in.closed {
		return nil, refuse("I2P_ERROR", "the session has ended")
	}
	if in.rest != nil {
		in.rest.Stop()
		in.rest = nil
	}
	if in.listener == nil {
		l, err := in.session.local.Listen(in.session.ports.listenPort)
		if err != nil {
			return nil, err
		}
		in.listener = l
	}
	return in.listener, nil
}

// leave is called once nobody may use the listener any more. The caller has the lock.
func (in *intake) leave() {
	if in.waiting > 0 || in.forwards || in.listener == nil {
		return
	}
	var mine *time.Timer
	mine = time.AfterFunc(restTime, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.rest == mine && in.listener != nil {
			in.listener.Close()
			in.listener, in.rest = nil, nil
		}
	})
	in.rest = mine
}

// acceptor lets one more wait for a stream.
func (in *intake) acceptor() (take func(ctx context.Context) (net.Conn, error), done func(), err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.forwards {
		return nil, nil, refuse("I2P_ERROR", "the streams of the session are forwarded")
	}
	l, err := in.open()
	if err != nil {
		return nil, nil, err
	}
	in.waiting++
	return l.Accept, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.waiting--
		in.leave()
	}, nil
}

// forwarder has all streams go one way.
func (in *intake) forwarder() (l Listener, done func(), err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.forwards:
		return nil, nil, refuse("I2P_ERROR", "the streams of the session are forwarded already")
	case in.waiting > 0:
		return nil, nil, refuse("I2P_ERROR", "somebody waits for a stream of the session by ACCEPT")
	}
	if l, err = in.open(); err != nil {
		return nil, nil, err
	}
	in.forwards = true
	return l, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.forwards = false
		if in.listener == l {
			in.listener.Close()
			in.listener = nil
		}
	}, nil
}

// close ends it for good.
func (in *intake) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	if in.rest != nil {
		in.rest.Stop()
	}
	if in.listener != nil {
		in.listener.Close()
		in.listener = nil
	}
}

// forwardTime is how long an application has to take a stream that is forwarded to it.
const forwardTime = 3 * time.Second

// forward is STREAM FORWARD. It lasts as long as the connection.
func (c *conn) forward(s *session, args Args) error {
	port, ok := number(args.Get("PORT"), 1<<16-1)
	if !ok || port == 0 {
		return refuse("I2P_ERROR", "PORT is to be from 1 to 65535")
	}
	if c.forwards {
		return refuse("I2P_ERROR", "this connection forwards already")
	}
	l, done, err := s.streams.forwarder()
	if err != nil {
		return err
	}
	to := target{
		at:      net.JoinHostPort(c.host(args), fmt.Sprint(port)),
		secure:  strings.EqualFold(args.Get("SSL"), "true"),
		silent:  strings.EqualFold(args.Get("SILENT"), "true"),
		version: c.version,
	}
	c.forwards = true
	c.client.Doing("stream forward")
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer done()
		s.forwardAll(ctx, l, to)
		c.client.Close() // of a session that has ended
	}()
	c.ends = append(c.ends, func() {
		cancel()
		<-ended
	})
	return nil
}

// target is where streams are forwarded to.
type target struct {
	at             string
	secure, silent bool
	version        version
}

// forwardAll forwards streams until ctx ends, and those that it has forwarded until the session ends.
func (s *session) forwardAll(ctx context.Context, l Listener, to target) {
	for {
		stream, err := l.Accept(ctx)
		if err != nil {
			return
		}
		go s.forwardOne(stream, to)
	}
}

// forwardOne hands one stream to the application.
func (s *session) forwardOne(stream net.Conn, to target) {
	counts := &s.server.counts
	ctx, cancel := context.WithTimeout(s.ctx, forwardTime)
	local, err := to.dial(ctx)
	cancel()
	if err == nil && !to.silent {
		if _, err = local.Write(to.version.peerLine(stream)); err != nil {
			local.Close()
		}
	}
	if err != nil {
		counts.failed.Add(1)
		s.server.log.Debug("a stream could not be forwarded", "error", err)
		splice.Break(stream)
		return
	}
	counts.forwarded.Add(1)
	splice.Both(s.ctx, local, stream, &counts.streams)
}

// dial reaches the application. Its certificate is of its own making as a rule, and who named its address is itself.
func (t target) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if !t.secure {
		return d.DialContext(ctx, "tcp", t.at)
	}
	return (&tls.Dialer{NetDialer: &d, Config: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}}).DialContext(ctx, "tcp", t.at)
}
