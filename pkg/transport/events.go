package transport

import "sync"

// eventLine calls the Up, Down and Failed funcs one after the other, in the
// order in which the events happened, without holding a mutex.
type eventLine struct {
	mu      sync.Mutex
	waiting []func()
	running bool
}

// add puts an event in line. The caller may hold other mutexes.
func (l *eventLine) add(f func()) {
	l.mu.Lock()
	l.waiting = append(l.waiting, f)
	l.mu.Unlock()
}

// run calls what waits, unless another goroutine is at it.
func (l *eventLine) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		return
	}
	l.running = true
	for len(l.waiting) > 0 {
		f := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		f()
		l.mu.Lock()
	}
	l.waiting = nil
	l.running = false
}
