package transport

import (
	"errors"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// simultaneous is how close two sessions of opposite directions must be to
// count as both sides having dialled at once, and spareLife how long the one
// that lost may stay silent before it is closed.
const (
	simultaneous = 10 * time.Second
	spareLife    = 10 * time.Second
)

// peer is a router to which there are sessions or a dial.
//
// There is at most one session that sends. When a second one comes up, one of
// them becomes the spare: it still receives, and takes over when the other
// ends. So nothing is lost when both sides dial at once, even if they do not
// agree which session is to stay.
type peer struct {
	t    *Transport
	hash i2p.Hash

	mu       sync.Mutex
	queue    queue
	current  *session
	spare    *session
	dialling bool
	moving   bool                   // the session is being opened anew
	info     *routerinfo.RouterInfo // by which it was dialled, or that it sent
	dead     bool                   // left the table
	dropped  uint64
	expired  uint64
}

// start dials a peer that is not in the table, with m as its first message, of
// which it takes ownership unless it fails. It returns the peer that is in the
// table after all, if there is one.
func (t *Transport) start(ri *routerinfo.RouterInfo, m i2np.Message) (there *peer, err error) {
	hash := ri.Hash()
	addrs := t.dialable(ri)
	t.mu.Lock()
	defer t.mu.Unlock()
	at, failed := t.retryAt[hash]
	switch {
	case t.closed || t.ctx == nil:
		return nil, ErrClosed
	case t.peers[hash] != nil:
		return t.peers[hash], nil
	case hash == t.hash:
		return nil, ErrSelf
	case len(addrs) == 0:
		return nil, ErrNoAddress
	case failed && time.Now().Before(at):
		return nil, ErrBackoff
	case t.dials >= t.limits.Dials || t.sessions+len(t.pending) >= t.limits.Sessions:
		return nil, ErrBusy
	}
	delete(t.retryAt, hash)
	p := &peer{t: t, hash: hash, dialling: true, info: ri}
	if _, ok := p.queue.put(m, t.since(), &t.limits); !ok {
		return nil, ErrQueueFull
	}
	t.peers[hash] = p
	t.startDial(p, addrs)
	return nil, nil
}

// startDial dials a peer. The caller holds mu.
func (t *Transport) startDial(p *peer, addrs []target) {
	t.dials++
	ctx, rng := t.ctx, t.connRand()
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		t.dial(ctx, p, addrs, rng)
	}()
}

// errGone means that the peer has left the table.
var errGone = errors.New("transport: the session has just ended")

// put takes ownership of m unless it fails.
func (p *peer) put(m i2np.Message) error {
	now := p.t.since()
	p.mu.Lock()
	var err error
	var s *session
	switch {
	case p.dead:
		err = errGone
	case p.current != nil && p.current.stalled && isBulk(m.Type):
		p.dropped++
		err = ErrStalled
	default:
		evicted, ok := p.queue.put(m, now, &p.t.limits)
		if s = p.current; !ok {
			s, err = nil, ErrQueueFull
			p.dropped++
		}
		if evicted > 0 {
			p.dropped += uint64(evicted)
			p.t.counters.dropped.Add(uint64(evicted))
		}
	}
	p.mu.Unlock()
	if s != nil {
		s.signal()
	}
	return err
}

func (p *peer) connected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && !p.current.stopped.Load()
}

// sessionsNow returns the sessions, the current one first.
func (p *peer) sessionsNow() (out []*session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range []*session{p.current, p.spare} {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (p *peer) endAll(why *ntcp2.TerminationError) {
	for _, s := range p.sessionsNow() {
		s.end(why)
	}
}

// announce has our RouterInfo sent.
func (p *peer) announce() {
	p.mu.Lock()
	s := p.current
	if s != nil {
		s.announce = true
	}
	p.mu.Unlock()
	if s != nil {
		s.signal()
	}
}

// kill drops what waits. The peer has left the table.
func (p *peer) kill() {
	p.mu.Lock()
	p.dead = true
	n := p.queue.drop()
	p.dropped += uint64(n)
	p.mu.Unlock()
	p.t.counters.dropped.Add(uint64(n))
}

// establish puts a session whose handshake is done into the table. It reports
// false when the transport is closing.
func (t *Transport) establish(s *session, hash i2p.Hash) bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	p := t.peers[hash]
	if p == nil {
		p = &peer{t: t, hash: hash}
		t.peers[hash] = p
	}
	s.peer = p
	t.sessions++
	delete(t.retryAt, hash)
	p.mu.Lock()
	if s.info != nil {
		p.info = s.info
	}
	p.queue.restart(t.since())
	evicted := p.admit(s)
	spare := p.spare
	first := spare == nil && !p.moving
	p.moving = false
	p.mu.Unlock()
	if first && t.cfg.Up != nil {
		t.events.add(func() { t.cfg.Up(hash, s.inbound) })
	}
	t.mu.Unlock()
	t.events.run()
	if spare != nil {
		spare.signal() // its timer is another one now
	}
	if evicted != nil {
		evicted.end(&ntcp2.TerminationError{Reason: ntcp2.ReasonNormal})
	}
	s.log("session stands", "inbound", s.inbound, "rtt", s.rtt)
	return true
}

// admit decides which session sends from now on, and returns one that must
// end. Of two sessions of opposite directions that came up together, the one
// whose initiator has the smaller hash stays, as the other side also finds;
// otherwise the newer one does, because the peer has probably lost the older.
// The caller holds the peer's mutex.
func (p *peer) admit(s *session) (evicted *session) {
	old := p.current
	if old == nil {
		p.current = s
		return nil
	}
	evicted = p.spare
	keepOld := false
	if !old.stopped.Load() && old.inbound != s.inbound && s.since.Sub(old.since) < simultaneous {
		oursIsSmaller := p.t.hash.Compare(p.hash) < 0
		keepOld = old.inbound != oursIsSmaller
	}
	if keepOld {
		p.spare = s
	} else {
		p.current, p.spare = s, old
	}
	p.spare.spareSince = s.since
	return evicted
}

// retire takes an ended session out of the table.
func (t *Transport) retire(s *session) {
	p := s.peer
	t.mu.Lock()
	t.sessions--
	if s.counted {
		t.sources.add(s.source, 0, -1)
	}
	p.mu.Lock()
	var heir *session
	switch s {
	case p.current:
		p.current, p.spare = p.spare, nil
		if heir = p.current; heir != nil {
			heir.spareSince = time.Time{}
		}
	case p.spare:
		p.spare = nil
	}
	why := s.stop
	last := p.current == nil && !p.dead && !p.moving
	gone := last && !p.dialling
	p.mu.Unlock()
	if !s.inbound && why.Remote && refusal(why.Reason) {
		t.retryLater(p.hash, t.limits.RefusedAfter)
	}
	if gone && t.peers[p.hash] == p {
		delete(t.peers, p.hash)
	}
	if last && t.cfg.Down != nil {
		t.events.add(func() { t.cfg.Down(p.hash, why) })
	}
	t.mu.Unlock()
	if gone {
		p.kill()
	}
	if heir != nil {
		heir.signal()
	}
	t.events.run()
	s.log("session ended", "reason", why)
}

// refusal reports whether a peer that gives this reason will give it again.
func refusal(r ntcp2.Reason) bool {
	switch r {
	case ntcp2.ReasonOptions, ntcp2.ReasonSignatureType, ntcp2.ReasonClockSkew, ntcp2.ReasonMessage3,
		ntcp2.ReasonSignature, ntcp2.ReasonStaticKey, ntcp2.ReasonBanned:
		return true
	}
	return false
}
