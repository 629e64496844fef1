package tunnel

import (
	"slices"
	"time"
)

// Test is a message on its way out through one tunnel of a pool and back in
// through another.
type Test[T Tunnel] struct {
	Out, In  T
	Sent     time.Time
	deadline time.Time
	void     bool // one of its tunnels had gone before it was given up
}

// Failing are those of a lost test's tunnels that have failed now, be it that
// the pool has dropped them for it. Where one had gone before, the test says
// nothing.
func (x *Test[T]) Failing() (ts []T) {
	for _, t := range [...]T{x.Out, x.In} {
		if !x.void && t.member().failing {
			ts = append(ts, t)
		}
	}
	return ts
}

// tests are those of a pool that are on their way.
type tests[T Tunnel] struct {
	running   []*Test[T]
	suspected time.Time // the last Suspect
}

// has reports whether a tunnel is being tested.
func (ts *tests[T]) has(t T) bool {
	return slices.ContainsFunc(ts.running, func(x *Test[T]) bool { return x.Out == t || x.In == t })
}

// end reports false where a test has ended before.
func (ts *tests[T]) end(x *Test[T]) bool {
	i := slices.Index(ts.running, x)
	if i < 0 {
		return false
	}
	ts.running = slices.Delete(ts.running, i, i+1)
	return true
}

// endTests ends tests that take too long, and drops tunnels that failed theirs
// while there are others.
func (p *Pool[T]) endTests(now time.Time, as []Action[T]) []Action[T] {
	for _, x := range slices.Clone(p.tests.running) {
		if !now.Before(x.deadline) {
			p.TestFailed(now, x)
			as = append(as, Action[T]{Kind: ActionTestTimeout, Test: x})
		}
	}
	for i := range p.directions {
		d := &p.directions[i]
		for _, t := range d.standing {
			if t.member().failures >= p.cfg.TestFailures && d.countUsable(now) > 1 {
				p.remove(t)
				as = append(as, Action[T]{Kind: ActionDrop, Tunnel: t, Reason: DropTests})
			}
		}
	}
	return as
}

// startTests starts the tests that are due.
func (p *Pool[T]) startTests(now time.Time, as []Action[T]) []Action[T] {
	for i := range p.directions {
		d := &p.directions[i]
		for _, t := range d.standing {
			if !p.testable(now, t) || now.Before(t.member().testAt) {
				continue
			}
			back, ok := p.direction(!d.inbound).counterpart(now, &p.tests)
			if !ok {
				continue
			}
			x := &Test[T]{Out: t, In: back, Sent: now}
			if d.inbound {
				x.Out, x.In = back, t
			}
			x.deadline = now.Add(x.patience(p.cfg.TestTimeout))
			p.tests.running = append(p.tests.running, x)
			as = append(as, Action[T]{Kind: ActionTest, Test: x})
		}
	}
	return as
}

// testable reports whether a tunnel is to be tested when its time comes.
func (p *Pool[T]) testable(now time.Time, t T) bool {
	m := t.member()
	return !p.resting && p.cfg.TestEvery > 0 && m.hops > 0 && m.usable(now) && !p.tests.has(t)
}

// TestOK says that a test message came back.
func (p *Pool[T]) TestOK(now time.Time, x *Test[T]) {
	if !p.tests.end(x) {
		return
	}
	for _, t := range [...]T{x.Out, x.In} {
		next := now.Add(p.cfg.TestEvery*3/4 + p.random.Between(0, p.cfg.TestEvery/2))
		t.member().passed(now.Sub(x.Sent), next)
	}
}

// TestFailed says that a test message did not come back. The pool also finds
// that out by itself. As either tunnel may be to blame, both are tested again
// with others; only the second failure in a row ends one. A failure beside one
// that has failed already says nothing about the other.
func (p *Pool[T]) TestFailed(now time.Time, x *Test[T]) {
	if !p.tests.end(x) {
		return
	}
	out, in := x.Out.member(), x.In.member()
	if out.state == gone || in.state == gone { // it says nothing about the other
		x.void = true
		out.testAt, in.testAt = now, now
		return
	}
	blameOut, blameIn := in.failures == 0, out.failures == 0
	out.failed(blameOut, now.Add(p.random.Between(0, retestWithin)))
	in.failed(blameIn, now.Add(p.random.Between(0, retestWithin)))
}

// retestWithin is how soon after a failed test its tunnels are tested again.
const retestWithin = time.Second

// suspectPause is the least time between two rounds of tests that Suspect starts.
const suspectPause = 10 * time.Second

// Suspect says that what goes through the pool's tunnels seems to get lost.
// Unless that was said a moment ago, all are tested now.
func (p *Pool[T]) Suspect(now time.Time) {
	if now.Sub(p.tests.suspected) < suspectPause {
		return
	}
	p.tests.suspected = now
	for i := range p.directions {
		for _, t := range p.directions[i].standing {
			t.member().recheck(now)
		}
	}
}

// Recheck has a tunnel that stands tested now: one of its hops may have gone.
func (p *Pool[T]) Recheck(now time.Time, t T) { t.member().recheck(now) }

// Doubt says that a tunnel that stands probably does not work any more, for
// instance because one of its hops has gone away. It is tested now, and ends if
// that fails.
func (p *Pool[T]) Doubt(now time.Time, t T) {
	if m := t.member(); m.hops > 0 {
		m.failures, m.failing = max(m.failures, p.cfg.TestFailures-1), true
		m.recheck(now)
	}
}

// Where something seems to get lost already, a first test that is late counts
// sooner: its tunnels come after others, and only a second one ends them.
const (
	leastPatience   = 2 * time.Second
	patienceFactor  = 5
	leastSuspicion  = 700 * time.Millisecond
	suspicionFactor = 2
)

// patience is how long a test may take: much longer than others of its tunnels
// did, or than it took to build them.
func (x *Test[T]) patience(limit time.Duration) time.Duration {
	out, in := x.Out.member(), x.In.member()
	usual := max(out.usual(), in.usual())
	if (out.suspect || in.suspect) && out.failures+in.failures == 0 {
		return min(max(leastSuspicion, suspicionFactor*usual), limit)
	}
	return min(max(leastPatience, patienceFactor*usual), limit)
}

// usual is how long a message most likely takes, as far as is known.
func (m *Member) usual() time.Duration {
	if m.rtt > 0 {
		return m.rtt
	}
	return m.took
}
