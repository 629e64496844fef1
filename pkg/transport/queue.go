package transport

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// What waits longer than maxWait is dropped: whoever needs it has sent it again.
const maxWait = 3 * time.Second

// A session that is being opened, or that is young, takes less than its line will carry: TCP and
// SSU2 double what they send from a few packets on, once a round trip. Where a peer or this machine
// has moved, streams in full flow go on all the while, and a queue of the usual room would drop most
// of what they send. So it is deep until youth has passed: deepTimes as large, as far as there is
// memory to borrow; and then half as large with each second, for what it holds is no more than they had in flight.
const (
	youth     = 3 * time.Second
	deepTimes = 16
	forever   = time.Duration(math.MaxInt64)
)

// queue holds the messages for one peer, bounded in number, bytes and time.
// Builds and netDb messages go first. Bulk (tunnel data) may take three
// quarters of the room, so that these still find some in a jam. Tunnels have
// their turns, as in FQ-CoDel (RFC 8290): one that sends little does not wait
// behind one that sends much, and what is too much is dropped from the latter.
// The peer's mutex guards it.
type queue struct {
	returned   fifo // by a session that another has taken over from
	urgent     fifo
	flows      map[uint32]*flow // by the tunnel's id at the peer
	fresh, old flowList         // those with their first turn, and the others
	spare      []*flow
	bulk       int // messages
	bytes      int // of all bodies
	memory     int // that they take
	loan       Loan
	deepUntil  time.Duration // see youth
	load       load
}

// queued is a message, and when it came, since the transport's epoch.
type queued struct {
	i2np.Message
	at   time.Duration
	next *queued
}

// places lends what holds a message that waits: queues are empty for most of the
// time, and thousands of peers have one.
var places = sync.Pool{New: func() any { return new(queued) }}

// fifo is a first-in first-out queue.
type fifo struct {
	first, last *queued
	size        int
}

func (l *fifo) push(m i2np.Message, at time.Duration) {
	place := places.Get().(*queued)
	place.Message, place.at = m, at
	if l.last == nil {
		l.first = place
	} else {
		l.last.next = place
	}
	l.last = place
	l.size++
}

func (l *fifo) pop() (m i2np.Message, at time.Duration) {
	place := l.first
	if l.first = place.next; l.first == nil {
		l.last = nil
	}
	l.size--
	m, at = place.Message, place.at
	*place = queued{}
	places.Put(place)
	return m, at
}

// isBulk reports whether a message is tunnel traffic, which its endpoints
// repeat when it is lost.
func isBulk(t i2np.Type) bool { return t == i2np.TunnelDataType || t == i2np.TunnelGatewayType }

// tunnelOf is the id with which bulk begins (I2NP, TunnelData, TunnelGateway).
func tunnelOf(m i2np.Message) uint32 {
	if len(m.Body) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(m.Body)
}

func (q *queue) len() int { return q.returned.size + q.urgent.size + q.bulk }

// put takes ownership of m and reports true, or leaves it and reports false.
// A full queue makes room for bulk at the expense of the tunnel that has most
// in it, whose oldest message is dropped.
func (q *queue) put(m i2np.Message, now time.Duration, l *Limits) (dropped int, ok bool) {
	if !isBulk(m.Type) {
		if q.full(m, now, l, 1) {
			return 0, false
		}
		q.grow(m)
		q.urgent.push(m, now)
		return 0, true
	}
	id := tunnelOf(m)
	f := q.flows[id]
	for q.full(m, now, l, bulkShare) {
		fattest := q.fattest()
		if fattest == nil || fattest == f || f != nil && fattest.bytes <= f.bytes {
			q.load.count(now, 0, dropped+1)
			return dropped, false
		}
		oldest, _ := q.popOf(fattest)
		oldest.Release()
		dropped++
	}
	if dropped > 0 {
		q.load.count(now, 0, dropped)
	}
	if f == nil {
		f = q.newFlow(id)
		q.fresh.push(f)
	}
	q.grow(m)
	q.bulk++
	f.bytes += len(m.Body)
	f.push(m, now)
	return dropped, true
}

