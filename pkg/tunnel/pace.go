package tunnel

import "time"

// How many builds may start at once after a pause, for somebody who waits and
// for others. Routers drop larger bursts from one peer: of the builds that a
// session brings at once, i2pd 2.59 takes three.
const (
	urgentBurst = 6
	buildBurst  = 3
)

// BuildLimit paces the builds of several pools: after a burst they start every
// so often, and at most max are in flight. It has the owner of the pools.
type BuildLimit struct {
	every    time.Duration
	max      int
	paid     time.Time // until when the builds so far take up the pace
	inFlight int
}

// NewBuildLimit makes a limit; zeros stand for 250 ms and 32 builds.
func NewBuildLimit(every time.Duration, max int) *BuildLimit {
	if every == 0 {
		every = 250 * time.Millisecond
	}
	if max == 0 {
		max = 32
	}
	return &BuildLimit{every: every, max: max}
}

// next is when the pace allows another build.
func (l *BuildLimit) next(urgent bool) time.Time {
	burst := time.Duration(buildBurst)
	if urgent {
		burst = urgentBurst
	}
	return l.paid.Add(-(burst - 1) * l.every)
}

func (l *BuildLimit) take(now time.Time, urgent bool) bool {
	if now.Before(l.next(urgent)) || l.inFlight >= l.max {
		return false
	}
	if l.paid.Before(now) {
		l.paid = now
	}
	l.paid = l.paid.Add(l.every)
	l.inFlight++
	return true
}
