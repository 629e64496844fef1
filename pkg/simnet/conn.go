package simnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxSegment is the most that one Data event carries.
const maxSegment = 16 << 10

// Conn is one end of a stream: a net.Conn with CloseWrite. Net.mu guards all of it.
type Conn struct {
	net           *Net
	local, remote netip.AddrPort
	peer          *Conn // nil until opened

	readable, writable *sync.Cond // both wait with Net.mu
	readBy, writeBy    deadline
	writing            bool // a Write is under way: another one waits

	established bool
	err         error // broken or closed: every call returns it
	arriving
	leaving
}

// arriving is what has come and was not read.
type arriving struct {
	in       []byte
	inEnd    bool // the peer will send no more
	consumed int  // bytes read and not yet credited to the peer
}

// leaving is what was written.
type leaving struct {
	outEnd      bool   // CloseWrite was called
	inFlight    int    // bytes written and not yet credited back
	sent, acked uint64 // bytes written, and of these delivered
	seq         [2]uint64
	lastArrival time.Time
	heldSince   time.Time // since when a partition keeps back what was written here
	expiring    bool      // an Expired event is on the heap
}

func newConn(n *Net, local, remote netip.AddrPort) *Conn {
	c := &Conn{net: n, local: local, remote: remote, readable: sync.NewCond(&n.mu), writable: sync.NewCond(&n.mu)}
	c.readBy.cond, c.writeBy.cond = c.readable, c.writable
	n.conns[c] = true
	return c
}

// wake lets every waiting call look again. The caller holds mu.
func (c *Conn) wake() {
	c.readable.Broadcast()
	c.writable.Broadcast()
}

// fail breaks this end for good. The caller holds mu.
func (c *Conn) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.in = nil
	delete(c.net.conns, c)
	c.readBy.stop()
	c.writeBy.stop()
	c.wake()
}

// abort breaks this end and resets the other. The caller holds mu.
func (c *Conn) abort() {
	if c.peer != nil {
		c.send(&event{kind: Reset})
	}
	c.fail(net.ErrClosed)
}

// send puts an event on its way to the peer. The caller holds mu.
func (c *Conn) send(e *event) {
	e.src, e.dst, e.from, e.to = c.local, c.remote, c, c.peer
	if e.kind == Window {
		e.class = 1
	}
	e.seq = c.seq[e.class]
	c.seq[e.class]++
	c.net.stage(e)
}

// receive takes delivered bytes. The caller holds mu.
func (c *Conn) receive(b []byte) {
	if c.err != nil { // as TCP does when bytes arrive for a closed socket
		if c.peer.err == nil {
			c.send(&event{kind: Reset})
		}
		return
	}
	c.in = append(c.in, b...)
	c.wake()
}

// Read reads what has been delivered.
func (c *Conn) Read(b []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return 0, c.opError("read", c.err)
		case c.readBy.passed():
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(c.in) > 0:
			k := copy(b, c.in)
			if c.in = c.in[k:]; len(c.in) == 0 {
				c.in = nil
			}
			c.credit(k)
			return k, nil
		case c.inEnd:
			return 0, io.EOF
		}
		c.readable.Wait()
	}
}

// credit lets the peer write on; small amounts are gathered. The caller holds mu.
func (c *Conn) credit(k int) {
	c.consumed += k
	if c.consumed >= c.net.cfg.Window/4 && c.peer.err == nil && !c.inEnd {
		c.send(&event{kind: Window, credit: c.consumed})
		c.consumed = 0
	}
}

// Write sends b; it blocks while more than Config.Window bytes are on their way or unread.
func (c *Conn) Write(b []byte) (written int, err error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for c.writing && c.err == nil && !c.writeBy.passed() {
		c.writable.Wait()
	}
	if c.writing {
		return 0, c.writeError()
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.writable.Broadcast()
	}()
	for {
		if err := c.writeError(); err != nil {
			return written, err
		}
		if len(b) == 0 {
			return written, nil
		}
		k := min(len(b), maxSegment, c.net.cfg.Window-c.inFlight)
		if k <= 0 {
			c.writable.Wait()
			continue
		}
		c.send(&event{kind: Data, data: append([]byte(nil), b[:k]...)})
		c.inFlight += k
		c.sent += uint64(k)
		written += k
		b = b[k:]
	}
}

// Acknowledged tells how many of the bytes written have arrived, and whether
// these are all: what the system knows of a TCP connection.
func (c *Conn) Acknowledged() (bytes uint64, all bool) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	return c.acked, c.acked == c.sent
}

// writeError is what forbids writing now. The caller holds mu.
func (c *Conn) writeError() error {
	switch {
	case c.err != nil:
		return c.opError("write", c.err)
	case c.outEnd:
		return c.opError("write", syscall.EPIPE)
	case c.writeBy.passed():
		return c.opError("write", os.ErrDeadlineExceeded)
	}
	return nil
}

// CloseWrite ends this direction; the other one goes on.
func (c *Conn) CloseWrite() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.err != nil {
		return c.opError("close", c.err)
	}
	c.end()
	return nil
}

// end sends the end of this direction once. The caller holds mu.
func (c *Conn) end() {
	if !c.outEnd {
		c.outEnd = true
		c.send(&event{kind: End})
		c.writable.Broadcast()
	}
}

// Close ends the stream. What was written before still arrives, unless bytes
// are left unread here: then the peer gets a reset, as with TCP.
func (c *Conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.err != nil {
		return c.opError("close", c.err)
	}
	if len(c.in) > 0 {
		c.abort()
		return nil
	}
	c.end()
	c.fail(net.ErrClosed)
	return nil
}

// LocalAddr is this end's address.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr is the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline makes Read fail from t on; the zero time is never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.readBy, t) }

// SetWriteDeadline makes Write fail from t on; the zero time is never.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writeBy, t) }

func (c *Conn) setDeadline(d *deadline, t time.Time) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.err != nil {
		return c.opError("set", c.err)
	}
	d.reset(t)
	return nil
}

func (c *Conn) opError(op string, err error) error {
	return opError(op, "tcp", c.local, c.remote, err)
}
