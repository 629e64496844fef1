package recovery

import "time"

// control is the congestion control of one path. Units are bytes and seconds.
type control struct {
	mss      float64
	window   float64
	most     float64
	slow     bool    // slow start, until the first answer
	limited  bool    // the window held something back in this round
	highest  float64 // in flight in this round
	cubic    cubic
	trip     trips
	roundEnd uint32 // a packet of this number or later ends the round

	since  time.Duration // what was sent before is answered already
	losses losses
	undo   undo
	rival  rival
}

const (
	initialWindow = 10 // datagrams (RFC 9002, section 7.2)
	leastWindow   = 2
	beta          = 0.7  // what a loss leaves (RFC 9438, section 4.6)
	betaContested = 0.85 // which makes good for the probes
	slowGain      = 2.0  // of the pace
	steadyGain    = 1.25
)

func newControl(cfg Config) control {
	mss := float64(cfg.Datagram)
	c := control{mss: mss, window: initialWindow * mss, most: float64(cfg.MaxWindow), slow: true}
	c.clamp()
	return c
}

func (c *control) gain() float64 {
	if c.slow {
		return slowGain
	}
	return steadyGain
}

func (c *control) clamp() {
	c.window = max(min(c.window, c.most), leastWindow*c.mss)
}

// sent notes how much is in flight.
func (c *control) sent(flying int) { c.highest = max(c.highest, float64(flying)) }

// used reports whether the window is what holds the sender back.
func (c *control) used() bool {
	share := 0.75
	if c.slow {
		share = 0.5
	}
	return c.limited || c.highest >= share*c.window
}

// acked takes what one acknowledgement brought.
func (c *control) acked(now time.Duration, n news, smoothed time.Duration) {
	c.trip.sample(n.rtt, n.sentLast > c.since)
	c.losses.arrived += float64(n.bytes)
	c.rival.watch(now, c)
	if n.sentLast > c.since && c.used() {
		c.grow(now, float64(n.bytes), smoothed)
	}
	if c.slow && c.trip.now.samples >= slowSamples && c.trip.queued() {
		c.empty(now)
	}
	if n.round {
		c.endRound(now)
	}
	c.clamp()
}

// grow is the window's growth: what arrived in slow start, the curve of CUBIC later.
func (c *control) grow(now time.Duration, bytes float64, smoothed time.Duration) {
	switch {
	case c.rival.probing():
	case c.slow:
		c.window += bytes
	default:
		c.window += c.cubic.grow(now, c.window/c.mss, bytes/c.mss, smoothed) * c.mss
	}
}

// endRound judges a round trip.
func (c *control) endRound(now time.Duration) {
	if c.trip.now.samples < roundSamples { // it goes on
		return
	}
	used := c.used()
	if c.losses.heavy(now, c) {
		c.congestion(now, now)
	} else if used && !c.slow && !c.rival.contested && c.trip.queued() {
		c.answerQueue(now)
	} else if used && !c.trip.queued() {
		c.rival.answers = 0
	}
	if !used { // the curve is of the time in which there is enough to send
		c.cubic.epoch = 0
	}
	c.trip.endRound()
	c.limited, c.highest = false, 0
}

// answerQueue answers a queue that stands with a window that empties it.
func (c *control) answerQueue(now time.Duration) {
	if !c.rival.suspect(now, c) {
		c.empty(now)
	}
}

// empty leaves in flight what the path holds without a queue.
func (c *control) empty(now time.Duration) {
	c.cut(now, max(c.trip.emptying(), 0.5))
	c.cubic.level()
}

// congestion answers a loss or a mark of what was sent at an instant, once for
// what was in flight.
func (c *control) congestion(now, sent time.Duration) {
	if sent <= c.since {
		return
	}
	share := beta
	if c.rival.contested {
		share = betaContested
	}
	c.cut(now, share)
}

// cut leaves a share of the window.
func (c *control) cut(now time.Duration, share float64) {
	c.since, c.slow, c.trip.now = now, false, trip{}
	c.cubic.cut(c.window/c.mss, share)
	c.window *= share
	c.clamp()
}

// persistent is the answer to a path that brings back nothing: the window is its
// least, and grows as at first.
func (c *control) persistent(now time.Duration) {
	c.window, c.slow, c.since = leastWindow*c.mss, true, now
	c.cubic.level()
	c.trip.now, c.losses, c.undo = trip{}, losses{}, undo{}
	c.rival.forget()
}
