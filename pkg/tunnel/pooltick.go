package tunnel

import (
	"time"

	"i2ptoolkit/pkg/deadline"
)

// A dropped inbound tunnel is listened to for some time more: those who send
// into it may be late, and hops keep it for longer.
const inboundGrace = 30 * time.Second

// slowBuild is the time in which most of the replies come that come at all, or
// less where those that came did so much sooner; who has no tunnel does not wait
// for one build alone longer than soonBuild.
const (
	slowBuild  = 3 * time.Second
	lateFactor = 4
	leastLate  = 1500 * time.Millisecond
	soonBuild  = 250 * time.Millisecond
)

// lastMoments is how long before the end of the last tunnel the next one is urgent.
const lastMoments = 30 * time.Second

// Tick returns what is to be done now. It is to be called again at Deadline,
// and after each event.
func (p *Pool) Tick(now time.Time) []Action {
	as := p.expire(now, nil)
	as = p.runTests(now, as)
	return p.startBuilds(now, as)
}

// expire drops what is past its time.
func (p *Pool) expire(now time.Time, as []Action) []Action {
	for i := 0; i < len(p.tunnels); {
		t := p.tunnels[i]
		if !t.built && !t.timedOut && now.Sub(t.started) >= p.cfg.BuildTimeout {
			p.backOff(now, t.inbound)
			t.timedOut = true
			p.cfg.Limit.inFlight--
			as = append(as, Action{Kind: ActionTimeout, ID: t.id, Inbound: t.inbound, Hops: t.hops})
		}
		if end, reason := p.end(t); !now.Before(end) {
			p.remove(t)
			as = append(as, Action{Kind: ActionDrop, ID: t.id, Inbound: t.inbound, Hops: t.hops, Reason: reason})
			continue
		}
		i++
	}
	return as
}

// end is when and why a tunnel or a build is dropped.
func (p *Pool) end(t *poolTunnel) (time.Time, DropReason) {
	switch {
	case !t.built:
		return t.started.Add(max(p.cfg.LateReply, p.cfg.BuildTimeout)), DropNoReply
	case t.inbound && t.hops > 0:
		return t.expires().Add(inboundGrace), DropExpired
	}
	return t.expires(), DropExpired
}

// runTests ends tests that take too long, drops tunnels that failed theirs
// while there are others, and starts tests that are due.
func (p *Pool) runTests(now time.Time, as []Action) []Action {
	for i := 0; i < len(p.tests); {
		if x := p.tests[i]; now.Before(x.deadline) {
			i++
		} else {
			p.TestFailed(now, x.id)
			as = append(as, Action{Kind: ActionTestTimeout, ID: x.out, Back: x.in, Test: x.id})
		}
	}
	for i := 0; i < len(p.tunnels); {
		t := p.tunnels[i]
		if t.failures >= p.cfg.TestFailures && len(p.Usable(now, t.inbound)) > 1 {
			p.remove(t)
			as = append(as, Action{Kind: ActionDrop, ID: t.id, Inbound: t.inbound, Hops: t.hops, Reason: DropTests})
			continue
		}
		i++
	}
	for _, t := range p.tunnels {
		if !p.testable(now, t) || now.Before(t.testAt) || p.inTest(t.id) {
			continue
		}
		back := p.counterpart(now, t)
		if back == nil {
			continue
		}
		p.nextID++
		x := poolTest{id: p.nextID, out: t.id, in: back.id, deadline: now.Add(p.patience(t, back))}
		if t.inbound {
			x.out, x.in = back.id, t.id
		}
		p.tests = append(p.tests, x)
		as = append(as, Action{Kind: ActionTest, ID: x.out, Back: x.in, Test: x.id})
	}
	return as
}

func (p *Pool) testable(now time.Time, t *poolTunnel) bool {
	return !p.resting && p.cfg.TestEvery > 0 && t.built && t.hops > 0 && now.Before(t.expires())
}

func (p *Pool) inTest(id uint64) bool {
	for _, x := range p.tests {
		if x.out == id || x.in == id {
			return true
		}
	}
	return false
}

// counterpart is the tunnel of the other direction that a test uses: each
// in its turn, of those with the fewest failures.
func (p *Pool) counterpart(now time.Time, t *poolTunnel) *poolTunnel {
	var best []*poolTunnel
	for _, id := range p.Usable(now, !t.inbound) {
		o := p.find(id)
		if p.inTest(id) {
			continue
		}
		if len(best) == 0 || o.failures == best[0].failures {
			best = append(best, o)
		}
	}
	if len(best) == 0 {
		return nil
	}
	w := p.way(!t.inbound)
	w.turn++
	return best[w.turn%len(best)]
}

