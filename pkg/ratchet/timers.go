package ratchet

import (
	"container/list"
	"slices"
	"time"
)

// owe notes that the session owes the peer a message.
func (s *Sessions) owe(now time.Time, n *session) {
	if n.owes {
		return
	}
	n.owes, n.due, n.tries = true, now.Add(responseDelay), 0
	if !n.queued {
		n.queued = true
		s.debts = append(s.debts, n)
	}
}

// settle removes the sessions that owe nothing any more from the queue.
func (s *Sessions) settle() {
	s.debts = slices.DeleteFunc(s.debts, func(n *session) bool {
		n.queued = n.owes
		return !n.owes
	})
}

// Pending returns the peers to whom a message is overdue: an answer to their
// New Session message, the first use of a session, an acknowledgement, a key.
// Sealing and sending anything to them settles it, even an empty Payload. Each
// is named a few times at most.
func (s *Sessions) Pending(now time.Time) []Peer {
	var due []Peer
	seen := map[*peer]bool{}
	for _, n := range s.debts {
		if !n.owes || n.due.After(now) {
			continue
		}
		if n.tries++; n.tries > responseTries {
			n.owes = false
			continue
		}
		n.due = now.Add(2 * responseDelay)
		if !seen[n.peer] {
			seen[n.peer] = true
			due = append(due, Peer{Static: n.peer.static, Type: n.typ})
		}
	}
	s.settle()
	return due
}

// Deadline returns when Tick or Pending next has something to do, or the zero
// time.
func (s *Sessions) Deadline() time.Time {
	at := s.sweepAt
	for _, n := range s.debts {
		if n.owes && n.due.Before(at) {
			at = n.due
		}
	}
	return at
}

// Tick drops what has expired.
func (s *Sessions) Tick(now time.Time) {
	if s.sweepAt.IsZero() || now.Before(s.sweepAt) {
		return
	}
	s.settle()
	s.expected.sweep(now)
	for _, l := range []*list.List{&s.unanswered, &s.halfOpen} {
		for e := l.Front(); e != nil; {
			n := e.Value.(*session)
			e = e.Next()
			if now.Sub(n.created) > replyTimeout {
				s.stats.Expired++
				s.drop(n)
			}
		}
	}
	for e := s.established.Front(); e != nil; {
		n := e.Value.(*session)
		e = e.Next()
		if s.expire(now, n) {
			s.stats.Expired++
			s.drop(n)
		}
	}
	s.sweepAt = time.Time{}
	if s.Len() > 0 || s.expected.len() > 0 {
		s.sweepAt = now.Add(sweepInterval)
	}
}

// expire drops the outlived tag sets of an established session, and reports
// whether all of it has outlived.
func (s *Sessions) expire(now time.Time, n *session) bool {
	if n.replies != nil && now.Sub(n.created) > replyTimeout {
		s.deafen(n.replies)
		n.replies, n.handshake = nil, nil
	}
	for len(n.in) > 0 && !n.in[0].expires.IsZero() && now.After(n.in[0].expires) {
		s.deafen(n.in[0])
		n.in = n.in[1:]
	}
	return len(n.in) == 0 || now.Sub(n.active) > receiveTimeout
}
