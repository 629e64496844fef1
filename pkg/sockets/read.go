package sockets

import (
	"cmp"
	"io"
	"net"
	"os"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// Read reads what has arrived, and waits for something to arrive.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, wait, err := c.tryRead(func(q *queue) int {
			n := q.get(p)
			c.consumed += n
			return n
		})
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
		tell := c.toTell()
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

// toTell reports whether the engine should hear of what was read. The caller holds mu.
func (c *Conn) toTell() bool {
	return c.consumed >= consumedStep || c.consumed > 0 && c.over && c.in.len() == 0
}

// WriteTo writes all that arrives to w, in as large pieces as there are. What w does not
// take is not read: where the memory is needed for others it is given up, and the write
// with it if w has deadlines.
func (c *Conn) WriteTo(w io.Writer) (total int64, err error) {
	c.writes(w)
	defer c.writes(nil)
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
			if err := cmp.Or(c.wrote(n), err); err != nil {
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

// deadliner is a writer whose writes can be broken off, as a connection's.
type deadliner interface{ SetWriteDeadline(t time.Time) error }

// writes notes what WriteTo writes to.
func (c *Conn) writes(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sink, _ = w.(deadliner)
}

// wrote counts a piece as read, unless it was given up: that is the error.
func (c *Conn) wrote(n int) error {
	c.mu.Lock()
	if c.err == streaming.ErrUnread {
		c.mu.Unlock()
		return streaming.ErrUnread
	}
	c.consumed += n
	tell := c.toTell()
	c.mu.Unlock()
	if tell {
		c.h.touch(c)
	}
	return nil
}
