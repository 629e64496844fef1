// Package splice joins a connection of this machine and a stream of I2P: what one says the other hears,
// ends as ends, and a breaking off as a breaking off.
package splice

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Count counts bytes as they pass.
type Count struct {
	In  atomic.Uint64 // from the stream
	Out atomic.Uint64 // to it
}

// Both carries both ways until both directions have ended, one has broken off, or ctx ends; then both
// connections are closed. What breaks the stream off resets the local connection, and the other way
// round. The error is what broke off first.
func Both(ctx context.Context, local, stream net.Conn, count *Count) error {
	j := &join{local: local, stream: stream}
	stop := context.AfterFunc(ctx, func() { j.fail(context.Cause(ctx)) })
	defer stop()
	var out sync.WaitGroup
	out.Go(func() {
		_, err := io.Copy(onlyWriter{stream}, CountReads(local, &count.Out))
		j.end(err, stream)
	})
	_, err := io.Copy(CountWrites(local, &count.In), stream)
	j.end(err, local)
	out.Wait()
	stop()
	j.once.Do(func() {}) // a breaking off has been, or comes too late
	stream.Close()
	local.Close()
	return j.err
}

// join is what the two directions share.
type join struct {
	local, stream net.Conn
	once          sync.Once
	err           error
}

// end passes on how a direction ended, to where it led.
func (j *join) end(err error, to net.Conn) {
	if err == nil {
		if h, ok := to.(interface{ CloseWrite() error }); ok {
			err = h.CloseWrite()
		}
	}
	if err != nil {
		j.fail(err)
	}
}

// fail breaks both off.
func (j *join) fail(err error) {
	j.once.Do(func() {
		j.err = err
		Break(j.stream)
		Break(j.local)
	})
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
