package ratchet

import (
	"container/list"
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
)

// roster has all sessions, by their peers and by how long they were idle, and
// keeps them and their tags within the limits. Whatever it drops is deaf.
type roster struct {
	limits  Limits
	tags    *tagTable
	peers   map[[32]byte]*peer
	stages  [stages]list.List // least recently used first
	serial  uint64            // of the last session
	evicted uint64
}

func newRoster(limits Limits, tags *tagTable) *roster {
	return &roster{limits: limits, tags: tags, peers: map[[32]byte]*peer{}}
}

// len is the number of sessions, handshakes included.
func (r *roster) len() (n int) {
	for i := range r.stages {
		n += r.stages[i].Len()
	}
	return n
}

// add makes a session of a handshake. arrived counts the messages opened so far.
func (r *roster) add(now time.Time, h *handshake, initiator bool, arrived uint64) *session {
	p := r.peers[h.peer]
	if p == nil {
		p = &peer{static: h.peer}
		r.peers[h.peer] = p
	}
	r.serial++
	n := &session{
		serial: r.serial, peer: p, typ: h.typ, active: now,
		greeting: greeting{initiator: initiator, handshake: h, created: now, arrived: arrived},
	}
	p.sessions = append(p.sessions, n)
	at := halfOpen
	if initiator {
		at = unanswered
	}
	n.stage, n.elem = at, r.stages[at].PushBack(n)
	r.limit(n)
	return n
}

// waits is when the answer is due to the first message of a peer that has none yet; zero where there is none.
func (r *roster) waits(static [32]byte) (due time.Time) {
	p := r.peers[static]
	if p == nil {
		return due
	}
	for _, n := range p.sessions {
		if n.owes && n.answer != nil {
			due = deadline.Earliest(due, n.due)
		}
	}
	return due
}

// used notes that a session has sent or received.
func (r *roster) used(n *session) { r.stages[n.stage].MoveToBack(n.elem) }

// establish moves a session to those that carry data.
func (r *roster) establish(n *session) {
	r.stages[n.stage].Remove(n.elem)
	n.stage, n.elem = established, r.stages[established].PushBack(n)
	r.limit(n)
}

// limit drops what there is too much of at the stage that n has come to: first
// what was idle longest, then the oldest of n's peer. n itself stays: what has
// brought it there is about to use it.
func (r *roster) limit(n *session) {
	most := [stages]int{r.limits.Unanswered, r.limits.HalfOpen, r.limits.Established}
	if l := &r.stages[n.stage]; l.Len() > most[n.stage] {
		r.evict(l.Front().Value.(*session))
	}
	var others []*session
	for _, o := range n.peer.sessions {
		if o.stage == n.stage && o != n {
			others = append(others, o)
		}
	}
	if len(others) < r.limits.PerPeer {
		return
	}
	victim := others[0]
	if n.stage == unanswered { // of these the first may be the one that is answered: i2pd takes no other for two minutes
		victim = others[r.limits.PerPeer/2]
	}
	r.evict(victim)
}

// shrink keeps the tags and keys within their limit by dropping sessions, except keep.
func (r *roster) shrink(keep *session) {
	for r.tags.len() > r.limits.Tags {
		victim := r.greediest(keep)
		for _, at := range [...]stage{halfOpen, established, unanswered} {
			if e := r.stages[at].Front(); victim == nil && e != nil && e.Value.(*session) != keep {
				victim = e.Value.(*session)
			}
		}
		if victim == nil {
			return
		}
		r.evict(victim)
	}
}

// greedy is more tags and keys than a session has without much that got lost, or was passed over by its peer so that they are
// kept: a few such are not to be in the place of all others.
const greedy = 2 * maxAhead

// greediest is the session with most of them, where it is greedy; else those that were idle longest go.
func (r *roster) greediest(keep *session) (worst *session) {
	most := greedy
	for at := range r.stages {
		for e := r.stages[at].Front(); e != nil; e = e.Next() {
			if n := e.Value.(*session); n != keep && n.kept() > most {
				worst, most = n, n.kept()
			}
		}
	}
	return worst
}

func (r *roster) evict(n *session) {
	r.evicted++
	r.drop(n)
}

// drop removes a session and its tags.
func (r *roster) drop(n *session) {
	r.tags.deafen(n.in...)
	if n.replies != nil {
		r.tags.deafen(n.replies)
	}
	r.stages[n.stage].Remove(n.elem)
	n.in, n.out, n.replies, n.owes = nil, nil, nil, false
	p := n.peer
	p.sessions = slices.DeleteFunc(p.sessions, func(o *session) bool { return o == n })
	if p.current == n {
		p.choose()
	}
	if len(p.sessions) == 0 {
		delete(r.peers, p.static)
	}
}

// expire drops what has outlived, and counts the sessions among it.
func (r *roster) expire(now time.Time) (dropped uint64) {
	for at := range r.stages {
		for e := r.stages[at].Front(); e != nil; {
			n := e.Value.(*session)
			e = e.Next()
			gone, over := n.expire(now)
			r.tags.deafen(gone...)
			if over {
				dropped++
				r.drop(n)
			}
		}
	}
	return dropped
}
