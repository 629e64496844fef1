package ratchet

import (
	"bytes"
	"slices"
	"time"
)

// peer is what we share with one static key. Its sessions begin as handshakes
// of either side; several may be under way at once, and all that complete stay
// readable. Which one is written to is the choice of form.
type peer struct {
	static   [32]byte
	sessions []*session // oldest first
	current  *session   // established last

	lastData uint64 // the count of opened messages at the last Existing Session message
	lastNew  time.Time
	replied  time.Time // the last that it waited for
	silence
}

// form is how the next message to the peer is to be sealed, and on which of
// its sessions. A New Session message has up to so many replies.
func (p *peer) form(now time.Time, replies int) (Kind, *session) {
	p.sent(now)
	if n := p.awaiting(replies); n != nil {
		return NewSessionReply, n
	}
	if p.lost(now) && now.Sub(p.lastNew) >= restartInterval {
		return NewSession, nil
	}
	n := p.owing(now)
	if n == nil {
		n = p.current
	}
	if n == nil || !n.usable(now) {
		return NewSession, nil
	}
	return ExistingSession, n
}

// awaiting is the newest New Session message of the peer's that wants an
// answer: it came after all data, so the peer may know of no session. Every
// message is then a reply to it until data comes.
func (p *peer) awaiting(replies int) *session {
	for _, n := range slices.Backward(p.sessions) {
		if n.answer != nil && n.arrived > p.lastData && len(n.branches) < replies {
			return n
		}
	}
	return nil
}

// owing is the oldest established session that owes the peer an
// acknowledgement or a key, which only that session can send.
func (p *peer) owing(now time.Time) *session {
	for _, n := range p.sessions {
		if n.owes && n.usable(now) {
			return n
		}
	}
	return nil
}

// answered notes that one answer serves all that the peer has asked for.
func (p *peer) answered(now time.Time) {
	p.replied = now
	for _, n := range p.sessions {
		if n.answer != nil {
			n.owes = false
		}
	}
}

// acquit notes that nothing is owed in the sessions that stood before one was begun: the
// peer may know of them no more, and what goes there is lost then.
func (p *peer) acquit(of *session) {
	for _, n := range p.sessions {
		if n.stage == established && n.since.Before(of.created) {
			n.owes = false
		}
	}
}

// settle notes that the peer, which has a session now, waits for no answer to what it began before.
func (p *peer) settle() {
	for _, n := range p.sessions {
		if n.stage == halfOpen {
			n.owes = false
		}
	}
}

// prefer makes a session that was established now the current one, unless
// another one is to be used. own is our key.
func (p *peer) prefer(now time.Time, n *session, own [32]byte) {
	// The tie of a collision is broken in a way that both sides see alike: the
	// session of the side with the lower static key is the one to use.
	wins := (bytes.Compare(own[:], p.static[:]) < 0) == n.initiator
	if cur := p.current; cur == nil || !cur.usable(now) || !collided(cur, n) || wins {
		p.current = n
	}
}

// collided reports whether the handshake of n was under way, from the other
// side, before cur was established. Otherwise the newer replaces the older:
// its beginner knows of no older one any more.
func collided(cur, n *session) bool {
	return cur.initiator != n.initiator && !n.created.After(cur.since)
}

// stood reports whether a session was established before a time.
func (p *peer) stood(before time.Time) bool {
	return p.current != nil && p.current.since.Before(before)
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

// hastens is when the peer is to be answered that says more while it waits: at once, but not with each message.
func (p *peer) hastens(now time.Time) time.Time {
	if at := p.replied.Add(hasteDelay); at.After(now) {
		return at
	}
	return now
}

// silence is what there was of messages to a peer since it was heard last.
type silence struct {
	first, last time.Time
	count       int
	span        time.Duration // from the first of them to the last but one
	suspect     bool          // see Suspect
}

// sent counts a message.
func (s *silence) sent(now time.Time) {
	if s.count == 0 {
		s.first = now
	} else {
		s.span = s.last.Sub(s.first)
	}
	s.count++
	s.last = now
}

// heard ends a silence.
func (s *silence) heard() { s.count, s.span, s.suspect = 0, 0, false }

// lost reports whether the peer seems to have lost its session: several
// messages went unanswered, over some time. Then one message in a while
// begins a new session; the others still go to the old one.
func (s *silence) lost(now time.Time) bool {
	return s.suspect ||
		s.count > silenceCount && s.span >= silenceSpan && now.Sub(s.first) >= silenceTimeout ||
		s.count > floodCount && now.Sub(s.first) >= floodTimeout
}