// giveBack is put for a message that was taken before; it goes before all others, and has
// the room that urgent ones have.
func (q *queue) giveBack(m i2np.Message, now time.Duration, l *Limits) bool {
	if q.full(m, now, l, 1) {
		return false
	}
	q.grow(m)
	q.returned.push(m, 0)
	return true
}

// grow counts a message that has come, and shrink one that has gone.
func (q *queue) grow(m i2np.Message)   { q.count(len(m.Body), m.Memory()) }
func (q *queue) shrink(m i2np.Message) { q.count(-len(m.Body), -m.Memory()) }

func (q *queue) count(bytes, memory int) {
	q.bytes += bytes
	q.memory += memory
	q.loan.Settle(q.memory) // what is missing is of the usual room
}

// deep is how many times as much as usual the queue takes, as far as there is memory to borrow.
func (q *queue) deep(now time.Duration) int {
	deep := deepTimes
	for past := now - q.deepUntil; past >= 0 && deep > 1; past -= time.Second {
		deep /= 2
	}
	return deep
}

// bulkShare is the part of the room that bulk may take.
const bulkShare = 0.75

// full reports whether there is no room for a message that may take a share of it.
func (q *queue) full(m i2np.Message, now time.Duration, l *Limits, share float64) bool {
	beyond := func(times int) bool {
		room := float64(times) * share
		return q.len() >= int(room*float64(l.QueueMessages)) || q.bytes+len(m.Body) > int(room*float64(l.QueueBytes)) && q.len() > 0
	}
	if !beyond(1) {
		return false
	}
	deep := q.deep(now)
	return deep == 1 || beyond(deep) || !q.loan.Could(q.memory+m.Memory())
}

// popOf takes a flow's oldest message out of the queue.
func (q *queue) popOf(f *flow) (m i2np.Message, at time.Duration) {
	m, at = f.pop()
	f.bytes -= len(m.Body)
	q.shrink(m)
	q.bulk--
	return m, at
}

// taken is what became of messages that left the queue.
type taken struct{ expired, late int }

// take moves messages to batch until it holds about limit bytes. It drops
// those that have expired, or waited too long.
func (q *queue) take(batch []i2np.Message, now i2p.Date, since time.Duration, limit int) ([]i2np.Message, taken) {
	var t taken
	size := 0
	for _, l := range [...]*fifo{&q.returned, &q.urgent} {
		for size < limit && l.size > 0 {
			m, _ := l.pop()
			q.shrink(m)
			if m.Expiration < now {
				m.Release()
				t.expired++
				continue
			}
			size += len(m.Body)
			batch = append(batch, m)
		}
	}
	sent := 0
	for size < limit {
		f := q.turn()
		if f == nil {
			break
		}
		m, at := q.popOf(f)
		f.credit -= len(m.Body)
		switch {
		case m.Expiration < now:
			t.expired++
			m.Release()
		case f.late(since, since-at):
			t.late++
			m.Release()
		default:
			size += len(m.Body)
			sent++
			batch = append(batch, m)
		}
	}
	if sent+t.late > 0 {
		q.load.count(since, sent, t.late)
	}
	return batch, t
}

// restart counts the time from now on, when a session stands: what has waited, waited for that.
func (q *queue) restart(now time.Duration) {
	q.deepUntil = now + youth
	for _, l := range [...]*flowList{&q.fresh, &q.old} {
		for f := l.first; f != nil; f = f.next {
			for m := f.first; m != nil; m = m.next {
				m.at = now
			}
		}
	}
}

// drop releases all, and returns how many they were.
func (q *queue) drop() (n int) {
	for _, l := range [...]*fifo{&q.returned, &q.urgent} {
		for ; l.size > 0; n++ {
			m, _ := l.pop()
			q.shrink(m)
			m.Release()
		}
	}
	return n + q.dropBulk()
}

// dropBulk releases the tunnel traffic.
func (q *queue) dropBulk() (n int) {
	for f := q.turn(); f != nil; f = q.turn() {
		for ; f.size > 0; n++ {
			m, _ := q.popOf(f)
			m.Release()
		}
	}
	return n
}
