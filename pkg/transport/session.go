package transport

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// farewell is how long the last frame may take to be written.
const farewell = 2 * time.Second

// session is one connection past its handshake. Its reader and its writer are
// one goroutine each; they share what stands under "peer's mutex" and the
// atomics.
type session struct {
	t       *Transport
	peer    *peer
	conn    net.Conn
	addr    netip.AddrPort
	source  netip.Prefix
	counted bool // against its source
	inbound bool
	since   time.Time
	rtt     time.Duration
	skew    time.Duration
	version string

	random  io.Reader
	send    *ntcp2.Sender          // writer
	recv    *ntcp2.Receiver        // reader
	info    *routerinfo.RouterInfo // reader: the newest that the peer sent
	infoAt  time.Time              // reader: when a RouterInfo was last verified
	idle    time.Duration
	ctx     context.Context // ends with the session
	cancel  context.CancelFunc
	wake    chan struct{}
	stopped atomic.Bool

	// Under the peer's mutex.
	stop       *ntcp2.TerminationError
	stalled    bool
	announce   bool
	options    *ntcp2.Options
	spareSince time.Time // zero unless this is the spare

	lastI2NP           atomic.Int64 // since the transport's epoch
	frames             atomic.Uint64
	bytesIn, bytesOut  atomic.Uint64
	msgsIn, msgsOut    atomic.Uint64
	ignored, malformed atomic.Uint64
}

// newSession makes the session of a handshake that is done.
func (t *Transport) newSession(ctx context.Context, conn net.Conn, inbound bool, r ntcp2.Result, rng io.Reader) *session {
	s := &session{
		t: t, conn: conn, inbound: inbound, addr: addrOf(conn.RemoteAddr()),
		since: time.Now(), rtt: r.RTT, skew: r.Skew, random: rng,
		send: r.Sender, recv: r.Receiver,
		wake: make(chan struct{}, 1),
	}
	tune(conn, t.limits.DeadAfter)
	s.source = source(s.addr.Addr())
	s.idle = t.limits.IdleTimeout + drawDuration(rng, t.limits.IdleTimeout/6)
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.used()
	return s
}

// used notes that an I2NP message came or went: the session is not idle. It
// says nothing of the peer, see progress.
func (s *session) used() { s.lastI2NP.Store(int64(s.t.since())) }

func (s *session) quietFor() time.Duration {
	return s.t.since() - time.Duration(s.lastI2NP.Load())
}

// signal wakes the writer.
func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// end stops the session, once; the writer says farewell unless the peer or the
// connection has gone first.
func (s *session) end(why *ntcp2.TerminationError) {
	s.peer.mu.Lock()
	first := s.stop == nil
	if first {
		s.stop = why
	}
	s.peer.mu.Unlock()
	if !first {
		return
	}
	s.stopped.Store(true)
	s.cancel()
	if s.silent(why) {
		s.conn.Close()
	} else {
		s.conn.SetWriteDeadline(time.Now().Add(farewell))
	}
	s.signal()
}

// stall notes that the peer acknowledges nothing, or does again. What waits for
// it may find another way: bulk is dropped, and refused until it goes on.
func (s *session) stall(stalled bool) {
	p, dropped := s.peer, 0
	p.mu.Lock()
	s.stalled = stalled
	if stalled && p.current == s {
		dropped = p.queue.dropBulk()
		p.dropped += uint64(dropped)
	}
	p.mu.Unlock()
	s.log("session stalls, or no more", "stalled", stalled, "dropped", dropped)
	if !stalled {
		return
	}
	s.t.counters.dropped.Add(uint64(dropped))
	s.t.counters.stalls.Add(1)
	if s.t.cfg.Stalled != nil {
		s.t.events.add(func() { s.t.cfg.Stalled(p.hash) })
		s.t.events.run()
	}
}

// silent reports whether there is nobody to say farewell to.
func (s *session) silent(why *ntcp2.TerminationError) bool {
	return why.Remote || why.Reason == ntcp2.ReasonNormal && why.Err != nil
}

// lost is the end of a session whose connection failed.
func lost(err error) *ntcp2.TerminationError {
	return &ntcp2.TerminationError{Reason: ntcp2.ReasonNormal, Err: err}
}

// run reads and writes until the session has ended. first is what the writer
// begins with, message 3; rest is what the handshake read and did not use.
func (s *session) run(first, rest []byte) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write(first)
	}()
	s.read(rest)
	<-written
	s.cancel()
	s.t.retire(s)
}

func (s *session) log(msg string, args ...any) {
	s.t.cfg.Log.Debug(msg, append([]any{"peer", s.peer.hash.String()[:6]}, args...)...)
}
