// Package splice joins a connection of this machine and a stream of I2P: what one says the other hears,
// ends as ends, and a breaking off as a breaking off.
package splice

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Count counts bytes as they pass.
type Count struct {
	In  atomic.Uint64 // from the stream
	Out atomic.Uint64 // to it
}

// Both carries both ways until both directions have ended, one has broken off, or ctx ends; then both
// connections are closed. What breaks the stream off resets the local connection, and the other way
// round. The error is what broke off first.
//
// What had come by then is carried all the same: a server that answers and closes, while its client is still
// talking, has answered; and a peer that gives up says why.
func Both(ctx context.Context, local, stream net.Conn, count *Count) error {
	return Parting(ctx, 0, local, stream, count)
}

// Parting is Both for a local user who ends ctx and connection together, in whatever order: where ctx ends first,
// what the connection says is carried until its end, if that is never longer in coming than moment.
func Parting(ctx context.Context, moment time.Duration, local, stream net.Conn, count *Count) error {
	j := &join{local: local, stream: stream, moment: moment}
	stop := context.AfterFunc(ctx, func() { j.leave(context.Cause(ctx)) })
	defer stop()
	var out sync.WaitGroup
	out.Go(func() {
		from := &said{Reader: local, j: j}
		_, err := io.Copy(onlyWriter{stream}, CountReads(from, &count.Out))
		j.ended(err, from.err, stream, &j.said)
	})
	to := &heard{Conn: local}
	_, err := io.Copy(CountWrites(to, &count.In), stream)
	j.ended(err, to.err, local, &j.heard)
	out.Wait()
	stop()
	return j.close()
}

// join is what the two directions share.
type join struct {
	local, stream net.Conn
	moment        time.Duration

	mu          sync.Mutex // a leaf
	err         error      // why it does not go on
	broken      side       // whose doing that is
	said, heard bool       // the directions out and in have ended in order
	timer       *time.Timer
}

// side is what broke off.
type side uint8

const (
	neither side = iota
	atParting
	ofLocal
	ofStream
	ofBoth
)

// lastWords bounds how long what has come is still carried once one side has broken off.
const lastWords = time.Second

// past is a deadline for what is to end now.
var past = time.Unix(1, 0)

// ended is told how a direction ended, and where it led: an end is passed on. locals is what was wrong with
// the local connection; any other error is the stream's.
func (j *join) ended(err, locals error, to net.Conn, direction *bool) {
	j.mu.Lock()
	broken := j.broken == ofLocal || j.broken == ofStream
	j.mu.Unlock()
	if broken {
		return // whatever it looks like
	}
	if err == nil {
		if h, ok := to.(interface{ CloseWrite() error }); ok {
			if err = h.CloseWrite(); direction == &j.heard {
				locals = err
			}
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		*direction = true
	case j.broken == atParting:
		if direction == &j.said {
			j.cut(j.err) // it was not all
		}
	case locals != nil:
		j.breaks(ofLocal, err)
	default:
		j.breaks(ofStream, err)
	}
}

// breaks has the other side's direction end too, once what has come is carried. The caller has mu.
func (j *join) breaks(of side, err error) {
	if j.broken != neither {
		return
	}
	j.broken, j.err = of, err
	j.limit()
	rest := time.Now().Add(lastWords)
	if of == ofLocal {
		j.stream.SetReadDeadline(past)
		j.local.SetReadDeadline(rest)
		j.local.SetWriteDeadline(past)
	} else {
		j.local.SetReadDeadline(past)
		j.local.SetWriteDeadline(rest)
	}
}

// limit bounds what is left. The caller has mu.
func (j *join) limit() {
	j.timer = time.AfterFunc(lastWords, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.cut(j.err)
	})
}

// cut ends both at once. The caller has mu.
func (j *join) cut(err error) {
	if j.broken == ofBoth {
		return
	}
	if j.broken = ofBoth; j.err == nil {
		j.err = err
	}
	Break(j.stream)
	Break(j.local)
}

// leave is told that ctx has ended. What was said arrives, if it was said to its end.
func (j *join) leave(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != neither || !j.said && j.moment == 0 {
		j.cut(err)
		return
	}
	j.broken, j.err = atParting, err
	j.stream.SetReadDeadline(past)
	j.local.SetWriteDeadline(past)
	if j.said {
		j.limit()
	} else {
		j.local.SetReadDeadline(time.Now().Add(j.moment))
	}
}

// close closes both, when both directions have been carried.
func (j *join) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.timer != nil {
		j.timer.Stop()
	}
	switch j.broken {
	case neither:
		j.stream.Close()
		j.local.Close()
	case atParting:
		j.stream.Close()
		Break(j.local)
	case ofLocal:
		BreakOff(j.stream)
		Break(j.local)
	case ofStream:
		j.cut(j.err)
	}
	j.broken = ofBoth // too late for any other
	return j.err
}

// said is what the local user says. After its parting each word has a moment to come.
type said struct {
	io.Reader
	j   *join
	err error
}

func (s *said) Read(b []byte) (int, error) {
	s.j.mu.Lock()
	if s.j.broken == atParting {
		s.j.local.SetReadDeadline(time.Now().Add(s.j.moment))
	}
	s.j.mu.Unlock()
	n, err := s.Reader.Read(b)
	if err != io.EOF {
		s.err = err
	}
	return n, err
}

// heard is what the local user hears.
type heard struct {
	net.Conn
	err error
}

func (h *heard) Write(b []byte) (int, error) {
	n, err := h.Conn.Write(b)
	h.err = err
	return n, err
}

// Break closes a connection so that its other end sees no end but a reset.
func Break(c net.Conn) {
	if a, ok := c.(interface{ Abort() }); ok {
		a.Abort()
	}
	if l, ok := c.(interface{ SetLinger(int) error }); ok { // a TCP connection
		l.SetLinger(0)
	}
	c.Close()
}

// BreakOff is Break behind what was written, where the connection can.
func BreakOff(c net.Conn) {
	b, ok := c.(interface{ BreakOff() })
	if !ok {
		Break(c)
		return
	}
	b.BreakOff()
	c.Close()
}

// onlyWriter lets io.Copy read by the writer's ReadFrom where it has one, and by nothing else: the
// stream's has memory of its own.
type onlyWriter struct{ net.Conn }

// ReadFrom is the stream's.
func (w onlyWriter) ReadFrom(r io.Reader) (int64, error) {
	if f, ok := w.Conn.(io.ReaderFrom); ok {
		return f.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{w.Conn}, r)
}

// CountReads counts what is read of r as it comes. Nothing else that r can do is to be seen.
func CountReads(r io.Reader, n *atomic.Uint64) io.Reader { return counted{r, n} }

type counted struct {
	r io.Reader
	n *atomic.Uint64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(uint64(n))
	return n, err
}

// CountWrites counts what is written to w as it goes. A connection stays one, and nothing else: its
// deadlines are what a stream that is given up breaks a write off by.
func CountWrites(w io.Writer, n *atomic.Uint64) io.Writer {
	if c, ok := w.(net.Conn); ok {
		return countedConn{c, counting{w, n}}
	}
	return counting{w, n}
}

type counting struct {
	w io.Writer
	n *atomic.Uint64
}

func (c counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n.Add(uint64(n))
	return n, err
}

type countedConn struct {
	net.Conn
	to counting
}

func (c countedConn) Write(b []byte) (int, error) { return c.to.Write(b) }
