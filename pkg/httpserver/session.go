package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/httpmsg"
	"i2ptoolkit/pkg/i2p"
)

const (
	readSize  = 16 << 10
	writeSize = 64 << 10 // what is written at once
)

// session is one peer's stream. Its requests are answered one after the other.
type session struct {
	s    *Server
	c    peerConn
	peer i2p.Destination
	dial Dial
	r    *bufio.Reader
	out  []byte // what is written next
	req  httpmsg.Request
	resp httpmsg.Response
	sent httpmsg.Body // the request's
	up   *upstream    // the connection to the web server, where there is one

	attend attendance
	state  struct {
		asked, lingers bool
	}

	mu     sync.Mutex // what another goroutine breaks off
	open   *upstream
	broken bool
}

// upstream is a connection to the web server.
type upstream struct {
	net.Conn
	r *bufio.Reader
}

// peerConn is a stream whose bytes are counted.
type peerConn struct {
	net.Conn
	count *splice.Count
}

func (c peerConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.count.In.Add(uint64(n))
	return n, err
}

func (c peerConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.count.Out.Add(uint64(n))
	return n, err
}

var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readSize) }}
	writers = sync.Pool{New: func() any { b := make([]byte, 0, writeSize); return &b }}
)

func reader(c net.Conn) *bufio.Reader {
	r := readers.Get().(*bufio.Reader)
	r.Reset(c)
	return r
}

func giveBack(r *bufio.Reader) {
	r.Reset(nil)
	readers.Put(r)
}

func newSession(s *Server, stream net.Conn, peer i2p.Destination, dial Dial, count *splice.Count) *session {
	e := &session{s: s, c: peerConn{stream, count}, peer: peer, dial: dial}
	e.r = reader(e.c)
	e.out = (*writers.Get().(*[]byte))[:0]
	e.attend.done = make(chan struct{}, 1)
	return e
}

// breakOff ends the session from outside.
func (e *session) breakOff() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.broken = true
	splice.Break(e.c.Conn)
	if e.open != nil {
		splice.Break(e.open.Conn)
	}
}

// end closes what is open.
func (e *session) end() {
	e.drop()
	if e.state.lingers {
		e.linger()
	}
	e.c.Close()
	giveBack(e.r)
	if out := e.out[:0]; cap(out) == writeSize {
		writers.Put(&out)
	}
}

// linger has the peer read what it was told last: closing the stream while there is something that was
// not read could take it away.
func (e *session) linger() {
	half, ok := e.c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	e.c.SetReadDeadline(time.Now().Add(2 * time.Second))
	io.CopyN(io.Discard, e.r, 256<<10)
}

// past is a deadline for what is to end now.
var past = time.Unix(1, 0)

// next answers the next request. It reports false where it was the last.
func (e *session) next(ctx context.Context) bool {
	limits, c := &e.s.cfg.Limits, &e.s.counts
	e.req.Method, e.req.Minor = nil, 1
	if e.r.Buffered() == 0 {
		e.c.SetReadDeadline(time.Now().Add(limits.Idle))
		if _, err := e.r.Peek(1); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				return false
			}
			c.idle.Add(1)
			// Behind an answer, another would be taken for that of the next request.
			return !e.state.asked && e.answer(http.StatusRequestTimeout)
		}
	}
	e.c.SetReadDeadline(time.Now().Add(limits.Hello))
	err := e.req.Read(e.r, maxHead)
	e.c.SetReadDeadline(time.Time{})
	e.state.asked = true
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.slow.Add(1)
		return e.answer(http.StatusRequestTimeout)
	case errors.Is(err, httpmsg.ErrTooLarge):
		c.tooLarge.Add(1)
		return e.answer(http.StatusRequestHeaderFieldsTooLarge)
	case errors.Is(err, httpmsg.ErrMalformed):
		c.malformed.Add(1)
		return e.answer(http.StatusBadRequest)
	default:
		return false
	}
	c.requests.Add(1)
	e.sent.Begin(e.r, e.req.Body, true)
	if status := e.s.refuse(&e.req, e.peer.Hash()); status != 0 {
		return e.answer(status)
	}
	return e.pass(ctx)
}

// answer is a response of ours, which says no more than its status, and is the stream's last.
func (e *session) answer(status int) bool {
	text := http.StatusText(status)
	b := append(e.out[:0], "HTTP/1.1 "...)
	b = append(append(strconv.AppendInt(b, int64(status), 10), ' '), text...)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, int64(len(text)+1), 10), "\r\n\r\n"...)
	if !e.req.Is("HEAD") {
		b = append(append(b, text...), '\n')
	}
	e.out = b
	e.state.lingers = e.write() == nil
	return false
}

// write writes what there is for the peer.
func (e *session) write() error {
	if len(e.out) == 0 {
		return nil
	}
	e.c.SetWriteDeadline(time.Now().Add(e.s.cfg.Limits.Stall))
	_, err := e.c.Write(e.out)
	e.out = e.out[:0]
	return err
}

// reach gives the connection to the web server: that of the last request, unless it is to be a fresh one.
func (e *session) reach(ctx context.Context, fresh bool) (reused bool, err error) {
	if e.up != nil && !fresh {
		return true, nil
	}
	e.drop()
	conn, err := e.dial(ctx)
	if err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken {
		conn.Close()
		return false, net.ErrClosed
	}
	e.up = &upstream{conn, reader(conn)}
	e.open = e.up
	return false, nil
}

// drop closes the connection to the web server. Nobody else may be reading it any more.
func (e *session) drop() {
	if e.up == nil {
		return
	}
	e.mu.Lock()
	e.open = nil
	e.mu.Unlock()
	e.up.Close()
	giveBack(e.up.r)
	e.up = nil
}
