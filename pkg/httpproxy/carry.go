package httpproxy

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"
)

// connect opens a stream and carries whatever the client and the other side say.
func (s *session) connect(ctx context.Context) bool {
	p, port := s.p, s.to.port
	allowed := slices.Contains(p.cfg.ConnectPorts, port) || len(p.cfg.ConnectPorts) == 0 && (s.to.kind == eepsite || port == 443)
	if !allowed {
		p.counts.port.Add(1)
		return s.refuse(faultPort)
	}
	if s.req.body.kind != none { // RFC 9110 section 9.3.6: it would be taken for what is carried
		p.counts.malformed.Add(1)
		return s.refuse(faultMalformed(malformed("CONNECT has a body")))
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

// carry writes what is there for the client, and then copies both ways. The end of one direction
// is passed on as such, and the other goes on; a failure of one breaks both off.
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
	var outbound sync.WaitGroup
	outbound.Go(func() {
		n, err := transfer(up.Conn, s.r)
		c.bytesOut.Add(uint64(n))
		s.ended(up, up.Conn, err)
	})
	n, err := transfer(s.c, up.r)
	c.bytesIn.Add(uint64(n))
	s.ended(up, s.c, err)
	outbound.Wait()
	up.Conn.Close()
}

// transfer writes what a reader has and what comes to it. Reader and writer may know ways
// of their own to do so.
func transfer(to io.Writer, from io.Reader) (int64, error) {
	buf := writers.Get().(*[]byte)
	defer writers.Put(buf)
	return io.CopyBuffer(to, from, (*buf)[:cap(*buf)])
}

// ended passes on the end of a direction, or breaks both off.
func (s *session) ended(up *stream, to any, err error) {
	half, ok := to.(interface{ CloseWrite() error })
	if err == nil && ok && half.CloseWrite() == nil {
		return
	}
	if err == nil && !ok {
		s.c.Close()
		up.Conn.Close()
		return
	}
	up.abort()
	s.reset()
}
