package httpproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"i2ptoolkit/pkg/httpmsg"
)

const (
	readSize  = 8 << 10  // of readers: a head in one piece, mostly
	writeSize = 64 << 10 // what is written at once
)

// session is one client's connection. Its requests are answered one after the other; while one
// is, a second goroutine reads the client: the request's body, and then whether it is still there.
type session struct {
	p    *Proxy
	c    net.Conn
	r    *bufio.Reader
	out  []byte // what is written next: heads, pages, pieces of bodies
	req  httpmsg.Request
	resp httpmsg.Response
	to   target
	sent httpmsg.Body // the request's
	got  httpmsg.Body // the response's

	attend attendance
	inside *target // of CONNECT, where the client speaks HTTP through it

	mu     sync.Mutex // what another goroutine breaks off
	up     *stream
	broken bool
}

var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readSize) }}
	writers = sync.Pool{New: func() any { b := make([]byte, 0, writeSize); return &b }}
)

func (s *session) open() {
	s.r = readers.Get().(*bufio.Reader)
	s.r.Reset(s.c)
	s.out = (*writers.Get().(*[]byte))[:0]
	s.attend.done = make(chan struct{}, 1)
}

func (s *session) release() {
	s.r.Reset(nil)
	readers.Put(s.r)
	if out := s.out[:0]; cap(out) == writeSize {
		writers.Put(&out)
	}
}

// breakOff ends the session from outside.
func (s *session) breakOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
	s.c.Close()
	if s.up != nil {
		s.up.abort()
	}
}

// use says what stream the session waits for; nil: for none. It reports false, and has broken it
// off, where the session was broken off.
func (s *session) use(up *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = up
	if s.broken && up != nil {
		up.abort()
	}
	return !s.broken
}

// past is a deadline for what is to end now.
var past = time.Unix(1, 0)

// next answers the next request. It reports false where it was the last.
func (s *session) next(ctx context.Context) bool {
	limits := &s.p.cfg.Limits
	if s.r.Buffered() == 0 {
		s.c.SetReadDeadline(time.Now().Add(limits.Idle))
		if _, err := s.r.Peek(1); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.p.counts.idle.Add(1)
			}
			return false
		}
	}
	s.c.SetReadDeadline(time.Now().Add(limits.Hello))
	err := s.req.Read(s.r, limits.Header)
	s.c.SetReadDeadline(time.Time{})
	if err != nil {
		return s.unread(err)
	}
	s.p.counts.requests.Add(1)
	s.sent.Begin(s.r, s.req.Body, true)
	return s.answer(ctx)
}

// unread answers what is no request. The connection ends: where a next one would begin is not
// known.
func (s *session) unread(err error) bool {
	s.req.Keep, s.req.Method = false, nil
	why := httpmsg.Malformed("")
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.p.counts.slow.Add(1)
		s.refuse(faultSlow)
	case errors.Is(err, httpmsg.ErrTooLarge):
		s.p.counts.tooLarge.Add(1)
		s.refuse(faultTooLarge)
	case errors.As(err, &why):
		s.p.counts.malformed.Add(1)
		s.refuse(faultMalformed(why))
	}
	return false
}

// linger has the client read what it was told last before the connection ends: closing it while
// there is something that was not read would take it away.
func (s *session) linger() {
	half, ok := s.c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	s.c.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, s.r, 256<<10)
}
