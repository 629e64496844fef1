package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/ntcp2"
)

// A stranger's first message is awaited for a random time between requestMin
// and requestMin+requestSpread. One that is no good gets no answer: what
// follows is read, up to a random number of bytes, until that same moment. So
// neither the answer nor the time of the close tells junk from a replay, or
// either from a message that never came.
const (
	requestMin    = 8 * time.Second
	requestSpread = 12 * time.Second
	junkMin       = 2 << 10 // no first message is longer
	junkSpread    = 16 << 10
)

// pendingConn is a connection in its handshake.
type pendingConn struct {
	conn     net.Conn
	sequence uint64
	incoming bool
	source   netip.Prefix
	counted  bool // against its source
	junk     bool // the first message was no good
	random   io.Reader
}

// accept takes connections from a listener until it is closed.
func (t *Transport) accept(ctx context.Context, l net.Listener) {
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			if p := t.admit(conn); p != nil && !t.spawn(func() { t.respond(ctx, p) }) {
				t.forget(p)
				conn.Close()
			}
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of descriptors, most likely: wait for some to be freed.
		pause = min(max(2*pause, 10*time.Millisecond), time.Second)
		t.cfg.Log.Warn("transport cannot accept", "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// admit holds a new connection to the limits, and closes it where it exceeds
// them. Where handshakes are too many, the oldest that sent junk makes room.
func (t *Transport) admit(conn net.Conn) *pendingConn {
	addr := addrOf(conn.RemoteAddr()).Addr()
	p := &pendingConn{conn: conn, incoming: true, source: source(addr), random: t.connRand()}
	local := reserved(addr)
	p.counted = !local || !t.cfg.LocalAllowed

	var evicted *pendingConn
	t.mu.Lock()
	used := t.sources.held[p.source]
	refuse := local && !t.cfg.LocalAllowed || t.closed ||
		t.sessions+len(t.pending) >= t.limits.Sessions ||
		p.counted && (used.pending >= t.limits.PendingPerSource || used.sessions >= t.limits.SessionsPerSource)
	if !refuse && t.incoming >= t.limits.Pending {
		evicted = t.oldestJunk()
		refuse = evicted == nil
	}
	if !refuse {
		p.junk = p.counted && t.sources.blocked(time.Now(), p.source, t.limits.FailuresPerSource)
		t.remember(p)
	}
	t.mu.Unlock()
	if evicted != nil {
		evicted.conn.Close()
	}
	if refuse {
		t.counters.refused.Add(1)
		abort(conn)
		return nil
	}
	return p
}

// oldestJunk takes the oldest junk connection out of the table. The caller
// holds mu.
func (t *Transport) oldestJunk() (oldest *pendingConn) {
	for _, p := range t.pending {
		if p.junk && p.incoming && (oldest == nil || p.sequence < oldest.sequence) {
			oldest = p
		}
	}
	if oldest != nil {
		t.forgetLocked(oldest)
	}
	return oldest
}

// remember counts a handshake. The caller holds mu.
func (t *Transport) remember(p *pendingConn) {
	t.sequence++
	p.sequence = t.sequence
	t.pending[p.conn] = p
	if p.incoming {
		t.incoming++
	}
	if p.counted {
		t.sources.add(p.source, 1, 0)
	}
}

// forget undoes remember; a second call does nothing.
func (t *Transport) forget(p *pendingConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked(p)
}

func (t *Transport) forgetLocked(p *pendingConn) {
	if t.pending[p.conn] != p {
		return
	}
	delete(t.pending, p.conn)
	if p.incoming {
		t.incoming--
	}
	if p.counted {
		t.sources.add(p.source, -1, 0)
	}
}

// abort closes with a reset where the connection knows how, so that the close
// looks the same whether or not everything was read.
func abort(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0)
	}
	conn.Close()
}

// respond is Bob's side of a handshake, and then the session.
func (t *Transport) respond(ctx context.Context, p *pendingConn) {
	s, rest := t.handshakeIn(ctx, p)
	t.forget(p)
	if s == nil {
		abort(p.conn)
		return
	}
	s.run(nil, rest)
}

