package sam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
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
			if err = c.forward(ctx, s, cmd.Args); err == nil {
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

// parting is how long the next of what an application has said may be in coming once its session has ended. Where a
// program ends, the system closes its connections one after the other, the session's first as a rule.
const parting = 250 * time.Millisecond

// carry makes the connection one end of a stream.
func (c *conn) carry(s *session, stream net.Conn) error {
	splice.Parting(s.ctx, parting, &carried{Conn: c.client.Conn, early: c.in.Rest()}, stream, &c.server.counts.streams)
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
