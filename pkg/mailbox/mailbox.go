// Package mailbox is the way into a loop: a goroutine that owns some state, and to which
// others hand what concerns it.
//
// Two kinds of things come in, and keep their order. Posts come from strangers, and never
// block the goroutine that reads them from a socket: what is beyond the limits is dropped and
// counted. Calls come from this process, each with a caller that waits or a resource that it
// owns, and are not bounded. The loop takes all that has gathered at once, so that under load
// one wake-up serves many.
//
//	for {
//		select {
//		case <-ctx.Done():
//			return // and box.Close()
//		case <-box.Ready():
//		case <-timer.C:
//		}
//		box.Take()
//		now := clock()
//		box.Each(handle)
//		timer.Reset(deadline.Rest(tick(now)))
//	}
package mailbox

import (
	"sync"
	"sync/atomic"
)

// Config is what a Box is made of.
type Config[T any] struct {
	Limit int         // posts that may wait
	Bytes int         // what they may take
	Size  func(T) int // what one takes; nil where that is nothing
	Drop  func(T)     // gets each post that nobody will look at; nil where it owns nothing
	// Gather is for simulations, nil elsewhere: Take calls it first. It returns when the
	// goroutines that may still add to the box are at rest, so that what is taken does not
	// depend on the scheduler.
	Gather func()
}

// Box is the mailbox of one loop. Its owner alone calls Ready, Take, Each and Close.
type Box[T any] struct {
	cfg     Config[T]
	wake    chan struct{}
	dropped atomic.Uint64

	mu      sync.Mutex // a leaf
	waiting []entry[T]
	posts   int
	bytes   int // of these
	closed  bool

	taken []entry[T] // the owner's
	next  int        // of taken
}

// entry is a post, or a call.
type entry[T any] struct {
	call func()
	post T
}

// New makes an empty Box.
func New[T any](cfg Config[T]) *Box[T] {
	if cfg.Size == nil {
		cfg.Size = func(T) int { return 0 }
	}
	if cfg.Drop == nil {
		cfg.Drop = func(T) {}
	}
	if cfg.Gather == nil {
		cfg.Gather = func() {}
	}
	return &Box[T]{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Post hands in v and takes ownership of it. It reports whether the loop will see it: where
// the box is full or closed, v is dropped.
func (b *Box[T]) Post(v T) bool {
	size := b.cfg.Size(v)
	b.mu.Lock()
	if b.closed || b.posts >= b.cfg.Limit || b.bytes+size > b.cfg.Bytes {
		b.mu.Unlock()
		b.dropped.Add(1)
		b.cfg.Drop(v)
		return false
	}
	b.posts++
	b.bytes += size
	b.waiting = append(b.waiting, entry[T]{post: v})
	b.mu.Unlock()
	b.Wake()
	return true
}

// Call has f run by the loop, or by Close; it does not wait for it. It reports false where the
// box is closed: f will not run then.
func (b *Box[T]) Call(f func()) bool {
	ok := b.Leave(f)
	if ok {
		b.Wake()
	}
	return ok
}

// Leave is Call for what has no hurry: the loop is not woken, and runs f when it turns next.
func (b *Box[T]) Leave(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.waiting = append(b.waiting, entry[T]{call: f})
	}
	return !b.closed
}

// Holds reports whether something is in the box.
func (b *Box[T]) Holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) > 0
}

// Do is Call, and waits until f has run. The loop itself must not call it.
func (b *Box[T]) Do(f func()) bool {
	done := make(chan struct{})
	if !b.Call(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// Wake has the loop look around, though nothing is in the box.
func (b *Box[T]) Wake() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Dropped is how many posts were dropped.
func (b *Box[T]) Dropped() uint64 { return b.dropped.Load() }

// Ready tells that the loop should turn.
func (b *Box[T]) Ready() <-chan struct{} { return b.wake }

// Take takes what has gathered, for Each, and returns how many things it is.
func (b *Box[T]) Take() int {
	b.cfg.Gather()
	b.swap()
	return len(b.taken)
}

func (b *Box[T]) swap() {
	if b.next < len(b.taken) {
		panic("mailbox: what was taken before was not looked at")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select { // what this says is seen in this turn
	case <-b.wake:
	default:
	}
	b.taken, b.waiting, b.next = b.waiting, b.taken[:0], 0
	b.posts, b.bytes = 0, 0
}

// Each handles what was taken, in the order in which it came: handle gets the posts and owns
// them, calls are run.
func (b *Box[T]) Each(handle func(T)) {
	for b.next < len(b.taken) {
		e := b.taken[b.next]
		b.taken[b.next] = entry[T]{} // nothing is kept from the collector
		b.next++
		if e.call != nil {
			e.call()
		} else {
			handle(e.post)
		}
	}
}

// Close refuses what comes from now on. The posts that are left are dropped, and the calls
// run, so that no caller waits for ever and nothing is lost that they own: they must bear that
// the loop has ended.
func (b *Box[T]) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.Each(b.drop)
	b.swap()
	b.Each(b.drop)
}

func (b *Box[T]) drop(v T) {
	b.dropped.Add(1)
	b.cfg.Drop(v)
}
