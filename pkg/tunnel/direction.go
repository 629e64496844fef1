package tunnel

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
)

// direction is one direction of a pool. Its lists are in the order of their changes,
// and what was handed out of them stays as it is.
type direction[T Tunnel] struct {
	cfg      *PoolConfig
	inbound  bool
	quota    Quota
	builds   []T // that may yet succeed
	standing []T
	failed   int       // builds in a row
	resumeAt time.Time // end of the backoff
	turn     int       // of tests' counterparts
}

// without is a list without one of its members. The list itself is left alone.
func without[T Tunnel](ts []T, t T) []T {
	i := slices.Index(ts, t)
	return append(ts[:i:i], ts[i+1:]...)
}

// usable are the tunnels in the order of use: those that pass their tests
// first, and among equals those that live longest.
func (d *direction[T]) usable(now time.Time) (ts []T) {
	for _, t := range d.standing {
		if t.member().usable(now) {
			ts = append(ts, t)
		}
	}
	slices.SortStableFunc(ts, func(a, b T) int {
		x, y := a.member(), b.member()
		many := d.cfg.TestFailures // more of them make no difference
		if c := min(x.failures, many) - min(y.failures, many); c != 0 {
			return c
		}
		return y.started.Compare(x.started)
	})
	return ts
}

// working counts the tunnels that nothing is known against: where there is
// none, those that have failed a test are not waited for.
func (d *direction[T]) working(now time.Time) int {
	n := 0
	for _, t := range d.standing {
		if m := t.member(); m.failures == 0 && m.usable(now) {
			n++
		}
	}
	return n
}

// backOff delays the next build after a failed one: half a second, doubled
// for each failure in a row, up to a minute, or less while tunnels lack.
func (d *direction[T]) backOff(now time.Time, random *draw.Source) {
	limit := time.Minute
	switch n := d.working(now); {
	case n == 0:
		limit = 5 * time.Second
	case n < d.quota.Tunnels:
		limit = 15 * time.Second
	}
	pause := min(500*time.Millisecond<<min(d.failed, 10), limit)
	d.failed++
	d.resumeAt = now.Add(pause*3/4 + random.Between(0, pause/2))
}

// soonBuild is how long who has no tunnel waits for one build alone.
const soonBuild = 250 * time.Millisecond

// lastMoments is how long before the end of the last tunnel the next one is urgent.
const lastMoments = 30 * time.Second

// missing is the number of builds to start, and whether the next of them is
// urgent: there is no tunnel, or soon will be none, and no build has just begun.
// Builds of the age lost are not counted on where no tunnel works.
func (d *direction[T]) missing(now time.Time, lost time.Duration) (need int, urgent bool) {
	pending, slow, begun := 0, 0, false
	for _, t := range d.builds {
		m := t.member()
		if m.state == late {
			continue
		}
		pending++
		age := now.Sub(m.started)
		if age >= lost || m.overdue {
			slow++
			continue
		}
		begun = begun || age < soonBuild
	}
	need = d.quota.Tunnels + d.quota.Backups
	usable, lasting, working := 0, 0, d.working(now) > 0
	for _, t := range d.standing {
		m := t.member()
		if !m.usable(now) {
			continue
		}
		usable++
		if m.failures >= d.cfg.TestFailures || m.failures > 0 && !working {
			continue
		}
		if now.Before(m.renewAt) {
			need--
		}
		if m.Expires().Sub(now) > lastMoments {
			lasting++
		}
	}
	switch {
	case need <= 0, d.quota.bare(): // a build without hops does not fail
	case d.failed > 3 && usable < d.quota.Tunnels: // builds seldom succeed: try many
		need = d.cfg.MaxBuilding
	case !working: // two attempts at the first tunnel; the slow ones are most likely lost
		need = max(need, 2)
		pending = max(pending-slow, pending-2*d.cfg.MaxBuilding)
	}
	return min(need, d.cfg.MaxBuilding) - pending, lasting == 0 && !begun
}

// bare tells that its tunnels have no hops: to build them asks nothing of anybody, so that there is no pace to keep.
func (q Quota) bare() bool { return q.Hops == 0 && q.Variance == 0 }

// begins takes the place of a build, where there is one now.
func (d *direction[T]) begins(now time.Time, urgent bool) bool {
	if d.quota.bare() {
		d.cfg.Limit.inFlight++
		return true
	}
	return d.cfg.Limit.take(now, urgent)
}

// startAt is when the next build may start.
func (d *direction[T]) startAt(now time.Time, urgent bool) time.Time {
	start, l := d.resumeAt, d.cfg.Limit
	if d.quota.bare() {
		if start.IsZero() {
			start = now
		}
		return start
	}
	if next := l.next(urgent); start.Before(next) {
		start = next
	}
	if l.inFlight >= l.max && start.Before(now.Add(l.every)) {
		start = now.Add(l.every) // another pool's build has to end
	}
	if start.IsZero() {
		start = now
	}
	return start
}

// countUsable is how many tunnels are usable.
func (d *direction[T]) countUsable(now time.Time) int {
	n := 0
	for _, t := range d.standing {
		if t.member().usable(now) {
			n++
		}
	}
	return n
}

// hasUntested reports whether there is a tunnel that a test may use.
func (d *direction[T]) hasUntested(now time.Time, ts *tests[T]) bool {
	return slices.ContainsFunc(d.standing, func(t T) bool { return t.member().usable(now) && !ts.has(t) })
}

// untested are the tunnels that a test may use, in the order of use.
func (d *direction[T]) untested(now time.Time, ts *tests[T]) []T {
	return slices.DeleteFunc(d.usable(now), ts.has)
}

// counterpart is the tunnel that a test of one of the other direction uses: each
// in its turn, of those with the fewest failures.
func (d *direction[T]) counterpart(now time.Time, ts *tests[T]) (t T, ok bool) {
	best := d.untested(now, ts)
	if len(best) == 0 {
		return t, false
	}
	least := best[0].member().failures
	best = slices.DeleteFunc(best, func(t T) bool { return t.member().failures != least })
	d.turn++
	return best[d.turn%len(best)], true
}

// length draws a tunnel's number of hops. Variance alone makes no tunnel
// without hops.
func (q Quota) length(random *draw.Source) int {
	n := q.Hops
	switch v := q.Variance; {
	case v > 0:
		n += random.Below(v + 1)
	case v < 0:
		n += random.Below(-2*v+1) + v
	}
	least := 0
	if q.Hops > 0 {
		least = 1
	}
	return max(least, min(n, MaxHops))
}
