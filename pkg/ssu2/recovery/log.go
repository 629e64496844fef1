package recovery

import "time"

// state is what a packet that was sent has come to.
type state byte

const (
	done   state = iota // acknowledged, or never there
	quiet               // nobody waits for its acknowledgement
	flying              // on its way
	lost                // taken for lost; it may only be late
)

// packet is one that was sent.
type packet[T any] struct {
	content T
	sent    time.Duration
	size    uint16
	kind    Kind
	state   state
}

// leastLog and mostLog bound how many packets are kept, which are powers of two. The
// spread between the oldest that is not accounted for and the newest counts, so that
// a sender that is never told of one cannot go on for ever.
const (
	leastLog = 64
	mostLog  = 8192
)

// sentLog is a ring of the packets from first to next, by their numbers.
type sentLog[T any] struct {
	ring        []packet[T]
	first, next uint32
}

func (l *sentLog[T]) at(n uint32) *packet[T] { return &l.ring[n&uint32(len(l.ring)-1)] }

func (l *sentLog[T]) len() int { return int(l.next - l.first) }

// has reports whether the log has a packet of this number.
func (l *sentLog[T]) has(n uint32) bool { return n-l.first < l.next-l.first }

func (l *sentLog[T]) full() bool {
	return l.len() == mostLog && l.at(l.first).state == flying
}

// add makes room for the next packet. Those at the front that nobody waits for give
// way first.
func (l *sentLog[T]) add(now, patience time.Duration) *packet[T] {
	if l.len() == len(l.ring) {
		l.trim(now, patience, l.next)
	}
	if l.len() == len(l.ring) {
		if len(l.ring) == mostLog {
			l.drop()
		} else {
			l.grow()
		}
	}
	l.next++
	return l.at(l.next - 1)
}

func (l *sentLog[T]) grow() {
	old := *l
	l.ring = make([]packet[T], max(leastLog, 2*len(old.ring)))
	for n := old.first; n != old.next; n++ {
		*l.at(n) = *old.at(n)
	}
}

// trim forgets what is done at the front, up to a number; of what was lost, what
// has not come late for some round trips.
func (l *sentLog[T]) trim(now, patience time.Duration, end uint32) {
	for int32(end-l.first) > 0 && l.first != l.next {
		p := l.at(l.first)
		if p.state == flying || p.state == lost && now-p.sent < 2*patience {
			return
		}
		l.drop()
	}
}

func (l *sentLog[T]) drop() {
	*l.at(l.first) = packet[T]{}
	l.first++
}
