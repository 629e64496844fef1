package serve

import (
	"sync"
	"time"
)

// pace is a token bucket that is kept as one number: the time at which it will be full
// again (the generic cell rate algorithm). It is exact, and a bucket that is full is the
// same as none at all.
type pace struct {
	step int64 // nanoseconds that a token takes to come back; 0: no limit
	span int64 // that all of them take
}

func newPace(r Rate) pace {
	if r.N < 0 {
		return pace{}
	}
	step := int64(r.Per) / int64(r.N)
	return pace{step, step * int64(r.N)}
}

// next gives the bucket's number after a token is taken at t; or, where there is none,
// how long it takes until one is.
func (p pace) next(full, t int64) (next int64, wait time.Duration) {
	next = max(full, t) + p.step
	if over := next - t - p.span; p.step > 0 && over > 0 {
		return full, time.Duration(over)
	}
	return next, 0
}

// verdict of a limiter.
type verdict int

const (
	granted verdict = iota
	clientOver
	globalOver
)

// limiter counts the bundles of each client network and of all together. It remembers
// networks in two generations: a new one begins when the young one holds half of what is
// allowed, or when so much time passed that those of the old one have full buckets. Only
// bundles that are granted cost memory, and the global rate bounds those.
type limiter struct {
	mu         sync.Mutex
	start      time.Time
	each, all  pace
	global     int64
	young, old map[key]int64
	since      int64 // when the young generation began
	half       int   // networks in a generation
	forgotten  uint64
}

func newLimiter(l Limits, now time.Time) *limiter {
	return &limiter{
		start: now, each: newPace(l.PerClient), all: newPace(l.Global),
		young: make(map[key]int64), half: max(1, l.Networks/2),
	}
}

// take asks for one bundle. Nothing is taken from anybody unless it is granted.
func (l *limiter) take(now time.Time, network key) (verdict, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := int64(now.Sub(l.start)) // of the monotonic clock, so that a wrong wall clock locks nobody out
	full, ok := l.young[network]
	if !ok {
		if full = l.old[network]; full > t { // whoever asks, even in vain, is not forgotten
			l.remember(network, full, t)
		}
	}
	next, wait := l.each.next(full, t)
	if wait > 0 {
		return clientOver, wait
	}
	global, wait := l.all.next(l.global, t)
	if wait > 0 {
		return globalOver, wait
	}
	l.global = global
	if l.each.step > 0 {
		l.remember(network, next, t)
	}
	return granted, 0
}

func (l *limiter) remember(network key, full, t int64) {
	if _, ok := l.young[network]; !ok {
		delete(l.old, network)
		l.turn(t)
	}
	l.young[network] = full
}

// turn makes room for a network.
func (l *limiter) turn(t int64) {
	if len(l.young) < l.half && t-l.since < l.each.span {
		return
	}
	for network, full := range l.old {
		if _, again := l.young[network]; full > t && !again {
			l.forgotten++
		}
	}
	l.old, l.young, l.since = l.young, make(map[key]int64), t
}

// size is how many networks are remembered, and how many were forgotten too early.
func (l *limiter) size() (networks int, forgotten uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.young) + len(l.old), l.forgotten
}
