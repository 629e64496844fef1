package router

import (
	"sync"
	"sync/atomic"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// event is what the loop takes out of its inbox: a message from a peer, or a
// call from another goroutine.
type event struct {
	from i2p.Hash
	msg  i2np.Message
	call func()
}

// inbox is the only way into the router's loop. Readers put and never block;
// the loop takes all that has gathered at once, so that under load a wake-up
// serves many messages. Messages of strangers are bounded and counted;
// calls of this process are not, as each has a waiting caller.
type inbox struct {
	mu      sync.Mutex
	events  []event
	msgs    int
	limit   int
	closed  bool
	wake    chan struct{}
	dropped atomic.Uint64
}

func newInbox(limit int) *inbox {
	return &inbox{limit: limit, wake: make(chan struct{}, 1)}
}

// message hands in a peer's message and takes ownership of it.
func (q *inbox) message(from i2p.Hash, m i2np.Message) {
	q.mu.Lock()
	if q.closed || q.msgs >= q.limit {
		q.mu.Unlock()
		q.dropped.Add(1)
		m.Release()
		return
	}
	q.msgs++
	q.events = append(q.events, event{from: from, msg: m})
	q.mu.Unlock()
	q.signal()
}

// do hands in a call. It reports false when the loop has ended.
func (q *inbox) do(f func()) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.events = append(q.events, event{call: f})
	q.mu.Unlock()
	q.signal()
	return true
}

func (q *inbox) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take swaps the gathered events for the empty slice spare.
func (q *inbox) take(spare []event) []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	select { // what woke the loop again is taken now
	case <-q.wake:
	default:
	}
	events := q.events
	q.events, q.msgs = spare[:0], 0
	return events
}

// close refuses further events and releases the messages that nobody will
// look at any more. Calls still run, so that no caller waits for ever.
func (q *inbox) close() {
	q.mu.Lock()
	events := q.events
	q.events, q.closed = nil, true
	q.mu.Unlock()
	for _, e := range events {
		if e.call != nil {
			e.call()
		} else {
			e.msg.Release()
		}
	}
}
