package transport

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// queue holds the messages for one peer, bounded in number and bytes. Bulk
// (tunnel data) may take three quarters of it, so that builds and netDb
// messages still find room in a jam, and these go first. The peer's mutex
// guards it.
type queue struct {
	urgent, bulk ring
	bytes        int
}

// ring is a first-in first-out queue in a circular buffer.
type ring struct {
	items      []i2np.Message
	head, size int
}

func (r *ring) push(m i2np.Message) {
	if r.size == len(r.items) {
		grown := make([]i2np.Message, max(8, 2*r.size))
		n := copy(grown, r.items[r.head:])
		copy(grown[n:], r.items[:r.head])
		r.items, r.head = grown, 0
	}
	r.items[(r.head+r.size)%len(r.items)] = m
	r.size++
}

func (r *ring) pop() i2np.Message {
	m := r.items[r.head]
	r.items[r.head] = i2np.Message{}
	r.head = (r.head + 1) % len(r.items)
	r.size--
	if r.size == 0 && len(r.items) > 64 {
		r.items, r.head = nil, 0
	}
	return m
}

// isBulk reports whether a message is tunnel traffic, which its endpoints
// repeat when it is lost.
func isBulk(t i2np.Type) bool { return t == i2np.TunnelDataType || t == i2np.TunnelGatewayType }

func (q *queue) len() int { return q.urgent.size + q.bulk.size }

// put takes ownership of m and reports true, or leaves it and reports false.
func (q *queue) put(m i2np.Message, l *Limits) bool {
	count, bytes, r := l.QueueMessages, l.QueueBytes, &q.urgent
	if isBulk(m.Type) {
		count, bytes, r = count*3/4, bytes*3/4, &q.bulk
	}
	if q.len() >= count || q.bytes+len(m.Body) > bytes && q.len() > 0 {
		return false
	}
	q.bytes += len(m.Body)
	r.push(m)
	return true
}

// take moves messages to batch until it holds about limit bytes. It drops
// those that have expired, and returns how many these were.
func (q *queue) take(batch []i2np.Message, now i2p.Date, limit int) (_ []i2np.Message, expired int) {
	for size := 0; size < limit && q.len() > 0; {
		r := &q.urgent
		if r.size == 0 {
			r = &q.bulk
		}
		m := r.pop()
		q.bytes -= len(m.Body)
		if m.Expiration < now {
			m.Release()
			expired++
			continue
		}
		size += len(m.Body)
		batch = append(batch, m)
	}
	return batch, expired
}

// drop releases all, and returns how many they were.
func (q *queue) drop() (n int) { return q.empty(&q.urgent) + q.dropBulk() }

// dropBulk releases the tunnel traffic.
func (q *queue) dropBulk() (n int) { return q.empty(&q.bulk) }

func (q *queue) empty(r *ring) (n int) {
	for ; r.size > 0; n++ {
		m := r.pop()
		q.bytes -= len(m.Body)
		m.Release()
	}
	return n
}
