package forward

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// tallied is a stream whose bytes are counted.
type tallied struct {
	*used
	f    *forward
	once sync.Once
}

func (t *tallied) Read(b []byte) (int, error) {
	n, err := t.used.Read(b)
	t.f.count.In.Add(uint64(n))
	return n, err
}

func (t *tallied) Write(b []byte) (int, error) {
	n, err := t.used.Write(b)
	t.f.count.Out.Add(uint64(n))
	return n, err
}

// WriteTo is the stream's.
func (t *tallied) WriteTo(w io.Writer) (int64, error) {
	return t.used.WriteTo(tallyTo(w, &t.f.count.In))
}

// ReadFrom is the stream's.
func (t *tallied) ReadFrom(r io.Reader) (int64, error) {
	return t.used.ReadFrom(tallyReader{r, &t.f.count.Out})
}

// tallyTo counts what is written as it goes. A connection's deadlines are those that a stream that is
// given up breaks a write off by.
func tallyTo(w io.Writer, n *atomic.Uint64) io.Writer {
	if c, ok := w.(net.Conn); ok {
		return tallyConn{c, tallyWriter{w, n}}
	}
	return tallyWriter{w, n}
}

type tallyWriter struct {
	w io.Writer
	n *atomic.Uint64
}

func (t tallyWriter) Write(b []byte) (int, error) {
	n, err := t.w.Write(b)
	t.n.Add(uint64(n))
	return n, err
}

type tallyConn struct {
	net.Conn
	to tallyWriter
}

func (t tallyConn) Write(b []byte) (int, error) { return t.to.Write(b) }

type tallyReader struct {
	r io.Reader
	n *atomic.Uint64
}

func (t tallyReader) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	t.n.Add(uint64(n))
	return n, err
}

func (t *tallied) left() { t.once.Do(func() { t.f.streams.Add(-1) }) }

// Abort breaks the stream off.
func (t *tallied) Abort() {
	t.used.Abort()
	t.left()
}

// Close closes the stream.
func (t *tallied) Close() error {
	defer t.left()
	return t.used.Close()
}
