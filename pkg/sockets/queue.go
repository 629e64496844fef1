package sockets

// queue is a FIFO of bytes.
type queue struct {
	b    []byte
	read int
}

// keepQueue is how much memory an empty queue may keep.
const keepQueue = 256 << 10

func (q *queue) len() int { return len(q.b) - q.read }

func (q *queue) put(p []byte) {
	if q.read > 0 && len(q.b)+len(p) > cap(q.b) && q.read >= len(q.b)/2 {
		q.b = q.b[:copy(q.b, q.b[q.read:])]
		q.read = 0
	}
	q.b = append(q.b, p...)
}

func (q *queue) get(p []byte) int {
	n := copy(p, q.b[q.read:])
	q.drop(n)
	return n
}

// bytes are those in the queue.
func (q *queue) bytes() []byte { return q.b[q.read:] }

func (q *queue) drop(n int) {
	if q.read += n; q.read == len(q.b) {
		q.b, q.read = q.b[:0], 0
		if cap(q.b) > keepQueue {
			q.b = nil
		}
	}
}

// swap takes all bytes and leaves old's memory in their place.
func (q *queue) swap(old []byte) []byte {
	b := q.b[q.read:]
	if cap(old) > keepQueue {
		old = nil
	}
	q.b, q.read = old[:0], 0
	return b
}
