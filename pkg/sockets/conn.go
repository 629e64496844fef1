package sockets

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// Conn is a stream. It is a net.Conn with CloseWrite.
type Conn struct {
	h             *Host
	e             *streaming.Conn // the owner's
	local, remote Addr
	nth           uint64 // of h
	touched       bool   // under h.mu

	established chan struct{}
	halfCloses  bool          // before established is closed
	encryption  string        // likewise
	ended       chan struct{} // closed when the engine has done with it
	deadlines

	mu sync.Mutex // a leaf
	flow
	fate
}

// flow is what is between a Conn's user and the engine.
type flow struct {
	in, out  queue
	consumed int           // read and not yet told to the engine
	sink     deadliner     // what WriteTo writes to, where that can be broken off
	readable chan struct{} // closed when a waiting reader should look again
	writable chan struct{} // the same for writers
	waking   bool          // listed in h.wake
}

// fate is how far a Conn's end has come.
type fate struct {
	eof    bool  // the peer has closed
	err    error // why the stream ended
	over   bool  // it has
	closed bool  // by Close
	shut   bool  // by CloseWrite
	broken bool  // by BreakOff, or by Close before all was read
	ends   bool  // by CloseWrite, before it was broken off
	abort  bool
}

var (
	_ net.Conn      = (*Conn)(nil)
	_ io.ReaderFrom = (*Conn)(nil)
	_ io.WriterTo   = (*Conn)(nil)
)

// consumedStep is how much is read before the engine is told.
const consumedStep = 64 << 10

// conn makes the Conn of an engine's stream.
func (h *Host) conn(e *streaming.Conn) *Conn {
	local, remote := e.Ports()
	c := &Conn{
		h: h, e: e, nth: h.made,
		local:       Addr{h.local.Destination, local},
		remote:      Addr{e.Remote(), remote},
		established: make(chan struct{}),
		ended:       make(chan struct{}),
		deadlines:   makeDeadlines(),
		flow:        flow{in: queue{free: &h.chunks}, out: queue{free: &h.chunks}},
	}
	e.Tag = c
	h.live++
	h.made++
	return c
}

// sync brings the engine up to date with what the application did. It is
// the owner's.
func (c *Conn) sync() {
	c.h.mu.Lock()
	c.touched = false
	c.h.mu.Unlock()

	c.mu.Lock()
	// At once with what is seen below: who reads the rest and closes in between would
	// look to the engine like one who closes with data unread, and be reset.
	if n := c.consumed; n > 0 {
		c.consumed = 0
		c.e.Read(n)
	}
	if c.over {
		closed := c.closed
		c.mu.Unlock()
		if closed {
			c.e.Close() // what was not read counts no more
		}
		return
	}
	if c.out.len() > 0 && !c.abort {
		for n := 1; n > 0 && c.out.len() > 0; {
			n = c.e.Write(c.out.front())
			c.out.drop(n)
		}
		if c.out.len() < c.h.cfg.WriteBuffer/2 {
			signal(&c.writable)
		}
	}
	if c.closed && c.in.len() > 0 { // it was not read
		c.in.clear()
		c.broken = true
	}
	shut := c.shut && c.out.len() == 0
	abort, closed, broken, ends := c.abort, c.closed, c.broken, c.ends
	c.mu.Unlock()

	if abort { // the engine may call back from here
		c.e.Reset()
		return
	}
	if !shut {
		return
	}
	if ends || !broken && !closed {
		c.e.CloseWrite()
	}
	if broken {
		c.e.BreakOff()
	}
	if closed {
		c.e.Close()
	}
}

// takeConsumed is how much was read of which the engine was not told: it is now.
func (c *Conn) takeConsumed() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, c.consumed = c.consumed, 0
	return n
}

// discard forgets what was not read.
func (c *Conn) discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.clear()
	c.consumed, c.eof, c.err = 0, false, streaming.ErrUnread
	signal(&c.readable)
	if c.sink != nil {
		c.sink.SetWriteDeadline(time.Unix(1, 0)) // long ago
	}
}

// receive is given the next bytes; it reports whether a reader is to be woken.
func (c *Conn) receive(data []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.put(data)
	return c.toWake()
}

// receiveEnd is receive for the peer's CLOSE.
func (c *Conn) receiveEnd() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.eof = true
	return c.toWake()
}

// toWake notes that a reader is to be woken, and reports whether that is new.
func (c *Conn) toWake() bool {
	first := !c.waking
	c.waking = true
	return first
}

func (c *Conn) wakeReader() {
	c.mu.Lock()
	c.waking = false
	signal(&c.readable)
	c.mu.Unlock()
}

// signal wakes those who wait on ch.
func signal(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}

// waiter is the channel to wait on, under c.mu.
func waiter(ch *chan struct{}) <-chan struct{} {
	if *ch == nil {
		*ch = make(chan struct{})
	}
	return *ch
}

// CloseWrite says that no more will be written. What was written is still
// delivered. The peer may go on sending; i2pd takes it for the end of both
// directions.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	err := c.writeError()
	if err == nil {
		c.shut = true
	}
	c.mu.Unlock()
	c.h.touch(c)
	return err
}

// BreakOff is CloseWrite for an end that is none: the peer reads what was written, and then that
// the stream was reset. After CloseWrite it reads the end, and is told that what it goes on to say
// is not heard.
func (c *Conn) BreakOff() {
	c.mu.Lock()
	if !c.closed && !c.over && !c.broken {
		c.ends = c.shut
		c.shut, c.broken = true, true
	}
	c.mu.Unlock()
	c.h.touch(c)
}

// Close closes the stream. What was written is still delivered. Where something that arrives was
// not read, the stream is reset behind that.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed, c.shut = true, true
	signal(&c.readable)
	signal(&c.writable)
	c.mu.Unlock()
	c.h.touch(c)
	return nil
}

// Abort resets the stream.
func (c *Conn) Abort() {
	c.mu.Lock()
	c.closed, c.shut, c.abort = true, true, true
	signal(&c.readable)
	signal(&c.writable)
	c.mu.Unlock()
	c.h.touch(c)
}

// finish is told that nothing more is said on the stream, and then that the engine has done with it.
func (c *Conn) finish(err error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	if err == nil && c.out.len() > 0 { // the engine does not know of that yet
		err = streaming.ErrReset
	}
	c.over = true
	if c.err == nil {
		c.err = err
	}
	c.out.clear()
	signal(&c.readable)
	signal(&c.writable)
	c.mu.Unlock()
	close(c.ended)
}

// Wait waits until the stream has ended. After Close it returns nil once all
// that was written has been acknowledged.
func (c *Conn) Wait(ctx context.Context) error {
	select {
	case <-c.ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return io.EOF
	}
	return c.err
}

// LocalAddr is our destination and port.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// HalfCloses tells of a stream that was dialled whether the peer is known to go on sending
// once we have closed our writing.
func (c *Conn) HalfCloses() bool {
	select {
	case <-c.established:
		return c.halfCloses
	default:
		return false
	}
}

// Encryption names how the stream was encrypted when it was established: the type of the peer's key
// (common structures, PublicKey). It is "" where that is not known.
func (c *Conn) Encryption() string {
	select {
	case <-c.established:
		return c.encryption
	default:
		return ""
	}
}

// RemoteAddr is the peer's destination and port, an Addr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// Stats returns the stream's figures, or none after its end.
func (c *Conn) Stats() streaming.Stats {
	var s streaming.Stats
	c.h.call(func(time.Time) { s = c.e.Stats() })
	return s
}
