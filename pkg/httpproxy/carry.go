package httpproxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"slices"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/httpmsg"
)

// connect opens a stream and carries whatever the client and the other side say.
func (s *session) connect(ctx context.Context) bool {
	p, port := s.p, s.to.port
	allowed := slices.Contains(p.cfg.ConnectPorts, port) || len(p.cfg.ConnectPorts) == 0 && (s.to.kind == eepsite || port == 443)
	if !allowed {
		p.counts.port.Add(1)
		return s.refuse(faultPort)
	}
	if s.req.Body.Kind != httpmsg.NoBody { // RFC 9110 section 9.3.6: it would be taken for what is carried
		p.counts.malformed.Add(1)
		return s.refuse(faultMalformed(httpmsg.Malformed("CONNECT has a body")))
	}
	var up *stream
	var f *fault
	if s.to.kind == clearnet {
		up, f = s.connectOut(ctx)
	} else {
		var host string
		if host, f = p.known(s.to.host); f == nil {
			up, f = s.dial(ctx, host, port, s.to.authority())
		}
	}
	if f != nil {
		return s.refuse(f)
	}
	if up == nil {
		return false
	}
	p.counts.connects.Add(1)
	s.out = append(s.out[:0], "HTTP/1.1 200 Connection established\r\n\r\n"...)
	if s.write() == nil && s.speaksHTTP(up) {
		return s.step(up)
	}
	s.carry(up)
	return false
}

// carry joins the client and the other side, until both have ended or one broke off. What of
// either has come already is the first that the other hears.
func (s *session) carry(up *stream) {
	defer up.giveBack()
	if !s.use(up) || s.write() != nil {
		up.abort()
		return
	}
	defer s.use(nil)
	c := &s.p.counts
	c.tunnels.Add(1)
	defer c.tunnels.Add(-1)
	s.c.SetDeadline(time.Time{})
	up.SetDeadline(time.Time{})
	// The session's own end breaks both off.
	err := splice.Both(context.Background(), begun{s.c, s.r}, begun{up.Conn, up.r}, &c.carried)
	if err != nil {
		s.p.cfg.Log.Debug("broken off", "err", err)
	}
}

// begun is a connection of which something was read ahead.
type begun struct {
	net.Conn
	r *bufio.Reader
}

func (b begun) Read(p []byte) (int, error) { return b.r.Read(p) }

// WriteTo lets a stream write from its own memory.
func (b begun) WriteTo(w io.Writer) (int64, error) { return b.r.WriteTo(w) }

// CloseWrite ends one direction where there are two.
func (b begun) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return b.Conn.Close()
}

// Abort has Close be seen as a failure, and BreakOff does behind what was written.
func (b begun) Abort()    { splice.Break(b.Conn) }
func (b begun) BreakOff() { splice.BreakOff(b.Conn) }
