package tunnel

import (
	"time"

	"i2ptoolkit/pkg/deadline"
)

// slowBuild is the time in which most of the replies come that come at all, or
// less where those that came did so much sooner.
const (
	slowBuild  = 3 * time.Second
	lateFactor = 4
	leastLate  = 1500 * time.Millisecond
)

// Tick returns what is to be done now. It is to be called again at Deadline,
// and after each event.
func (p *Pool[T]) Tick(now time.Time) []Action[T] {
	as := p.expire(now, nil)
	as = p.endTests(now, as)
	if p.resting {
		return as
	}
	as = p.startTests(now, as)
	return p.startBuilds(now, as)
}

// expire drops what is past its time.
func (p *Pool[T]) expire(now time.Time, as []Action[T]) []Action[T] {
	for i := range p.directions {
		d := &p.directions[i]
		for _, t := range d.builds {
			m := t.member()
			age := now.Sub(m.started)
			if m.state == building && age >= p.cfg.BuildTimeout {
				d.backOff(now, p.random)
				m.state = late
				p.cfg.Limit.inFlight--
				as = append(as, Action[T]{Kind: ActionTimeout, Tunnel: t})
			}
			if age >= p.cfg.LateReply {
				p.remove(t)
				as = append(as, Action[T]{Kind: ActionDrop, Tunnel: t, Reason: DropNoReply})
			}
		}
		for _, t := range d.standing {
			if !now.Before(t.member().end()) {
				p.remove(t)
				as = append(as, Action[T]{Kind: ActionDrop, Tunnel: t, Reason: DropExpired})
			}
		}
	}
	return as
}

// startBuilds starts the builds that are needed, by turns in both directions.
// The direction that has fewer tunnels goes first.
func (p *Pool[T]) startBuilds(now time.Time, as []Action[T]) []Action[T] {
	lost := p.lateBuild()
	d := p.direction(p.direction(true).countUsable(now) < p.direction(false).countUsable(now))
	for idle := 0; idle < 2; d = p.direction(!d.inbound) {
		need, urgent := d.missing(now, lost)
		if need <= 0 || now.Before(d.resumeAt) || !d.begins(now, urgent) {
			idle++
			continue
		}
		idle = 0
		t := p.fresh()
		*t.member() = Member{inbound: d.inbound, hops: d.quota.length(p.random), started: now}
		d.builds = append(d.builds, t)
		as = append(as, Action[T]{Kind: ActionBuild, Tunnel: t})
	}
	return as
}

// lateBuild is the age at which a build is not counted on any more where there
// is no tunnel that works.
func (p *Pool[T]) lateBuild() time.Duration {
	var usual time.Duration
	for i := range p.directions {
		for _, t := range p.directions[i].standing {
			usual = max(usual, t.member().took)
		}
	}
	if usual == 0 {
		return slowBuild
	}
	return min(max(lateFactor*usual, leastLate), slowBuild)
}

// Deadline is when Tick has something to do without another event; zero when
// never.
func (p *Pool[T]) Deadline(now time.Time) time.Time {
	var next time.Time
	at := func(t time.Time) { next = deadline.Earliest(next, t) }
	later := func(t time.Time) {
		if now.Before(t) {
			at(t)
		}
	}
	lost := p.lateBuild()
	for i := range p.directions {
		d := &p.directions[i]
		for _, t := range d.builds {
			m := t.member()
			at(m.started.Add(p.cfg.LateReply))
			if m.state == building {
				at(m.started.Add(p.cfg.BuildTimeout))
				later(m.started.Add(soonBuild))
				later(m.started.Add(lost))
			}
		}
		for _, t := range d.standing {
			m := t.member()
			at(m.end())
			later(m.renewAt)
			later(m.Expires())
			if p.testable(now, t) && p.direction(!d.inbound).hasUntested(now, &p.tests) {
				at(m.testAt)
			}
		}
		if p.resting {
			continue
		}
		if need, urgent := d.missing(now, lost); need > 0 {
			at(d.startAt(now, urgent))
		}
	}
	for _, x := range p.tests.running {
		at(x.deadline)
	}
	return next
}
