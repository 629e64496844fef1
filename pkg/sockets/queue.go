package sockets

import (
	"math/bits"
	"sync"
)

// queue is a FIFO of bytes, in chunks that the streams of a Host share.
type queue struct {
	free   *chunks
	chunks [][]byte // none is empty; the first counts from read on
	read   int
	size   int
}

const (
	chunkLen   = 32 << 10
	smallChunk = 2 << 10
	chunkSizes = 5 // each twice the one before
)

func (q *queue) len() int { return q.size }

// put copies p to the end.
func (q *queue) put(p []byte) {
	q.size += len(p)
	for len(p) > 0 {
		last := len(q.chunks) - 1
		if last < 0 || len(q.chunks[last]) == cap(q.chunks[last]) {
			q.chunks = append(q.chunks, q.chunk())
			last++
		}
		c := q.chunks[last]
		n := min(len(p), cap(c)-len(c))
		q.chunks[last], p = append(c, p[:n]...), p[n:]
	}
}

// chunk is a new one, as long as all that waits together, and not longer than a whole one:
// there may be thousands of streams in each of which little waits.
func (q *queue) chunk() []byte { return q.free.get(min(q.size, chunkLen)) }

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

// chunks are those that no queue has, by their sizes.
type chunks struct {
	mu   sync.Mutex // a leaf
	free [chunkSizes][][]byte
	kept int // bytes of these
}

const maxKept = 2 << 20

// sizeOf is the index of the smallest chunks that hold so much.
func sizeOf(n int) int { return bits.Len(uint(max(n-1, 0) / smallChunk)) }

// get lends a chunk that holds so many bytes.
func (f *chunks) get(n int) []byte {
	i := sizeOf(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	if last := len(f.free[i]) - 1; last >= 0 {
		c := f.free[i][last]
		f.free[i][last] = nil
		f.free[i] = f.free[i][:last]
		f.kept -= cap(c)
		return c[:0]
	}
	return make([]byte, 0, smallChunk<<i)
}

// put takes one back.
func (f *chunks) put(c []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept+cap(c) <= maxKept {
		i := sizeOf(cap(c))
		f.free[i] = append(f.free[i], c)
		f.kept += cap(c)
	}
}
