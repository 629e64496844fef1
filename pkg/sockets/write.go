package sockets

import (
	"cmp"
	"io"
	"net"
	"os"

	"i2ptoolkit/pkg/streaming"
)

// Write queues p, and waits while too much is queued.
func (c *Conn) Write(p []byte) (n int, err error) {
	for {
		k, wait, err := c.tryWrite(func(q *queue, room int) int {
			k := min(len(p), room)
			q.put(p[:k])
			return k
		})
		if p, n = p[k:], n+k; err != nil || len(p) == 0 {
			return n, err
		}
		if wait == nil {
			continue
		}
		select {
		case <-wait:
		case <-c.writing.wait():
			return n, os.ErrDeadlineExceeded
		}
	}
}

// ReadFrom queues what r has, read into the queue's own memory, and waits while too
// much is queued. It waits for r with little memory, as thousands of streams do that are
// left idle; what fills that is followed by more.
func (c *Conn) ReadFrom(r io.Reader) (total int64, err error) {
	size := smallChunk
	for {
		var room int
		_, wait, err := c.tryWrite(func(_ *queue, left int) int {
			room = left
			return 0
		})
		if err != nil {
			return total, err
		}
		if room <= 0 {
			select {
			case <-wait:
			case <-c.writing.wait():
				return total, os.ErrDeadlineExceeded
			}
			continue
		}
		chunk := c.h.chunks.get(size)
		chunk = chunk[:min(room, cap(chunk))]
		n, readErr := r.Read(chunk)
		if size = smallChunk; n == len(chunk) {
			size = chunkLen
		}
		chunk = chunk[:n]
		total += int64(n)
		if n > 0 {
			_, _, err = c.tryWrite(func(q *queue, _ int) int {
				if n > chunkLen/2 { // else its room would wait with it
					q.give(chunk)
					chunk = nil
				} else {
					q.put(chunk)
				}
				return n
			})
		}
		if chunk != nil {
			c.h.chunks.put(chunk)
		}
		if readErr == io.EOF {
			readErr = nil
			if err == nil {
				return total, nil
			}
		}
		if err = cmp.Or(err, readErr); err != nil {
			return total, err
		}
	}
}

// tryWrite has put put into the queue, which has room for so much, and returns
// how much that was. Where it was less than there was to put, wait is to be waited on.
func (c *Conn) tryWrite(put func(q *queue, room int) int) (n int, wait <-chan struct{}, err error) {
	select {
	case <-c.writing.wait():
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	c.mu.Lock()
	if err = c.writeError(); err != nil {
		c.mu.Unlock()
		return 0, nil, err
	}
	n = put(&c.out, max(c.h.cfg.WriteBuffer-c.out.len(), 0))
	if c.out.len() >= c.h.cfg.WriteBuffer {
		wait = waiter(&c.writable)
	}
	c.mu.Unlock()
	if n > 0 {
		c.h.touch(c)
	}
	return n, wait, nil
}

func (c *Conn) writeError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.over && c.err != nil:
		return c.err
	case c.shut:
		return io.ErrClosedPipe
	case c.over: // after the peer's end, which is no error to who reads
		return streaming.ErrReset
	}
	return nil
}
