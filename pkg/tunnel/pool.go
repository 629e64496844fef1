package tunnel

import (
	"cmp"
	"i2ptoolkit/pkg/draw"
	"io"
	"slices"
	"time"
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
	c.LateReply = cmp.Or(c.LateReply, 40*time.Second)
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

// ActionKind says what a pool wants done.
type ActionKind byte

// The actions. ID names a tunnel from its build on.
const (
	// ActionBuild: build a tunnel of Hops hops; with 0, just make it. Then
	// call Built or BuildFailed.
	ActionBuild ActionKind = iota
	// ActionTimeout: no reply came in time, which the hops' profiles may be
	// told. The build is still pending, Built may yet be called.
	ActionTimeout
	// ActionTest: send a test message out through ID and back through Back,
	// and call TestOK or TestFailed.
	ActionTest
	// ActionTestTimeout: the test message of ID and Back did not come back in time.
	ActionTestTimeout
	// ActionDrop: forget the tunnel or the pending build; Reason says why.
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
type Action struct {
	Kind    ActionKind
	ID      uint64
	Inbound bool
	Hops    int        // ActionBuild
	Back    uint64     // ActionTest, ActionTestTimeout: the inbound tunnel
	Test    uint64     // ActionTest, ActionTestTimeout: what TestOK and TestFailed are told
	Reason  DropReason // ActionDrop
}

// poolTunnel is a tunnel, or one being built.
type poolTunnel struct {
	id       uint64
	inbound  bool
	hops     int
	started  time.Time
	built    bool
	timedOut bool      // a build's
	renewAt  time.Time // when to start a replacement
	testAt   time.Time
	failures int  // tests in a row
	suspect  bool // the next test is to tell soon
	rtt      time.Duration
	building time.Duration // from the request to the reply
}

func (t *poolTunnel) expires() time.Time { return t.started.Add(Lifetime) }

// poolTest is a test on its way.
type poolTest struct {
	id, out, in uint64
	deadline    time.Time
}

// Pool decides when to build, test and drop the tunnels of one destination,
// in both directions. It starts replacements spread over the last minutes of
// its tunnels, backs off when builds fail, and keeps using what it has.
//
//	build --Built--> in use --renewal due--> in use, replacement asked for
//	  |                 |                       |
//	  |BuildFailed,     |tests failed           |expired
//	  |no reply         v                       v
//	  +------------> dropped <------------------+
type Pool struct {
	cfg     PoolConfig
	random  *draw.Source
	nextID  uint64
	tunnels []*poolTunnel // in the order of their builds
	tests   []poolTest
	ways    [2]poolWay
	resting bool

	suspected time.Time // the last Suspect
}

// poolWay is what is kept for each direction.
type poolWay struct {
	quota    Quota
	failed   int       // builds in a row
	resumeAt time.Time // end of the backoff
	turn     int       // of tests' counterparts
}

// NewPool makes a pool without tunnels.
func NewPool(cfg PoolConfig) *Pool {
	cfg.fill()
	p := &Pool{cfg: cfg, random: draw.From(cfg.Rand)}
	p.ways[0].quota, p.ways[1].quota = cfg.Outbound, cfg.Inbound
	return p
}

func (p *Pool) way(inbound bool) *poolWay {
	if inbound {
		return &p.ways[1]
	}
	return &p.ways[0]
}

func (p *Pool) find(id uint64) *poolTunnel {
	for _, t := range p.tunnels {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (p *Pool) remove(t *poolTunnel) {
	if !t.built && !t.timedOut {
		p.cfg.Limit.inFlight--
	}
	i := slices.Index(p.tunnels, t)
	p.tunnels = slices.Delete(p.tunnels, i, i+1)
}

// Built says that a build succeeded. It returns false when the pool no
// longer knows it: the tunnel is of no use then.
func (p *Pool) Built(now time.Time, id uint64) bool {
	t := p.find(id)
	if t == nil || t.built || !now.Before(t.expires()) {
		return false
	}
	if !t.timedOut {
		p.cfg.Limit.inFlight--
	}
	w := p.way(t.inbound)
	w.failed, w.resumeAt = 0, time.Time{}
	t.built, t.building = true, now.Sub(t.started)
	ahead := p.cfg.Renew + p.jitter(p.cfg.Renew)
	t.renewAt = t.expires().Add(-ahead)
	if p.cfg.TestEvery > 0 {
		t.testAt = now.Add(p.cfg.TestEvery/4 + p.jitter(p.cfg.TestEvery/2))
	}
	return true
}

// BuildFailed says that a build came to nothing: a hop refused, the reply
// was no use, or there was nobody to ask.
func (p *Pool) BuildFailed(now time.Time, id uint64) {
	t := p.find(id)
	if t == nil || t.built {
		return
	}
	if !t.timedOut {
		p.backOff(now, t.inbound)
	}
	p.remove(t)
}

// backOff delays the next build after a failed one: half a second, doubled
// for each failure in a row, up to a minute, or less while tunnels lack.
func (p *Pool) backOff(now time.Time, inbound bool) {
	w := p.way(inbound)
	limit := time.Minute
	switch n := p.working(now, inbound); {
	case n == 0:
		limit = 5 * time.Second
	case n < w.quota.Tunnels:
		limit = 15 * time.Second
	}
	d := min(500*time.Millisecond<<min(w.failed, 10), limit)
	w.failed++
	w.resumeAt = now.Add(d*3/4 + p.jitter(d/2))
}

// jitter is a random part of d.
func (p *Pool) jitter(d time.Duration) time.Duration { return p.random.Between(0, d) }

// Lost says that a tunnel does not work any more, for instance because the
// session with the hop next to us has ended. It is replaced.
func (p *Pool) Lost(id uint64) {
	if t := p.find(id); t != nil && t.built {
		p.remove(t)
	}
}

// Usable returns the tunnels of a direction in the order of use: those that
// pass their tests first, among them the ones that live longest.
func (p *Pool) Usable(now time.Time, inbound bool) []uint64 {
	var ts []*poolTunnel
	for _, t := range p.tunnels {
		if t.inbound == inbound && t.built && now.Before(t.expires()) {
			ts = append(ts, t)
		}
	}
	slices.SortStableFunc(ts, func(a, b *poolTunnel) int {
		if c := min(a.failures, p.cfg.TestFailures) - min(b.failures, p.cfg.TestFailures); c != 0 {
			return c
		}
		return b.started.Compare(a.started)
	})
	ids := make([]uint64, len(ts))
	for i, t := range ts {
		ids[i] = t.id
	}
	return ids
}

// TunnelState is what a pool knows about a tunnel.
type TunnelState struct {
	ID       uint64
	Inbound  bool
	Hops     int
	Started  time.Time
	Expires  time.Time
	Built    bool
	Failures int           // tests in a row
	RTT      time.Duration // of its tests, smoothed; 0 if none came back
}

// Tunnels returns all tunnels and pending builds in the order of their builds.
func (p *Pool) Tunnels() []TunnelState {
	s := make([]TunnelState, len(p.tunnels))
	for i, t := range p.tunnels {
		s[i] = TunnelState{ID: t.id, Inbound: t.inbound, Hops: t.hops, Started: t.started, Expires: t.expires(),
			Built: t.built, Failures: t.failures, RTT: t.rtt}
	}
	return s
}

// Rest ends the builds and tests: the tunnels that stand serve until they
// expire.
func (p *Pool) Rest() { p.resting = true }

// Resume ends what Rest began.
func (p *Pool) Resume() { p.resting = false }

// Reshape has the pool keep other tunnels from now on. It returns what is to be
// dropped: those, and builds, of another length than is wanted now.
func (p *Pool) Reshape(in, out Quota) []Action {
	var as []Action
	for _, d := range [...]struct {
		inbound bool
		quota   Quota
	}{{false, out}, {true, in}} {
		w := p.way(d.inbound)
		other := w.quota.Hops != d.quota.Hops || w.quota.Variance != d.quota.Variance
		w.quota, w.failed, w.resumeAt = d.quota, 0, time.Time{}
		for _, t := range slices.Clone(p.tunnels) {
			if other && t.inbound == d.inbound {
				as = append(as, Action{Kind: ActionDrop, ID: t.id, Inbound: t.inbound, Hops: t.hops})
				p.remove(t)
			}
		}
	}
	return as
}

// Close gives the pool's share of the limit back, and returns what is to be
// dropped. The pool is not used afterwards.
func (p *Pool) Close() []Action {
	var as []Action
	for len(p.tunnels) > 0 {
		t := p.tunnels[0]
		as = append(as, Action{Kind: ActionDrop, ID: t.id, Inbound: t.inbound})
		p.remove(t)
	}
	p.tests = nil
	return as
}
