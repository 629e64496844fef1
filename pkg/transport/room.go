package transport

import (
	"cmp"
	"math"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

// A full table refuses nobody for ever: the least useful session gives way. What
// an attacker has for nothing must not hold a place, so that this is first of all
// a question of where a session comes from, then of what it does. A third of the
// table is kept for the sessions that we open.

// held is what the table holds. Its mutex guards it.
type held struct {
	sessions, inbound int
	dials             int
	crowd             origin.Crowd // of sessions
	came              origin.Crowd // of those that others opened
}

func (h *held) enter(s *Session) { h.count(s, 1) }

// leave frees the place of a session, unless another has it already.
func (h *held) leave(s *Session) {
	if s.left {
		return
	}
	s.left = true
	h.count(s, -1)
}

func (h *held) count(s *Session, n int) {
	h.sessions += n
	s.way.sessions += n
	h.crowd.Add(s.networks, n)
	if s.inbound {
		h.inbound += n
		h.came.Add(s.networks, n)
	}
}

// counted are the networks that an address is counted by.
func (t *table) counted(a netip.Addr) origin.Networks {
	if t.cfg.LocalAllowed && reserved(a) {
		return origin.Networks{}
	}
	return origin.Of(a)
}

// makeRoom frees a place for a session that is to enter the table, and reports
// false where nobody can give way. The caller holds mu, and closes the link that
// is returned, if one is, without it.
func (t *table) makeRoom(s *Session) (close Link, ok bool) {
	limit := t.cfg.Limits.Sessions
	crowdedIn := s.inbound && t.held.inbound >= limit-limit/3
	if !crowdedIn && t.held.sessions < limit {
		return nil, true
	}
	victim := t.leastUseful(crowdedIn)
	if victim == nil {
		return nil, false
	}
	t.held.leave(victim)
	if !victim.ended(ReasonCrowded) {
		return nil, true // it was about to leave
	}
	victim.way.counters.evicted.Add(1)
	return victim.link, true
}

// candidate is a session that may have to give way.
type candidate struct {
	*Session
	burden int
	quiet  time.Duration
}

// carriedShare is how much more crowded it must be about a session that living
// tunnels of others go over, for it to give way as soon as another.
const carriedShare = 4

// leastUseful is the session that gives way: of the most crowded networks, and
// there the one that was idle the longest. Those that our own tunnels go over are
// left alone. The caller holds mu.
func (t *table) leastUseful(inbound bool) *Session {
	var worst candidate
	for hash, p := range t.peers {
		if t.cfg.Wanted != nil && t.cfg.Wanted(hash) {
			continue
		}
		share := carriedShare
		if t.cfg.Carries != nil && t.cfg.Carries(hash) {
			share = 1
		}
		for _, s := range p.sessionsNow() {
			c := candidate{s, share * (1 + t.held.crowd.Press(s.networks)), s.quietFor()}
			if s.over() {
				c.burden = math.MaxInt
			}
			if !s.left && (s.inbound || !inbound) && (worst.Session == nil || c.before(worst)) {
				worst = c
			}
		}
	}
	return worst.Session
}

// before reports whether c gives way before another. The order is the same each
// time.
func (c candidate) before(o candidate) bool {
	return cmp.Or(cmp.Compare(o.burden, c.burden), cmp.Compare(o.quiet, c.quiet), c.hash().Compare(o.hash())) < 0
}

func (c candidate) hash() i2p.Hash { return c.peer.hash }
