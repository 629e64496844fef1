package udpforward

import (
	"sync/atomic"
	"time"
)

// flow is what two programs have with each other.
type flow interface {
	comparable
	lastActive() time.Time
	end()
}

// activity is when something was sent last, either way.
type activity struct{ at atomic.Int64 }

func (a *activity) touch(now time.Time) { a.at.Store(now.UnixNano()) }

func (a *activity) lastActive() time.Time { return time.Unix(0, a.at.Load()) }

// flows are those that there are; their owner's mutex guards them.
type flows[K comparable, F flow] struct {
	limits Limits
	all    map[K]F
}

func newFlows[K comparable, F flow](l Limits) flows[K, F] {
	return flows[K, F]{l, make(map[K]F)}
}

// spared is how long a flow must have been silent to make room for another.
const spared = 10 * time.Second

// full reports whether there is no room for another flow. The one that has been silent for longest
// makes room, where it has been for a while: then that is what has to end.
func (s *flows[K, F]) full(now time.Time) (makeRoom []F, full bool) {
	if len(s.all) < s.limits.Flows {
		return nil, false
	}
	var oldest F
	var at K
	for k, f := range s.all {
		if oldest == *new(F) || f.lastActive().Before(oldest.lastActive()) {
			oldest, at = f, k
		}
	}
	if now.Sub(oldest.lastActive()) < spared {
		return nil, true
	}
	delete(s.all, at)
	return []F{oldest}, false
}

// expire takes out what has been silent for too long.
func (s *flows[K, F]) expire(now time.Time) (over []F) {
	for k, f := range s.all {
		if now.Sub(f.lastActive()) >= s.limits.Idle {
			over = append(over, f)
			delete(s.all, k)
		}
	}
	return over
}

// takeAll takes out all.
func (s *flows[K, F]) takeAll() (over []F) {
	for _, f := range s.all {
		over = append(over, f)
	}
	clear(s.all)
	return over
}

// remove takes a flow out, and reports whether it was still in.
func (s *flows[K, F]) remove(k K, f F) bool {
	if s.all[k] != f {
		return false
	}
	delete(s.all, k)
	return true
}
