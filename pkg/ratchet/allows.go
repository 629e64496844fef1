package ratchet

import (
	"math"
	"time"
)

// What is sealed to a peer before a session with it stands costs both ends exchanges of keys, and of our New Session
// messages a few are kept: an answer to one that made room for others cannot be read. So a burst begins with a few,
// and the rest is worth waiting for the answer, which comes after a round trip and a second at most
// (ECIES, New Session Reply). A peer that has not answered by then is one that does not.
const (
	greetEvery    = 250 * time.Millisecond
	greetPatience = 3 * time.Second
)

// anyNumber is how many messages may be sealed on a session.
const anyNumber = math.MaxInt

// Allows tells how many messages may well be sealed to a peer now, and when that is more by itself; zero for never.
// To seal more is no error.
func (s *Sessions) Allows(now time.Time, to Peer) (n int, next time.Time) {
	p := s.roster.peers[to.Static]
	if p == nil {
		return s.limits.PerPeer, next
	}
	if n := p.awaiting(s.limits.Replies); n != nil {
		return allowed(now, s.limits.PerPeer-len(n.branches), n.greeted, n.active)
	}
	if p.current != nil && p.current.usable(now) {
		return anyNumber, next
	}
	return allowed(now, s.limits.PerPeer-p.unanswered(), p.greeted, p.lastNew)
}

// allowed goes by how many are left of those that may be unanswered, and when the first and the last were sealed.
func allowed(now time.Time, left int, first, last time.Time) (n int, next time.Time) {
	patience, pause := first.Add(greetPatience), last.Add(greetEvery)
	switch {
	case left > 0:
		return left, next
	case !now.Before(patience):
		return anyNumber, next
	case !now.Before(pause):
		return 1, next
	case pause.Before(patience):
		return 0, pause
	}
	return 0, patience
}

// unanswered is how many New Session messages of ours are kept that the peer has not answered.
func (p *peer) unanswered() (count int) {
	for _, n := range p.sessions {
		if n.stage == unanswered {
			count++
		}
	}
	return count
}
