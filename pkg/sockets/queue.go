package sockets

import "sync"

// queue is a FIFO of bytes, in chunks that the streams of a Host share.
type queue struct {
	free   *chunks
	chunks [][]byte // none is empty; the first counts from read on
	read   int
	size   int
}

const (
	chunkLen   = 32 << 10
	smallChunk = 2 << 10 // what is not worth a chunk of the full length
)

func (q *queue) len() int { return q.size }

// put copies p to the end.
func (q *queue) put(p []byte) {
	q.size += len(p)
	for len(p) > 0 {
		last := len(q.chunks) - 1
		if last < 0 || len(q.chunks[last]) == cap(q.chunks[last]) {
			q.chunks = append(q.chunks, q.chunk(len(p)))
			last++
		}
		c := q.chunks[last]
		n := min(len(p), cap(c)-len(c))
		q.chunks[last], p = append(c, p[:n]...), p[n:]
	}
}

// chunk is a new one, small where so little waits.
func (q *queue) chunk(n int) []byte {
	if len(q.chunks) == 0 && n <= smallChunk {
		return make([]byte, 0, smallChunk)
	}
	return q.free.get()
}

// give puts a whole chunk at the end, which is the queue's from now on.
func (q *queue) give(c []byte) {
	q.chunks = append(q.chunks, c)
	q.size += len(c)
}

// get copies from the front and drops what it copied.
func (q *queue) get(p []byte) (n int) {
	for n < len(p) && q.size > 0 {
		k := copy(p[n:], q.front())
		q.drop(k)
		n += k
	}
	return n
}

// front are the first bytes in the queue, as many as are in one piece.
func (q *queue) front() []byte {
	if q.size == 0 {
		return nil
	}
	return q.chunks[0][q.read:]
}

// drop leaves out the first n bytes of front.
func (q *queue) drop(n int) {
	if q.read, q.size = q.read+n, q.size-n; q.size > 0 && q.read < len(q.chunks[0]) {
		return
	}
	if len(q.chunks) > 0 {
		q.free.put(q.shift())
	}
}

// take is front, out of the queue. Its memory is the caller's, who may put the chunk
// back to where it is from.
func (q *queue) take() (front, chunk []byte) {
	front = q.front()
	q.size -= len(front)
	return front, q.shift()
}

// shift takes the first chunk out.
func (q *queue) shift() []byte {
	c := q.chunks[0]
	q.chunks[0] = nil
	q.chunks, q.read = q.chunks[1:], 0
	if len(q.chunks) == 0 {
		q.chunks = nil
	}
	return c
}

// clear forgets all.
func (q *queue) clear() {
	for len(q.chunks) > 0 {
		q.free.put(q.shift())
	}
	q.size = 0
}

// chunks are those that no queue has.
type chunks struct {
	mu   sync.Mutex // a leaf
	list [][]byte
}

const maxChunks = 64

func (f *chunks) get() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.list) - 1; n >= 0 {
		c := f.list[n]
		f.list = f.list[:n]
		return c[:0]
	}
	return make([]byte, 0, chunkLen)
}

func (f *chunks) put(c []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cap(c) == chunkLen && len(f.list) < maxChunks {
		f.list = append(f.list, c)
	}
}
