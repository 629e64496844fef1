package ratchet

import (
	"time"

	"i2ptoolkit/pkg/draw"
)

// Sessions holds the sessions of one context. It is not safe for concurrent
// use: one loop owns it.
//
// It seals and opens (seal.go, open.go). Each of its parts has a state of its
// own: which session a tag belongs to, what sessions there are and which give
// way to others, which of them owe their peer something, and our keys.
type Sessions struct {
	limits   Limits
	keys     ownKeys
	tags     *tagTable
	roster   *roster
	debts    debts
	expected expected
	replays  replays

	received uint64 // counts opened messages
	sweepAt  time.Time
	random   *draw.Source
	front    []byte // scratch
	stats    Stats
}

// New returns an engine without sessions.
func New(cfg Config) *Sessions {
	limits := cfg.Limits.withDefaults()
	tags := newTagTable()
	return &Sessions{
		limits:   limits,
		keys:     newOwnKeys(cfg),
		tags:     tags,
		roster:   newRoster(limits, tags),
		expected: newExpected(limits.Expected),
		replays:  newReplays(limits.Replays, true),
		random:   draw.From(cfg.Rand),
	}
}

// Stats returns the counters.
func (s *Sessions) Stats() Stats {
	st := s.stats
	st.Evicted = s.roster.evicted
	st.Sessions, st.Tags = s.roster.len(), s.tags.len()
	return st
}

// Expect makes Open accept one message sealed with a key and tag that we gave
// in a request, such as a lookup (ECIES-ROUTERS, Reply encryption).
func (s *Sessions) Expect(now time.Time, key [32]byte, tag [8]byte, lifetime time.Duration) {
	s.expected.add(now, key, tag, lifetime)
	s.sweep(now)
}

// Suspect says that a peer does not seem to receive what is sent to it: more
// may have been lost than it listens ahead for (ECIES, Parameters, tag set
// size), and then it can open no later message of that session. Until it is
// heard, one message in a while begins a new one.
func (s *Sessions) Suspect(static [32]byte) {
	if p := s.roster.peers[static]; p != nil {
		p.suspect = true
	}
}

// Renew has the next message to a peer begin a new session, as Suspect does in a while.
func (s *Sessions) Renew(static [32]byte) {
	if p := s.roster.peers[static]; p != nil {
		p.suspect, p.lastNew = true, time.Time{}
	}
}

// Pending returns the peers to whom a message is overdue: an answer to their
// New Session message, the first use of a session, an acknowledgement, a key.
// Sealing and sending anything to them settles it, even an empty Payload. Each
// is named a few times at most.
func (s *Sessions) Pending(now time.Time) []Peer { return s.debts.overdue(now) }

// Deadline returns when Tick or Pending next has something to do, or the zero
// time.
func (s *Sessions) Deadline() time.Time { return s.debts.before(s.sweepAt) }

// Tick drops what has expired.
func (s *Sessions) Tick(now time.Time) {
	if s.sweepAt.IsZero() || now.Before(s.sweepAt) {
		return
	}
	s.debts.settle()
	s.expected.sweep(now)
	s.stats.Expired += s.roster.expire(now)
	s.sweepAt = time.Time{}
	if s.roster.len() > 0 || s.expected.len() > 0 {
		s.sweep(now)
	}
}

// sweep has Tick look for what has expired, within sweepInterval.
func (s *Sessions) sweep(now time.Time) {
	if s.sweepAt.IsZero() {
		s.sweepAt = now.Add(sweepInterval)
	}
}

// begin makes a session of a handshake.
func (s *Sessions) begin(now time.Time, h *handshake, initiator bool) *session {
	n := s.roster.add(now, h, initiator, s.received)
	s.sweep(now)
	return n
}

// establish makes data flow: Alice with the reply that she opened, Bob with
// the branch that Alice has picked.
func (s *Sessions) establish(now time.Time, n *session, out outbound, in *inbound) {
	own := n.handshake.own.Public
	s.tags.deafen(n.establish(now, out, in)...)
	n.peer.prefer(now, n, own)
	n.peer.acquit(n)
	s.roster.establish(n)
}
