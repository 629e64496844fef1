package sockets

import (
	"io"
	"net"
	"os"
)

// Read reads what has arrived, and waits for something to arrive.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, wait, err := c.tryRead(func(q *queue) int { return q.get(p) })
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-wait:
		case <-c.reading.wait():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// tryRead has take take from what arrived. Without anything there it returns
// a channel to wait on.
func (c *Conn) tryRead(take func(q *queue) int) (n int, wait <-chan struct{}, err error) {
	select {
	case <-c.reading.wait():
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, nil, net.ErrClosed
	}
	if c.in.len() > 0 {
		n = take(&c.in)
		c.consumed += n
		tell := c.consumed >= consumedStep || c.over && c.in.len() == 0
		c.mu.Unlock()
		if tell {
			c.h.touch(c)
		}
		return n, nil, nil
	}
	switch {
	case c.eof:
		err = io.EOF
	case c.over && c.err == nil:
		err = io.EOF
	case c.over:
		err = c.err
	default:
		wait = waiter(&c.readable)
	}
	c.mu.Unlock()
	return 0, wait, err
}

// WriteTo writes all that arrives to w, in as large pieces as there are.
func (c *Conn) WriteTo(w io.Writer) (total int64, err error) {
	for {
		var piece, chunk []byte
		n, wait, err := c.tryRead(func(q *queue) int {
			piece, chunk = q.take()
			return len(piece)
		})
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if n > 0 {
			m, err := w.Write(piece)
			c.h.chunks.put(chunk)
			total += int64(m)
			if err != nil {
				return total, err
			}
			continue
		}
		select {
		case <-wait:
		case <-c.reading.wait():
			return total, os.ErrDeadlineExceeded
		}
	}
}
