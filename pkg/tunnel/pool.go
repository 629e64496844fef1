package tunnel

import (
	"cmp"
	"io"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
)

// Quota says how many tunnels a pool keeps in one direction, and how long
// they are.
type Quota struct {
	Tunnels  int // in use
	Backups  int // beyond those
	Hops     int // 0 to MaxHops
	Variance int // x adds 0 to x hops, -x adds -x to x (I2CP, lengthVariance)
}

// PoolConfig is what a pool needs to know. Zero durations and counts stand
// for the defaults.
type PoolConfig struct {
	Inbound, Outbound Quota

	BuildTimeout time.Duration // 13 s: after it another build may start
	LateReply    time.Duration // 40 s: until then the reply is still welcome
	MaxBuilding  int           // 4 builds in flight in each direction
	Renew        time.Duration // 75 s before a tunnel's end, and up to twice that
	TestEvery    time.Duration // 60 s; negative: no tests
	TestTimeout  time.Duration // 10 s, less for tunnels that are known to be fast
	TestFailures int           // 2 failed tests in a row end a tunnel

	Limit *BuildLimit // shared by all pools of a router; nil: one of its own
	Rand  io.Reader   // nil is crypto/rand
}

func (c *PoolConfig) fill() {
	c.BuildTimeout = cmp.Or(c.BuildTimeout, 13*time.Second)
	c.LateReply = max(cmp.Or(c.LateReply, 40*time.Second), c.BuildTimeout)
	c.Renew = cmp.Or(c.Renew, 75*time.Second)
	c.TestEvery = cmp.Or(c.TestEvery, time.Minute)
	c.TestTimeout = cmp.Or(c.TestTimeout, 10*time.Second)
	if c.MaxBuilding <= 0 {
		c.MaxBuilding = 4
	}
	if c.TestFailures <= 0 {
		c.TestFailures = 2
	}
	if c.Limit == nil {
		c.Limit = NewBuildLimit(0, 0)
	}
}

// ActionKind says what a pool wants done.
type ActionKind byte

// The actions.
const (
	// ActionBuild: build Tunnel, or with no hops just make it. Then call Built
	// or BuildFailed.
	ActionBuild ActionKind = iota
	// ActionTimeout: no reply came in time, which the hops' profiles may be
	// told. The build is still pending, Built may yet be called.
	ActionTimeout
	// ActionTest: send a test message out and back, and call TestOK or
	// TestFailed.
	ActionTest
	// ActionTestTimeout: the test message did not come back in time.
	ActionTestTimeout
	// ActionDrop: the tunnel, or the pending build, is none of the pool any
	// more; Reason says why.
	ActionDrop
)

// DropReason says why a tunnel is dropped.
type DropReason byte

// The reasons of ActionDrop.
const (
	DropExpired DropReason = iota
	DropNoReply            // a build's
	DropTests              // tests failed
)

// Action is something that a pool wants done.
type Action[T Tunnel] struct {
	Kind   ActionKind
	Tunnel T          // not of tests
	Test   *Test[T]   // ActionTest, ActionTestTimeout
	Reason DropReason // ActionDrop
}

// Pool holds the tunnels of one destination, in both directions, and decides
// when to build, test and drop them. It starts replacements spread over the last
// minutes of its tunnels, backs off when builds fail, and keeps using what it
// has.
//
//	build --Built--> in use --renewal due--> in use, replacement asked for
//	  |                 |                       |
//	  |BuildFailed,     |tests failed           |expired
//	  |no reply         v                       v
//	  +------------> dropped <------------------+
type Pool[T Tunnel] struct {
	cfg        PoolConfig
	random     *draw.Source
	fresh      func() T
	directions [2]direction[T] // outbound, inbound
	tests      tests[T]
	resting    bool
}

// NewPool makes a pool without tunnels. For each tunnel that is to be built it
// asks fresh for a new one.
func NewPool[T Tunnel](cfg PoolConfig, fresh func() T) *Pool[T] {
	cfg.fill()
	p := &Pool[T]{cfg: cfg, random: draw.From(cfg.Rand), fresh: fresh}
	p.directions = [...]direction[T]{{cfg: &p.cfg, quota: cfg.Outbound}, {cfg: &p.cfg, quota: cfg.Inbound, inbound: true}}
	return p
}

