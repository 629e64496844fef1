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

// anyNumber is how many messages may go to a peer that does not answer.
const anyNumber = math.MaxInt

// What is sent on a session has nothing that holds it back but this: so many messages go, of which the peer is asked
// for a sign that they come. As many of a kilobyte are what one hop may hold on the way, for routers are known that
// end a session with the next one where 500 tunnel messages wait for it. To who gives no sign, so many go in a while.
const (
	floodWindow   = 200
	floodPatience = time.Second
	floodEvery    = 100 * time.Millisecond
	floodBlind    = 128
)

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
		return p.window(now)
	}
	return allowed(now, s.limits.PerPeer-p.unanswered(), p.greeted, p.lastNew)
}

// window is Allows on a session.
func (p *peer) window(now time.Time) (n int, next time.Time) {
	patience, pause := p.first.Add(floodPatience), p.last.Add(floodEvery)
	switch {
	case p.count < floodWindow:
		return floodWindow - p.count, next
	case now.Before(patience):
		return 0, patience
	case !now.Before(pause):
		return floodBlind, next
	}
	return 0, pause
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
