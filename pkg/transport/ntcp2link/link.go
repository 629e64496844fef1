package ntcp2link

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/transport"
)

// farewell is how long the last frame may take to be written.
const farewell = 2 * time.Second

// link is one connection past its handshake. Its reader and its writer are
// one goroutine each; they share what stands behind mu and the atomics.
type link struct {
	d       *Driver
	conn    net.Conn
	state   transport.LinkState
	session *transport.Session // both goroutines; else under mu
	begin   beginning
	refusal refusal
	send    *ntcp2.Sender
	recv    *ntcp2.Receiver
	ctx     context.Context // ends with the link
	cancel  context.CancelFunc
	wake    chan struct{}
	frames  atomic.Uint64 // valid ones that came
	stopped atomic.Bool
	yielded atomic.Bool
	moved   atomic.Bool // see remains
	mu      sync.Mutex
	word
}

// beginning is what the handshake leaves: for the writer message 3, for the reader
// what was read behind it.
type beginning struct{ first, rest []byte }

// refusal is how the reader refuses a frame that does not authenticate: it reads so
// many bytes more, for so long.
type refusal struct {
	bytes int
	wait  time.Duration
}

// word is what the link's goroutines tell each other. The link's mu guards it.
type word struct {
	stop    *ntcp2.TerminationError
	options *ntcp2.Options // that the peer asks for, until the writer knows
}

// newLink makes the link of a handshake that is done.
func (d *Driver) newLink(ctx context.Context, conn net.Conn, r ntcp2.Result, random *draw.Source, first, rest []byte) *link {
	l := &link{
		d: d, conn: conn, send: r.Sender, recv: r.Receiver,
		state: transport.LinkState{
			Remote: transport.AddrOf(conn.RemoteAddr()), Local: transport.AddrOf(conn.LocalAddr()).Addr(),
			RTT: r.RTT, Skew: r.Skew, MaxMessage: maxBody, Hybrid: r.Hybrid,
		},
		begin:   beginning{first, rest},
		refusal: refusal{random.Below(4 << 10), random.Between(200*time.Millisecond, 2200*time.Millisecond)},
		wake:    make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	tune(conn, d.limits.DeadAfter)
	return l
}

// State is as the handshake found it.
func (l *link) State() transport.LinkState { return l.state }

// Wake wakes the writer.
func (l *link) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Abort closes the connection without a word.
func (l *link) Abort() {
	l.cancel()
	abort(l.conn)
}

// Yield has the writer give back what may not have arrived, even where it is stuck in a write:
// what follows that would be no frame, so that it never writes again.
func (l *link) Yield() {
	l.yielded.Store(true)
	l.conn.SetWriteDeadline(time.Now())
	l.Wake()
}

// What has come over a connection whose address is gone is read, for the peer has been told that it is here; it is at
// hand, so that remains is a long time for the next of it. More may come where the address is gone for the peer's network only.
const (
	remains     = 200 * time.Millisecond
	mostRemains = 2 * time.Second
)

// Close ends the link for a reason of the table's.
func (l *link) Close(why transport.Reason) {
	if why == transport.ReasonMoved {
		l.end(lost(why))
		return
	}
	l.end(&ntcp2.TerminationError{Reason: reasonOf(why)})
}

// end stops the link, once; the writer says farewell unless the peer or the
// connection has gone first.
func (l *link) end(why *ntcp2.TerminationError) {
	l.mu.Lock()
	first, session := l.stop == nil, l.session
	if first { // what has ended for another reason is closed as that has it
		l.stop = why
		l.moved.Store(why.Err == error(transport.ReasonMoved))
	}
	l.mu.Unlock()
	if !first {
		return
	}
	l.stopped.Store(true)
	if session != nil {
		session.End(ended(why))
	}
	switch {
	case l.moved.Load():
		l.conn.SetWriteDeadline(time.Now())
		l.conn.SetReadDeadline(time.Now().Add(remains))
	case silent(why) || l.yielded.Load():
		l.cancel()
		l.conn.Close()
	default:
		l.cancel()
		l.conn.SetWriteDeadline(time.Now().Add(farewell))
	}
	l.Wake()
}

// silent reports whether there is nobody to say farewell to.
func silent(why *ntcp2.TerminationError) bool {
	return why.Remote || why.Reason == ntcp2.ReasonNormal && why.Err != nil
}

// lost is the end of a link whose connection failed.
func lost(err error) *ntcp2.TerminationError {
	return &ntcp2.TerminationError{Reason: ntcp2.ReasonNormal, Err: err}
}

// ended is the end as the table is told of it.
func ended(why *ntcp2.TerminationError) error {
	if why.Remote && final(why.Reason) {
		return errors.Join(why, transport.ErrRefused)
	}
	return why
}

// final reports whether a peer that gives this reason will give it again.
func final(r ntcp2.Reason) bool {
	switch r {
	case ntcp2.ReasonOptions, ntcp2.ReasonSignatureType, ntcp2.ReasonClockSkew, ntcp2.ReasonMessage3,
		ntcp2.ReasonSignature, ntcp2.ReasonStaticKey, ntcp2.ReasonBanned:
		return true
	}
	return false
}

// Run reads and writes until the link has ended.
func (l *link) Run(s *transport.Session) {
	l.mu.Lock()
	l.session = s
	l.mu.Unlock()
	first, rest := l.begin.first, l.begin.rest
	l.begin = beginning{} // a session lives long
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.write(first)
	}()
	l.read(rest)
	<-written
	l.cancel()
	l.conn.Close()
}