func (p *Pool[T]) direction(inbound bool) *direction[T] {
	if inbound {
		return &p.directions[1]
	}
	return &p.directions[0]
}

// Standing are the tunnels of a direction that were built, in the order in
// which they were. Inbound ones stay a little longer than they live. The slice
// is only to be read; it is still what it was when the pool has changed.
func (p *Pool[T]) Standing(inbound bool) []T { return p.direction(inbound).standing }

// Builds are the builds of a direction that may yet succeed, in their order; as
// Standing.
func (p *Pool[T]) Builds(inbound bool) []T { return p.direction(inbound).builds }

// remove drops a tunnel or a build.
func (p *Pool[T]) remove(t T) {
	m := t.member()
	switch d := p.direction(m.inbound); m.state {
	case building:
		p.cfg.Limit.inFlight--
		fallthrough
	case late:
		d.builds = without(d.builds, t)
	case standing:
		d.standing = without(d.standing, t)
	}
	m.state = gone
}

// Built says that a build succeeded. It returns false when the pool does not
// know it any more: the tunnel is of no use then.
func (p *Pool[T]) Built(now time.Time, t T) bool {
	m := t.member()
	if m.state > late || !now.Before(m.Expires()) {
		return false
	}
	p.remove(t)
	d := p.direction(m.inbound)
	d.standing = append(d.standing, t)
	d.failed, d.resumeAt = 0, time.Time{}
	m.state, m.took = standing, now.Sub(m.started)
	m.last = m.took
	ahead := p.cfg.Renew + p.random.Between(0, p.cfg.Renew)
	m.renewAt = m.Expires().Add(-ahead)
	if p.cfg.TestEvery > 0 {
		m.testAt = now.Add(p.cfg.TestEvery/4 + p.random.Between(0, p.cfg.TestEvery/2))
	}
	return true
}

// BuildFailed says that a build came to nothing: a hop refused, the reply
// was no use, or there was nobody to ask.
func (p *Pool[T]) BuildFailed(now time.Time, t T) {
	m := t.member()
	if m.state > late {
		return
	}
	if m.state == building {
		p.direction(m.inbound).backOff(now, p.random)
	}
	p.remove(t)
}

// Overdue says that the reply to a build most likely does not come, although there is time left. Where no tunnel works, it
// is not counted on.
func (p *Pool[T]) Overdue(t T) { t.member().overdue = true }

// Lost says that a tunnel does not work any more, for instance because the
// session with the hop next to us has ended. It is replaced.
func (p *Pool[T]) Lost(t T) {
	if t.member().state == standing {
		p.remove(t)
	}
}

// Rest ends the builds and tests: the tunnels that stand serve until they
// expire.
func (p *Pool[T]) Rest() { p.resting = true }

// Resume ends what Rest began.
func (p *Pool[T]) Resume() { p.resting = false }

// Reshape has the pool keep other tunnels from now on. It returns those that
// are dropped: tunnels, and builds, of another length than is wanted now.
func (p *Pool[T]) Reshape(in, out Quota) (dropped []T) {
	for i, quota := range [...]Quota{out, in} {
		d := &p.directions[i]
		if d.quota.Hops != quota.Hops || d.quota.Variance != quota.Variance {
			dropped = append(dropped, p.clear(d)...)
		}
		d.quota, d.failed, d.resumeAt = quota, 0, time.Time{}
	}
	return dropped
}

// Close gives the pool's share of the limit back, and returns the tunnels and
// builds that there were. The pool is not used afterwards.
func (p *Pool[T]) Close() (dropped []T) {
	for i := range p.directions {
		dropped = append(dropped, p.clear(&p.directions[i])...)
	}
	p.tests.running = nil
	return dropped
}

// clear drops all tunnels of a direction.
func (p *Pool[T]) clear(d *direction[T]) []T {
	dropped := slices.Concat(d.builds, d.standing)
	for _, t := range dropped {
		p.remove(t)
	}
	return dropped
}
