package ratchet

import (
	"slices"
	"time"
)

// debts are the sessions that owe their peers a message, in the order they
// came to.
type debts struct{ queue []*session }

// debt is what a session owes.
type debt struct {
	owes   bool // a message is owed
	queued bool // in debts
	due    time.Time
	tries  int
}

// owe notes that the session owes the peer a message.
func (d *debts) owe(now time.Time, n *session) {
	if n.owes {
		return
	}
	n.owes, n.due, n.tries = true, now.Add(responseDelay), 0
	if !n.queued {
		n.queued = true
		d.queue = append(d.queue, n)
	}
}

// settle removes the sessions that owe nothing any more.
func (d *debts) settle() {
	d.queue = slices.DeleteFunc(d.queue, func(n *session) bool {
		n.queued = n.owes
		return !n.owes
	})
}

// overdue names the peers that have waited for long enough, each a few times
// at most.
func (d *debts) overdue(now time.Time) (peers []Peer) {
	seen := map[*peer]bool{}
	for _, n := range d.queue {
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
			peers = append(peers, Peer{Static: n.peer.static, Type: n.typ})
		}
	}
	d.settle()
	return peers
}

// before is when the next peer is overdue, or at where that comes first.
func (d *debts) before(at time.Time) time.Time {
	for _, n := range d.queue {
		if n.owes && n.due.Before(at) {
			at = n.due
		}
	}
	return at
}
