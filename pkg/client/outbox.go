package client

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2p"
)

// outbox is what Send has taken and the router has not passed on yet. What has gathered for a destination leaves
// together, so that it fills tunnel messages, and no more than the next hop takes: what would be too much for that
// waits here, where who sends can wait for it. Before there is a session with a destination, each
// message would begin one: so what there is leaves together as one message, now and then (see ratchet.Sessions.Greets).
type outbox struct {
	queues map[i2p.Hash]*outgoing
	order  []*outgoing // the same; the first has waited longest for its turn
	taken  uint64      // payloads since the beginning
	passed uint64      // of these
	passes []pass
	next   time.Time   // when more may leave; zero: nothing waits for that
	eager  atomic.Bool // what the router has passed on is waited for: the loop is to turn for it
}

// outgoing are the payloads for a destination.
type outgoing struct {
	to      i2p.Hash
	waiting []parcel
	away    int // bytes that the router has not passed on yet
}

// pass is somebody who waits until so many payloads have been passed on.
type pass struct {
	count uint64
	done  chan struct{}
}

// awayBytes bounds what the router has of the payloads for a destination, and a turn's work.
const awayBytes = 64 << 10

// put takes a payload.
func (o *outbox) put(to i2p.Hash, p parcel) {
	o.taken++
	q := o.queues[to]
	if q == nil {
		if o.queues == nil {
			o.queues = make(map[i2p.Hash]*outgoing)
		}
		q = &outgoing{to: to}
		o.queues[to] = q
		o.order = append(o.order, q)
	}
	q.waiting = append(q.waiting, p)
}

// take gives the oldest payloads, no more than n and than the router may have, and their bytes.
func (q *outgoing) take(n int) (taken []parcel, bytes int) {
	for len(taken) < min(n, len(q.waiting)) && q.away+bytes < awayBytes {
		bytes += q.waiting[len(taken)].Len()
		taken = q.waiting[:len(taken)+1]
	}
	q.waiting = q.waiting[len(taken):]
	q.away += bytes
	return taken, bytes
}

// sweep forgets the queues that are empty.
func (o *outbox) sweep() {
	left := o.order[:0]
	for _, q := range o.order {
		if len(q.waiting) > 0 || q.away > 0 {
			left = append(left, q)
		} else {
			delete(o.queues, q.to)
		}
	}
	clear(o.order[len(left):])
	o.order = left
}

// await has done closed once all that was taken before has been passed on.
func (o *outbox) await(done chan struct{}) {
	o.passes = append(o.passes, pass{o.taken, done})
	o.tell()
}

// tell tells those whose payloads have been passed on.
func (o *outbox) tell() {
	for len(o.passes) > 0 && o.passes[0].count <= o.passed {
		close(o.passes[0].done)
		o.passes = o.passes[1:]
	}
}

// clear lets all go.
func (o *outbox) clear() {
	for _, q := range o.order {
		release(contents(q.waiting))
	}
	o.queues, o.order, o.passed = nil, nil, o.taken
	o.tell()
}

// sendOut passes on what may leave now.
func (l *loop) sendOut(now time.Time) {
	o := &l.outbox
	if o.next = (time.Time{}); len(o.order) == 0 {
		return
	}
	for _, q := range o.order {
		if len(q.waiting) == 0 || q.away >= awayBytes {
			continue
		}
		n, next := l.allows(now, q.to, q.waiting)
		if payloads, bytes := q.take(n); len(payloads) > 0 {
			count := len(payloads)
			l.sendPaced(q.to, payloads, func() { l.passedOn(q, count, bytes) })
			_, next = l.allows(now, q.to, q.waiting)
		}
		if len(q.waiting) > 0 && q.away < awayBytes {
			o.next = deadline.Earliest(o.next, next)
		}
	}
	o.sweep()
}

// passedOn is told by the router, from any goroutine, that the next hop has taken what was sent, or has room for more.
// Where nobody waits for that the loop is not woken: it would turn once more for each lone message, before that is
// written to the next hop.
func (l *loop) passedOn(q *outgoing, count, bytes int) {
	l.sending.Add(-int64(bytes))
	l.in.Leave(func() {
		q.away -= bytes
		if !l.over {
			l.outbox.passed += uint64(count)
			l.outbox.tell()
		}
	})
	if l.outbox.eager.Load() {
		l.in.Wake()
	}
}

// heed says at the end of a turn whether what is passed on is waited for. What was told meanwhile, when it was not,
// makes another turn.
func (l *loop) heed() {
	o := &l.outbox
	eager := len(o.passes) > 0 || slices.ContainsFunc(o.order, func(q *outgoing) bool { return len(q.waiting) > 0 })
	o.eager.Store(eager)
	if eager && l.in.Holds() {
		l.in.Wake()
	}
}

// allows tells how many of the payloads that wait may leave for a destination now, and when that is more by itself. One whose keys
// are not known yet is looked up for them.
func (l *loop) allows(now time.Time, to i2p.Hash, waiting []parcel) (n int, next time.Time) {
	r := l.remotes[l.behind(now, to)]
	if !l.ratcheted(r) {
		return math.MaxInt, next
	}
	n, next = l.sessions.Allows(now, r.ratchetPeer())
	if begins, _ := l.sessions.Greets(now, r.ratchetPeer()); begins && n > 0 {
		n = together(waiting)
	}
	return n, next
}

// Pass waits until what Send took before has been passed on, or waits for a way to its destination.
func (c *Client) Pass() {
	done := make(chan struct{})
	if c.in.Call(func() { c.outbox.await(done) }) {
		<-done
	}
}
