package transport

import (
	"math"
	"time"
)

// The delays of CoDel (RFC 8289, section 4): bulk that waits longer than
// waitTarget is no burst once it has done so for waitInterval, about a round
// trip through tunnels.
const (
	waitTarget   = 150 * time.Millisecond
	waitInterval = time.Second
)

// quantum is what a flow may send in a turn, two messages of tunnel data.
const quantum = 2100

// flow is the bulk of one tunnel.
type flow struct {
	fifo
	id     uint32
	bytes  int
	credit int // left of its turn
	next   *flow

	above    time.Duration // when the delay will have been too long for an interval; 0: it is not
	dropping bool
	dropNext time.Duration
	drops    int // since dropping began
}

// late decides whether a message that has waited is dropped.
func (f *flow) late(now, waited time.Duration) bool {
	switch {
	case waited >= maxWait:
		return true
	case waited < waitTarget || f.size == 0: // the last one is no queue
		f.above, f.dropping = 0, false
		return false
	case f.above == 0:
		f.above = now + waitInterval
		return false
	case now < f.above:
		return false
	case !f.dropping:
		// Soon after it ended, the rate at which it dropped is a good guess.
		f.dropping = true
		if now-f.dropNext < 8*waitInterval && f.drops > 2 {
			f.drops -= 2
		} else {
			f.drops = 1
		}
		f.dropNext = now
	case now < f.dropNext:
		return false
	default:
		f.drops++
	}
	f.dropNext += time.Duration(float64(waitInterval) / math.Sqrt(float64(f.drops)))
	return true
}

// flowList is a list of flows in the order of their turns.
type flowList struct{ first, last *flow }

func (l *flowList) push(f *flow) {
	f.next = nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

func (l *flowList) pop() *flow {
	f := l.first
	if l.first = f.next; l.first == nil {
		l.last = nil
	}
	f.next = nil
	return f
}

// turn gives the flow whose turn it is, which has a message; nil where none has.
// New flows come before the others, once; what is empty leaves.
func (q *queue) turn() *flow {
	for {
		l := &q.fresh
		if l.first == nil {
			l = &q.old
		}
		f := l.first
		switch {
		case f == nil:
			return nil
		case f.size == 0 && (l == &q.old || q.old.first == nil):
			l.pop()
			q.freeFlow(f)
		case f.size == 0: // it must not come back as a new one at once
			q.old.push(l.pop())
		case f.credit <= 0:
			f.credit += quantum
			q.old.push(l.pop())
		default:
			return f
		}
	}
}

// fattest is the flow with the most bytes.
func (q *queue) fattest() (most *flow) {
	for _, l := range [...]*flowList{&q.fresh, &q.old} {
		for f := l.first; f != nil; f = f.next {
			if f.size > 0 && (most == nil || f.bytes > most.bytes) {
				most = f
			}
		}
	}
	return most
}

// spareFlows is how many flows a queue keeps for the next ones.
const spareFlows = 8

func (q *queue) newFlow(id uint32) *flow {
	var f *flow
	if n := len(q.spare); n > 0 {
		f, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		f = new(flow)
	}
	f.id, f.credit = id, quantum
	if q.flows == nil {
		q.flows = make(map[uint32]*flow)
	}
	q.flows[id] = f
	return f
}

func (q *queue) freeFlow(f *flow) {
	delete(q.flows, f.id)
	if len(q.spare) < spareFlows {
		*f = flow{}
		q.spare = append(q.spare, f)
	}
}
