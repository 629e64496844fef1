package sam

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"time"

	"i2ptoolkit/pkg/forward/splice"
)

// forwardTime is how long an application has to take a stream that is forwarded to it.
const forwardTime = 3 * time.Second

// forward is STREAM FORWARD. It lasts as long as the connection.
func (c *conn) forward(ctx context.Context, s *session, args Args) error {
	port, ok := number(args.Get("PORT"), 1<<16-1)
	if !ok || port == 0 {
		return refuse("I2P_ERROR", "PORT is to be from 1 to 65535")
	}
	if c.forwards {
		return refuse("I2P_ERROR", "this connection forwards already")
	}
	hosts, err := c.hosts(ctx, args)
	if err != nil {
		return err
	}
	l, done, err := s.streams.forwarder()
	if err != nil {
		return err
	}
	to := target{
		hosts: hosts, port: uint16(port), name: args.Get("HOST"),
		secure:  strings.EqualFold(args.Get("SSL"), "true"),
		silent:  strings.EqualFold(args.Get("SILENT"), "true"),
		version: c.version,
	}
	c.forwards = true
	c.client.Doing("stream forward")
	lasting, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer done()
		s.forwardAll(lasting, l, to)
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
	hosts          []netip.Addr
	port           uint16
	name           string // that the application gave the host; empty: none
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
		if !s.run(func() { s.forwardOne(stream, to) }) {
			splice.Break(stream)
			return
		}
	}
}

// forwardOne hands one stream to the application.
func (s *session) forwardOne(stream net.Conn, to target) {
	counts := &s.server.counts
	local, err := to.dial(s.ctx)
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
	splice.Parting(s.ctx, parting, local, stream, &counts.streams)
}

// dial reaches the application, at the first of its addresses where somebody listens. Its certificate is of its own
// making as a rule, and who named its address is itself.
func (t target) dial(ctx context.Context) (c net.Conn, err error) {
	dial := (&net.Dialer{}).DialContext
	if t.secure {
		dial = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, ServerName: t.name}}).DialContext
	}
	for _, host := range t.hosts {
		ctx, cancel := context.WithTimeout(ctx, forwardTime/time.Duration(len(t.hosts)))
		c, err = dial(ctx, "tcp", netip.AddrPortFrom(host, t.port).String())
		cancel()
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}
