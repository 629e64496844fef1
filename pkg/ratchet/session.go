package ratchet

import (
	"bytes"
	"container/list"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

// Sessions holds the sessions of one context. It is not safe for concurrent
// use: one loop owns it.
type Sessions struct {
	cfg    Config
	limits Limits
	ik     noise.State // initial state for messages to Static
	hybrid noise.State // and to HybridStatic

	peers       map[[32]byte]*peer
	tags        map[uint64]tagRef
	skippedKeys int
	expected    expected
	replays     replays
	rate        bucket

	// Least recently used first.
	established, halfOpen, unanswered list.List

	debts    []*session // that owe a message, in the order they came to
	serial   uint64     // of the last session
	received uint64     // counts opened messages
	sweepAt  time.Time

	random *draw.Source
	front  []byte // scratch
	stats  Stats
}

// peer is what we share with one static key. Its sessions begin as handshakes
// of either side; several may be under way at once, and all that complete stay
// readable. Which one is written to is the choice of Seal.
type peer struct {
	static   [32]byte
	sessions []*session // oldest first
	current  *session   // established last

	lastData uint64 // Sessions.received at the last Existing Session message
	lastNew  time.Time
	suspect  bool // see Suspect

	// Of the messages since the peer was heard last:
	silentSince, silentLast time.Time
	silentCount             int
	silentSpan              time.Duration // from the first of them to the last but one
}

// session is one handshake with a peer and what came of it.
//
//	Alice:  unanswered --reply opened----------> established
//	Bob:    half open  --first data received---> established
type session struct {
	serial    uint64
	peer      *peer
	typ       i2p.EncryptionType
	initiator bool
	handshake *handshake
	created   time.Time
	arrived   uint64 // Bob: Sessions.received at the New Session message

	replies  *inbound  // Alice: the tags of the replies
	answer   *chain    // Bob: likewise
	branches []*branch // Bob: the replies sent

	out         *outbound  // nil until established, and after termination
	in          []*inbound // oldest first; Bob's branches before that
	established time.Time
	active      time.Time // a message was sent or received

	sending, receiving keyRatchet
	acks               []ackID     // owed
	requested          []MessageID // ack requests of ours
	lastRequest        time.Time

	owes   bool // a message is owed
	queued bool // in Sessions.debts
	due    time.Time
	tries  int

	list *list.List
	elem *list.Element
}

// New returns an engine without sessions.
func New(cfg Config) *Sessions {
	s := &Sessions{
		cfg:    cfg,
		random: draw.From(cfg.Rand),
		limits: cfg.Limits.withDefaults(),
		peers:  map[[32]byte]*peer{},
		tags:   map[uint64]tagRef{},
	}
	s.expected = newExpected(s.limits.Expected)
	s.replays = newReplays(s.limits.Replays)
	s.rate.rate = float64(s.limits.NewPerSecond)
	s.ik = initial(i2p.CryptoX25519, cfg.Static.Public)
	if cfg.Hybrid != 0 {
		if s.cfg.HybridStatic.IsZero() {
			s.cfg.HybridStatic = cfg.Static
		}
		s.hybrid = initial(cfg.Hybrid, s.cfg.HybridStatic.Public)
	}
	return s
}

// static is our key for sessions of a type.
func (s *Sessions) static(t i2p.EncryptionType) (noise.KeyPair, error) {
	switch {
	case t == i2p.CryptoX25519:
		return s.cfg.Static, nil
	case Speaks(t) && t == s.cfg.Hybrid:
		return s.cfg.HybridStatic, nil
	}
	return noise.KeyPair{}, fmt.Errorf("%w: %d", ErrType, t)
}

// Len is the number of sessions, handshakes included.
func (s *Sessions) Len() int {
	return s.established.Len() + s.halfOpen.Len() + s.unanswered.Len()
}

// Stats returns the counters.
func (s *Sessions) Stats() Stats {
	st := s.stats
	st.Sessions, st.Tags = s.Len(), len(s.tags)+s.skippedKeys
	return st
}

// Established reports whether there is a session with the peer that data can
// be sent on, so that Seal would not begin a new one.
func (s *Sessions) Established(now time.Time, static [32]byte) bool {
	p := s.peers[static]
	return p != nil && p.current != nil && p.current.usable(now)
}

// LastNewSession returns when the last New Session message to a peer was
// sealed. i2pd drops what follows another such message within 200 ms.
func (s *Sessions) LastNewSession(static [32]byte) time.Time {
	if p := s.peers[static]; p != nil {
		return p.lastNew
	}
	return time.Time{}
}

// Forget drops the sessions with a peer.
func (s *Sessions) Forget(static [32]byte) {
	if p := s.peers[static]; p != nil {
		for len(p.sessions) > 0 {
			s.drop(p.sessions[0])
		}
	}
}

// Close drops everything.
func (s *Sessions) Close() {
	fresh := New(s.cfg)
	fresh.stats, fresh.serial, fresh.replays = s.stats, s.serial, s.replays
	*s = *fresh
}

// add makes a session of a handshake and puts it on a list.
func (s *Sessions) add(now time.Time, h *handshake, initiator bool) *session {
	p := s.peers[h.peer]
	if p == nil {
		p = &peer{static: h.peer}
		s.peers[h.peer] = p
	}
	s.serial++
	n := &session{
		serial: s.serial, peer: p, typ: h.typ, initiator: initiator, handshake: h,
		created: now, active: now, arrived: s.received,
	}
	p.sessions = append(p.sessions, n)
	if initiator {
		s.enlist(n, &s.unanswered, s.limits.Unanswered)
	} else {
		s.enlist(n, &s.halfOpen, s.limits.HalfOpen)
	}
	s.limitPeer(n)
	if s.sweepAt.IsZero() {
		s.sweepAt = now.Add(sweepInterval)
	}
	return n
}

// limitPeer drops the oldest handshake like n with its peer when there are
// too many.
func (s *Sessions) limitPeer(n *session) {
	var oldest *session
	count := 0
	for _, o := range n.peer.sessions {
		if o.list == n.list {
			if count == 0 {
				oldest = o
			}
			count++
		}
	}
	if count > s.limits.PerPeer {
		s.stats.Evicted++
		s.drop(oldest)
	}
}

// enlist moves a session to the end of a list, and drops that list's first
// when it is full.
func (s *Sessions) enlist(n *session, l *list.List, limit int) {
	if n.list == l {
		l.MoveToBack(n.elem)
		return
	}
	if n.list != nil {
		n.list.Remove(n.elem)
	}
	n.list, n.elem = l, l.PushBack(n)
	if l.Len() > limit {
		s.stats.Evicted++
		s.drop(l.Front().Value.(*session))
	}
}

// shrink keeps the tags and keys within their limit by dropping the sessions
// that were idle longest, except keep.
func (s *Sessions) shrink(keep *session) {
	for len(s.tags)+s.skippedKeys > s.limits.Tags {
		var victim *session
		for _, l := range []*list.List{&s.halfOpen, &s.established, &s.unanswered} {
			if e := l.Front(); e != nil && e.Value.(*session) != keep {
				victim = e.Value.(*session)
				break
			}
		}
		if victim == nil {
			return
		}
		s.stats.Evicted++
		s.drop(victim)
	}
}

// drop removes a session and its tags.
func (s *Sessions) drop(n *session) {
	for _, in := range n.in {
		s.deafen(in)
	}
	if n.replies != nil {
		s.deafen(n.replies)
	}
	n.list.Remove(n.elem)
	n.in, n.out, n.replies, n.owes = nil, nil, nil, false
	p := n.peer
	p.sessions = slices.DeleteFunc(p.sessions, func(o *session) bool { return o == n })
	if p.current == n {
		p.choose()
	}
	if len(p.sessions) == 0 {
		delete(s.peers, p.static)
	}
}

// establish makes data flow: Alice with the reply that she opened, Bob with
// the branch that Alice has picked.
func (s *Sessions) establish(now time.Time, n *session, out outbound, in *inbound) {
	for _, other := range n.in {
		if other != in {
			s.deafen(other)
		}
	}
	n.in, n.out, n.established = []*inbound{in}, &out, now
	in.branch, n.branches, n.answer = nil, nil, nil
	if !n.initiator {
		n.handshake = nil
	}
	if cur := n.peer.current; cur == nil || !cur.usable(now) || !collided(cur, n) || s.preferred(n) {
		n.peer.current = n
	}
	s.enlist(n, &s.established, s.limits.Established)
	s.limitPeer(n)
}

// collided reports whether the handshake of n was under way, from the other
// side, before cur was established. Otherwise the newer replaces the older:
// its beginner knows of no older one any more.
func collided(cur, n *session) bool {
	return cur.initiator != n.initiator && !n.created.After(cur.established)
}

// preferred breaks the tie of a collision in a way that both sides see alike:
// the session of the side with the lower static key is the one to use.
func (s *Sessions) preferred(n *session) bool {
	own, err := s.static(n.typ)
	return err == nil && (bytes.Compare(own.Public[:], n.peer.static[:]) < 0) == n.initiator
}

// choose makes the newest session that can send the current one.
func (p *peer) choose() {
	p.current = nil
	for _, o := range p.sessions {
		if o.out != nil {
			p.current = o
		}
	}
}

// usable reports whether data can still be sent on the session.
func (n *session) usable(now time.Time) bool {
	return n.out != nil && !n.out.exhausted() && now.Sub(n.active) < sendTimeout
}

func tagBytes(tag uint64) (b [tagLen]byte) {
	binary.LittleEndian.PutUint64(b[:], tag)
	return b
}
