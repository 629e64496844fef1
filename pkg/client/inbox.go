package client

import (
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2np"
)

// inboxSize bounds the messages that wait for the loop.
const inboxSize = 4096

// inbox is the only way into the loop. Messages of strangers are bounded and
// counted; what the router and users have to say is not, as there is little
// of it for each tunnel, lookup or caller.
type inbox struct {
	wake    chan struct{}
	done    chan struct{} // closed by close
	dropped atomic.Uint64
	sending atomic.Int64 // bytes of payloads among ops

	mu       sync.Mutex // a leaf
	ops      []func(now time.Time)
	messages []i2np.Message
	closed   bool
}

func newInbox() *inbox {
	return &inbox{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// nudge wakes the loop.
func (in *inbox) nudge() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// message hands in what came through a tunnel, and takes ownership of it.
func (in *inbox) message(m i2np.Message) {
	in.mu.Lock()
	if in.closed || len(in.messages) >= inboxSize {
		in.mu.Unlock()
		in.dropped.Add(1) // the streams will send it again
		m.Release()
		return
	}
	in.messages = append(in.messages, m)
	in.mu.Unlock()
	in.nudge()
}

// post has op run by the loop. It reports false after the end.
func (in *inbox) post(op func(now time.Time)) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.ops = append(in.ops, op)
	in.mu.Unlock()
	in.nudge()
	return true
}

// call is post, and waits. It must not be called from the loop itself.
func (in *inbox) call(op func(now time.Time)) bool {
	ran := make(chan struct{})
	if !in.post(func(now time.Time) { op(now); close(ran) }) {
		return false
	}
	select {
	case <-ran:
		return true
	case <-in.done:
		select {
		case <-ran:
			return true
		default:
			return false
		}
	}
}

// take is all that has gathered, with what woke the loop for it.
func (in *inbox) take() (ops []func(time.Time), messages []i2np.Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.wake:
	default:
	}
	ops, messages = in.ops, in.messages
	in.ops, in.messages = nil, nil
	return ops, messages
}

// recycle gives back what take gave.
func (in *inbox) recycle(ops []func(time.Time), messages []i2np.Message) {
	clear(ops)
	clear(messages)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ops == nil {
		in.ops = ops[:0]
	}
	if in.messages == nil {
		in.messages = messages[:0]
	}
}

// close refuses what comes from now on, and releases what nobody will look at.
func (in *inbox) close() {
	in.mu.Lock()
	messages := in.messages
	in.ops, in.messages, in.closed = nil, nil, true
	in.mu.Unlock()
	for _, m := range messages {
		m.Release()
	}
	close(in.done)
}
