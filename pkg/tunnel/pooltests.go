package tunnel

import (
	"slices"
	"time"
)

// TestOK says that a test message came back.
func (p *Pool) TestOK(now time.Time, test uint64, rtt time.Duration) {
	if x, ok := p.takeTest(test); ok {
		for _, id := range [...]uint64{x.out, x.in} {
			if t := p.find(id); t != nil {
				t.failures, t.suspect, t.testAt = 0, false, now.Add(p.cfg.TestEvery*3/4+p.jitter(p.cfg.TestEvery/2))
				if t.rtt == 0 {
					t.rtt = rtt
				}
				t.rtt += (rtt - t.rtt) / 4
			}
		}
	}
}

// TestFailed says that a test message did not come back. The pool also finds
// that out by itself. As either tunnel may be to blame, both are tested again
// with others; only the second failure in a row ends one. A failure beside one
// that has failed already says nothing about the other.
func (p *Pool) TestFailed(now time.Time, test uint64) {
	x, ok := p.takeTest(test)
	if !ok {
		return
	}
	out, in := p.find(x.out), p.find(x.in)
	if out == nil || in == nil { // one has gone meanwhile
		for _, t := range [...]*poolTunnel{out, in} {
			if t != nil {
				t.testAt = now
			}
		}
		return
	}
	blameOut, blameIn := in.failures == 0, out.failures == 0
	if blameOut {
		out.failures++
	}
	if blameIn {
		in.failures++
	}
	for _, t := range [...]*poolTunnel{out, in} {
		t.testAt = now.Add(p.jitter(retestWithin)) // with another one
	}
}

// Failing reports whether a tunnel should come after others: its tests failed
// twice, or once where there was reason to doubt it. One test alone may be lost.
func (p *Pool) Failing(id uint64) bool {
	t := p.find(id)
	return t != nil && (t.failures > 1 || t.failures == 1 && t.suspect)
}

// retestWithin is how soon after a failed test its tunnels are tested again.
const retestWithin = time.Second

// suspectPause is the least time between two rounds of tests that Suspect starts.
const suspectPause = 10 * time.Second

// Suspect says that what goes through the pool's tunnels seems to get lost.
// Unless that was said a moment ago, all are tested now.
func (p *Pool) Suspect(now time.Time) {
	if now.Sub(p.suspected) < suspectPause {
		return
	}
	p.suspected = now
	for _, t := range p.tunnels {
		if t.built {
			t.recheck(now)
		}
	}
}

// recheck has a tunnel tested now.
func (t *poolTunnel) recheck(now time.Time) {
	t.suspect = true
	if t.testAt.After(now) {
		t.testAt = now
	}
}

// Recheck has a tunnel tested now: one of its hops may have gone.
func (p *Pool) Recheck(now time.Time, id uint64) {
	if t := p.find(id); t != nil && t.built {
		t.recheck(now)
	}
}

// Doubt says that a tunnel probably does not work any more, for instance
// because one of its hops has gone away. It is tested now, and ends if that
// fails.
func (p *Pool) Doubt(now time.Time, id uint64) {
	if t := p.find(id); t != nil && t.built && t.hops > 0 {
		t.failures = max(t.failures, p.cfg.TestFailures-1)
		t.recheck(now)
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

// patience is how long a test of two tunnels may take: much longer than
// others did, or than it took to build them.
func (p *Pool) patience(a, b *poolTunnel) time.Duration {
	var usual time.Duration
	for _, t := range [...]*poolTunnel{a, b} {
		if t.rtt > 0 {
			usual = max(usual, t.rtt)
		} else {
			usual = max(usual, t.building)
		}
	}
	if (a.suspect || b.suspect) && a.failures+b.failures == 0 {
		return min(max(leastSuspicion, suspicionFactor*usual), p.cfg.TestTimeout)
	}
	return min(max(leastPatience, patienceFactor*usual), p.cfg.TestTimeout)
}

func (p *Pool) takeTest(id uint64) (poolTest, bool) {
	for i, x := range p.tests {
		if x.id == id {
			p.tests = slices.Delete(p.tests, i, i+1)
			return x, true
		}
	}
	return poolTest{}, false
}
