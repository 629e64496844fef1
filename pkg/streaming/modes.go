package streaming

import (
	"math"
	"time"
)

// mode is what the congestion control does at present.
type mode uint8

const (
	startup  mode = iota
	drain         // send less until startup's queue is gone
	cruise        // send at the known rate
	up            // send faster
	watch         // wait for what came of that
	down          // send less until the queue is gone
	probeRTT      // keep the path half empty
)

// step moves on to the next mode.
func (c *control) step(now instant, a ack) {
	length := now - c.since
	switch c.mode {
	case startup:
		if c.ramp.filled {
			c.enter(now, drain)
		}
	case drain:
		if a.inflight <= c.product(1) || length > 4*c.minRTT {
			c.enterCruise(now, a)
		}
	case cruise:
		if c.cycle.seenAt == 0 && a.packets > 0 && a.sentAfter >= c.cycle.mark {
			c.cycle.seenAt = now
		}
		length := now - c.cycle.at
		if c.cycle.queued {
			length /= 3
		}
		if length > c.minRTT*time.Duration(5+c.round.n%3+4*uint64(min(c.cycle.failed, 2))) && !a.limited {
			c.cycle.rate, c.cycle.grown = c.bandwidth(), 0
			c.rate.age()
			c.enter(now, up)
		}
	case up:
		if length > c.minRTT {
			c.enter(now, watch)
		}
	case watch:
		if length > c.minRTT {
			c.judge(now)
		}
	case down:
		if c.cycle.drained = a.inflight <= c.drained(); c.cycle.drained || length > 3*c.minRTT {
			c.cycle.mark, c.cycle.seenAt = a.total, 0
			c.enter(now, cruise)
		}
	case probeRTT:
		c.probe(now, a)
		return
	}
	switch {
	case c.mode == startup || !c.trip.expired(now, c.minRTT):
	case a.limited && a.inflight <= c.halfFull():
		c.trip.seenAt = now // as after a pause: there is no queue of ours to look beneath
	default:
		c.prior = c.window
		c.trip.restart()
		c.cycle.doneAt = 0
		c.enter(now, probeRTT)
	}
}

// judge ends watch: where up has found more there may be much more.
func (c *control) judge(now instant) {
	bw := c.bandwidth()
	if bw < c.cycle.rate*1.1 {
		c.cycle.failed++
		c.cycle.at = now
		c.enter(now, down)
		return
	}
	c.cycle.rate, c.cycle.failed = bw, 0
	if c.cycle.grown++; c.cycle.grown < 2 {
		c.enter(now, up)
		return
	}
	c.ramp = ramp{best: bw, useful: c.product(1)}
	c.enter(now, startup)
}

// enterCruise begins a cycle.
func (c *control) enterCruise(now instant, a ack) {
	c.cycle.at = now
	c.cycle.mark, c.cycle.seenAt = a.total, 0
	c.enter(now, cruise)
}

func (c *control) enter(now instant, m mode) {
	c.mode, c.since = m, now
	switch m {
	case startup:
		c.pacingGain = startupGain
	case drain:
		c.pacingGain = 1 / startupGain
	case up:
		// Those with a small share ask for relatively more: that makes shares
		// converge.
		c.pacingGain = upGain + 1.2/math.Sqrt(max(c.product(1), minWindow))
	case down:
		c.pacingGain = downGain
	case cruise:
		// On short paths the queue is short anyway.
		c.pacingGain = 1 - (1-cruiseGain)*min(c.minRTT.Seconds()/(2*slack.Seconds()), 1)
	default:
		c.pacingGain = 1
	}
}

// probe waits until little is in flight, and then for the round trip of a
// packet that was sent after that.
func (c *control) probe(now instant, a ack) {
	switch {
	case c.cycle.doneAt == 0:
		if a.inflight <= c.halfFull() {
			c.cycle.doneAt = a.total
		}
	case a.packets > 0 && a.sentAfter >= c.cycle.doneAt:
		c.trip.settle(now, c)
		c.window = max(c.window, min(c.prior, c.product(windowGain)))
		c.enterCruise(now, a)
	}
}
