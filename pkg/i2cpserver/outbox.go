package i2cpserver

import (
	"context"
	"io"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2cp"
)

const (
	// maxUnread is up to how many bytes wait for a client before payloads for it are dropped; what it has
	// asked for itself has the rest of the connection's memory.
	maxUnread = 2 << 20
	// lastWords is how long a client may take to read what was written before the end.
	lastWords = time.Second
)

// memory is what a connection may have the server hold.
type memory interface {
	Hold(n int) bool
	Release(n int)
}

// outbox is what a client has not been sent yet.
type outbox struct {
	memory memory
	wake   chan struct{} // holds one

	mu      sync.Mutex // a leaf
	waiting []byte     // whole messages
	spare   []byte     // that was written, and is used again
	unread  int        // bytes that wait or are being written
	over    bool       // nothing more comes
}

func newOutbox(m memory) *outbox { return &outbox{memory: m, wake: make(chan struct{}, 1)} }

// add has a message sent, unless more than limit bytes would be unread then, or there is no memory for it.
func (o *outbox) add(m i2cp.Message, limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return false
	}
	before := len(o.waiting)
	o.waiting = i2cp.Append(o.waiting, m)
	n := len(o.waiting) - before
	if o.unread+n > limit || !o.memory.Hold(n) {
		o.waiting = o.waiting[:before]
		return false
	}
	o.unread += n
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true
}

// finish says that nothing more comes: what waits is sent, and run returns.
func (o *outbox) finish() {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take gives all that waits, and takes back what was written.
func (o *outbox) take(written []byte) (waiting []byte, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.memory.Release(len(written))
	o.unread -= len(written)
	if cap(written) <= maxSpare {
		o.spare = written[:0]
	}
	waiting, o.waiting, o.spare = o.waiting, o.spare, nil
	return waiting, o.over
}

// maxSpare is the largest buffer that is kept for the next messages.
const maxSpare = 256 << 10

// run writes what waits until it is finished, or ctx ends. It has failed called where it cannot.
func (o *outbox) run(ctx context.Context, w io.Writer, failed func()) {
	defer o.end()
	var b []byte
	for {
		var over bool
		if b, over = o.take(b); len(b) > 0 {
			if _, err := w.Write(b); err != nil {
				failed()
				return
			}
			continue
		}
		if over {
			return
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return
		}
	}
}

// end gives back what is held for what nobody will read.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.memory.Release(o.unread)
	o.over, o.unread, o.waiting = true, 0, nil
}
