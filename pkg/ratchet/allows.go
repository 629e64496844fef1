package ratchet

import (
	"math"
	"time"
)

// What is sealed to a peer before a session with it stands costs both ends exchanges of keys, and of our New Session
// messages a few are kept: an answer to one that made room for others cannot be read. And i2pd drops each, whoever
// sends it, that comes within 200 ms of the last that it took (Garlic.cpp, since 2.55). So there is one in a while, with
// as much in it as there is to say, until an answer comes.
const greetEvery = 300 * time.Millisecond

// Of replies a burst begins with a few, and the rest is worth waiting for the first use of the session, which comes after a
// round trip and a second at most (ECIES, New Session Reply). A peer that has not used it by then is one that does not.
const (
	replyEvery    = 250 * time.Millisecond
	replyPatience = 3 * time.Second
)

// anyNumber is how many replies may go to a peer that does not use them.
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
	if begins, at := s.Greets(now, to); begins && now.Before(at) {
		return 0, at
	} else if begins {
		return 1, next
	}
	p := s.roster.peers[to.Static]
	if n := p.awaiting(s.limits.Replies); n != nil {
		return allowed(now, s.limits.PerPeer-len(n.branches), n.greeted, n.active)
	}
	return p.window(now)
}

// Greets reports whether what is sealed to a peer now begins a session, as there is none and no message of its that waits for an
// answer; and since when, or from when on, that is well.
func (s *Sessions) Greets(now time.Time, to Peer) (begins bool, at time.Time) {
	p := s.roster.peers[to.Static]
	switch {
	case p == nil:
		return true, at
	case p.awaiting(s.limits.Replies) != nil || p.current != nil && p.current.usable(now):
		return false, at
	case p.lastNew.IsZero():
		return true, at
	}
	return true, p.lastNew.Add(greetEvery)
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

// allowed goes by how many are left of those that may be unused, and when the first and the last were sealed.
func allowed(now time.Time, left int, first, last time.Time) (n int, next time.Time) {
	patience, pause := first.Add(replyPatience), last.Add(replyEvery)
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
