package tunnel

import "time"

// Tunnel is what a Pool holds: a pointer to a type that embeds Member.
type Tunnel interface {
	comparable
	member() *Member
}

// Member is what a pool keeps of one of its tunnels, from the build on. The
// type of the pool's tunnels embeds it.
type Member struct {
	state    memberState
	inbound  bool
	hops     int
	started  time.Time
	took     time.Duration // from the request to the reply
	renewAt  time.Time     // when to start a replacement
	testAt   time.Time
	failures int  // tests in a row
	suspect  bool // the next test is to tell soon
	failing  bool
	overdue  bool          // the reply most likely does not come
	rtt      time.Duration // of its tests, smoothed
	last     time.Duration // of the last test, or took
}

// memberState is where a tunnel is in its life.
//
//	building --no reply in time--> late
//	   |   \                        /  |
//	   |    +----> standing <------+   |
//	   |              |                |
//	   +----------> gone <-------------+
type memberState byte

const (
	building memberState = iota
	late                 // a reply is still welcome, and others are built meanwhile
	standing
	gone
)

func (m *Member) member() *Member { return m }

// Inbound is its direction.
func (m *Member) Inbound() bool { return m.inbound }

// Hops is how many hops it is to have.
func (m *Member) Hops() int { return m.hops }

// Started is when its build was asked for.
func (m *Member) Started() time.Time { return m.started }

// Created is when it stood.
func (m *Member) Created() time.Time { return m.started.Add(m.took) }

// Expires is when its hops forget it.
func (m *Member) Expires() time.Time { return m.started.Add(Lifetime) }

// RTT is how long its last test was on its way, or without one its build.
func (m *Member) RTT() time.Duration { return m.last }

// Due reports whether its replacement is asked for.
func (m *Member) Due(now time.Time) bool { return !now.Before(m.renewAt) }

// Failing reports whether the tunnel should come after others: its tests failed
// twice, or once where there was reason to doubt it. One test alone may be lost.
func (m *Member) Failing() bool { return m.failing }

// usable reports whether the tunnel can be sent through.
func (m *Member) usable(now time.Time) bool { return m.state == standing && now.Before(m.Expires()) }

// inboundGrace is how long a dropped inbound tunnel is listened to: those who
// send into it may be late, and hops keep it for longer.
const inboundGrace = 30 * time.Second

// end is when a tunnel that stands is dropped.
func (m *Member) end() time.Time {
	if m.inbound && m.hops > 0 {
		return m.Expires().Add(inboundGrace)
	}
	return m.Expires()
}

// recheck has the tunnel tested now.
func (m *Member) recheck(now time.Time) {
	m.suspect = true
	if m.testAt.After(now) {
		m.testAt = now
	}
}

// passed notes a test that came back.
func (m *Member) passed(rtt time.Duration, next time.Time) {
	m.failures, m.suspect, m.failing, m.testAt = 0, false, false, next
	if m.last = rtt; m.rtt == 0 {
		m.rtt = rtt
	}
	m.rtt += (rtt - m.rtt) / 4
}

// failed notes a test that did not come back, and whether this tunnel may be
// to blame.
func (m *Member) failed(blame bool, next time.Time) {
	if blame {
		m.failures++
	}
	m.failing = m.failing || m.failures > 1 || m.failures == 1 && m.suspect
	m.testAt = next
}