// startBuilds starts the builds that are needed, by turns in both directions.
// The direction that has fewer tunnels goes first.
func (p *Pool) startBuilds(now time.Time, as []Action) []Action {
	inbound := len(p.Usable(now, true)) < len(p.Usable(now, false))
	for idle := 0; idle < 2; inbound = !inbound {
		w := p.way(inbound)
		need, urgent := p.missing(now, inbound)
		if need <= 0 || now.Before(w.resumeAt) || !p.cfg.Limit.take(now, urgent) {
			idle++
			continue
		}
		idle = 0
		p.nextID++
		t := &poolTunnel{id: p.nextID, inbound: inbound, hops: p.length(w.quota), started: now}
		p.tunnels = append(p.tunnels, t)
		as = append(as, Action{Kind: ActionBuild, ID: t.id, Inbound: inbound, Hops: t.hops})
	}
	return as
}

// missing is the number of builds to start, and whether the next of them is
// urgent: there is no tunnel, or soon will be none, and no build has just begun.
func (p *Pool) missing(now time.Time, inbound bool) (need int, urgent bool) {
	if p.resting {
		return 0, false
	}
	q := p.way(inbound).quota
	need = q.Tunnels + q.Backups
	building, slow, usable, lasting, begun := 0, 0, 0, 0, false
	working, late := p.working(now, inbound) > 0, p.lateBuild()
	for _, t := range p.tunnels {
		switch {
		case t.inbound != inbound:
		case !t.built && !t.timedOut:
			building++
			age := now.Sub(t.started)
			if age >= late {
				slow++
			}
			begun = begun || age < soonBuild
		case t.built && now.Before(t.expires()):
			usable++
			if t.failures >= p.cfg.TestFailures || t.failures > 0 && !working {
				break
			}
			if now.Before(t.renewAt) {
				need--
			}
			if t.expires().Sub(now) > lastMoments {
				lasting++
			}
		}
	}
	switch failed := p.way(inbound).failed; {
	case need <= 0:
	case failed > 3 && usable < q.Tunnels: // builds seldom succeed: try many
		need = p.cfg.MaxBuilding
	case !working: // two attempts at the first tunnel; the slow ones are most likely lost
		need = max(need, 2)
		building = max(building-slow, building-2*p.cfg.MaxBuilding)
	}
	return min(need, p.cfg.MaxBuilding) - building, lasting == 0 && !begun
}

// lateBuild is the age at which a build is not counted on any more where there
// is no tunnel that works.
func (p *Pool) lateBuild() time.Duration {
	var usual time.Duration
	for _, t := range p.tunnels {
		usual = max(usual, t.building)
	}
	if usual == 0 {
		return slowBuild
	}
	return min(max(lateFactor*usual, leastLate), slowBuild)
}

// working counts the tunnels that nothing is known against: where there is
// none, those that have failed a test are not waited for.
func (p *Pool) working(now time.Time, inbound bool) int {
	n := 0
	for _, t := range p.tunnels {
		if t.inbound == inbound && t.built && t.failures == 0 && now.Before(t.expires()) {
			n++
		}
	}
	return n
}

// length draws a tunnel's number of hops. Variance alone makes no tunnel
// without hops.
func (p *Pool) length(q Quota) int {
	n := q.Hops
	switch v := q.Variance; {
	case v > 0:
		n += p.random.Below(v + 1)
	case v < 0:
		n += p.random.Below(-2*v+1) + v
	}
	least := 0
	if q.Hops > 0 {
		least = 1
	}
	return max(least, min(n, MaxHops))
}

// Deadline is when Tick has something to do without another event; zero when
// never.
func (p *Pool) Deadline(now time.Time) time.Time {
	var next time.Time
	at := func(t time.Time) { next = deadline.Earliest(next, t) }
	for _, t := range p.tunnels {
		end, _ := p.end(t)
		at(end)
		switch {
		case !t.built && !t.timedOut:
			at(t.started.Add(p.cfg.BuildTimeout))
			for _, age := range [...]time.Duration{soonBuild, p.lateBuild()} {
				if due := t.started.Add(age); now.Before(due) {
					at(due)
				}
			}
		case t.built:
			if now.Before(t.renewAt) {
				at(t.renewAt)
			}
			if now.Before(t.expires()) {
				at(t.expires())
			}
			if p.testable(now, t) && !p.inTest(t.id) && p.counterpartFree(now, t) {
				at(t.testAt)
			}
		}
	}
	for _, x := range p.tests {
		at(x.deadline)
	}
	for _, inbound := range [...]bool{false, true} {
		need, urgent := p.missing(now, inbound)
		if need <= 0 {
			continue
		}
		start := p.way(inbound).resumeAt
		if next := p.cfg.Limit.next(urgent); start.Before(next) {
			start = next
		}
		if p.cfg.Limit.inFlight >= p.cfg.Limit.max && start.Before(now.Add(p.cfg.Limit.every)) {
			start = now.Add(p.cfg.Limit.every) // another pool's build has to end
		}
		if start.IsZero() {
			start = now
		}
		at(start)
	}
	return next
}

// counterpartFree reports whether a test of t could start now.
func (p *Pool) counterpartFree(now time.Time, t *poolTunnel) bool {
	for _, id := range p.Usable(now, !t.inbound) {
		if !p.inTest(id) {
			return true
		}
	}
	return false
}