// handshakeIn returns the session that came of a handshake, already in the
// table, and what was read behind message 3; or nil, and the connection is to
// be aborted.
func (t *Transport) handshakeIn(ctx context.Context, p *pendingConn) (*session, []byte) {
	begun := time.Now()
	deadline := begun.Add(requestMin + drawDuration(p.random, requestSpread))
	allowance := junkMin + draw(p.random, junkSpread)
	p.conn.SetDeadline(deadline)
	if p.junk {
		discard(p.conn, allowance)
		return nil, nil
	}
	hs := ntcp2.NewResponder(ntcp2.Config{
		Static: t.cfg.Static, NetID: t.cfg.NetID, Hash: t.hash, IV: t.cfg.IV,
		Replay: t.replay, Options: ntcp2.DefaultOptions, Rand: p.random,
	})
	io1 := newHandshakeIO(t, p.conn, hs)
	for !hs.Done() {
		if err := io1.step(ctx); err != nil {
			t.counters.failed(err)
			if !io1.wasAuthenticated {
				t.tarpit(p, allowance-int64(io1.hi))
			}
			return nil, nil
		}
		if io1.wasAuthenticated { // message 2 is out
			p.conn.SetDeadline(begun.Add(t.limits.HandshakeTimeout + requestMin))
		}
	}
	return t.greet(ctx, p, hs.Result()), io1.rest()
}

// tarpit reads on behind a bad first message.
func (t *Transport) tarpit(p *pendingConn, left int64) {
	t.mu.Lock()
	p.junk = true
	if p.counted {
		t.sources.failed(time.Now(), p.source)
	}
	t.mu.Unlock()
	discard(p.conn, left)
}

// greet decides over a peer that has authenticated. One that is refused is
// told why.
func (t *Transport) greet(ctx context.Context, p *pendingConn, r ntcp2.Result) *session {
	addr := addrOf(p.conn.RemoteAddr()).Addr()
	ri, reason, err := t.checkConfirmed(r, addr)
	if err != nil {
		t.counters.refusedPeers.Add(1)
		t.cfg.Log.Debug("transport refuses a peer", "reason", reason, "error", err)
		end := ntcp2.Termination{Reason: reason}
		p.conn.SetDeadline(time.Now().Add(farewell))
		p.conn.Write(r.Sender.Seal(end.AppendTo(ntcp2.Begin(nil)), 0))
		return nil
	}
	p.conn.SetDeadline(time.Time{})
	s := t.newSession(ctx, p.conn, true, r, p.random)
	s.info, s.version = ri, ri.Version()
	s.announce = true // Alice's copy of our RouterInfo may be old
	if p.counted {
		s.counted = true
		t.mu.Lock()
		t.sources.add(p.source, 0, 1)
		t.mu.Unlock()
	}
	if !t.establish(s, ri.Hash()) {
		s.cancel()
		return nil
	}
	t.counters.acceptedIn.Add(1)
	if t.cfg.PeerInfo != nil {
		t.cfg.PeerInfo(ri, r.Flood)
	}
	return s
}

// handshakeIO carries a handshake over a connection.
type handshakeIO struct {
	t                *Transport
	conn             net.Conn
	hs               *ntcp2.Handshake
	in               []byte
	lo, hi           int
	wasAuthenticated bool
}

func newHandshakeIO(t *Transport, conn net.Conn, hs *ntcp2.Handshake) *handshakeIO {
	return &handshakeIO{t: t, conn: conn, hs: hs, in: make([]byte, 2<<10)}
}

// step reads what the handshake needs next, and writes what it answers.
func (h *handshakeIO) step(ctx context.Context) error {
	out, err := h.next(ctx)
	if err != nil || len(out) == 0 {
		return err
	}
	return h.write(ctx, out)
}

// next reads what the handshake needs next, and returns its answer.
func (h *handshakeIO) next(ctx context.Context) ([]byte, error) {
	for h.hi-h.lo < h.hs.Need() {
		h.in, h.lo, h.hi = room(h.in, h.lo, h.hi, h.hs.Need())
		n, err := h.conn.Read(h.in[h.hi:])
		h.hi += n
		h.t.counters.bytesIn.Add(uint64(n))
		if n > 0 {
			if err := h.t.in.wait(ctx, n); err != nil {
				return nil, err
			}
		} else if err != nil {
			return nil, err
		}
	}
	out, used, err := h.hs.Handle(h.t.cfg.Now(), h.in[h.lo:h.hi])
	h.lo += used
	h.wasAuthenticated = h.wasAuthenticated || h.hs.Authenticated()
	return out, err
}

func (h *handshakeIO) write(ctx context.Context, b []byte) error {
	if err := h.t.out.wait(ctx, len(b)); err != nil {
		return err
	}
	n, err := h.conn.Write(b)
	h.t.counters.bytesOut.Add(uint64(n))
	return err
}

// rest is what was read and not used.
func (h *handshakeIO) rest() []byte { return h.in[h.lo:h.hi] }
