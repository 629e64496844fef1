package streaming

import "time"

// control is the congestion control of one stream: it models the path by the
// rate at which the bottleneck delivers and by the shortest round trip, as
// BBR does (draft-cardwell-ccwg-bbr), and keeps little more than their
// product in flight. Losses up to lossLimit are taken as the tunnels' own,
// greater ones bound what may be in flight. Units are packets and seconds:
// tunnels carry packets.
//
//	startup --rate stops growing--> drain --queue gone--> probeRate <--> probeRTT
type control struct {
	mode       mode
	window     float64 // packets that may be in flight
	limit      float64 // the most that window may be
	pacingGain float64

	rates   [10]float64 // highest delivery rate of each of the last rounds
	round   uint64
	roundAt uint64 // a packet sent after so many were delivered ends the round

	minRTT       time.Duration
	roundRTT     time.Duration // the shortest of this round
	roundSamples int
	minRTTAt     instant
	probeEnd     instant // of probeRTT

	bestRate float64 // of startup
	flat     int     // rounds without growth
	filled   bool

	phase     int
	phaseAt   instant
	phaseRate float64 // the bandwidth when the phase began

	raise           float64 // by how much inflightHigh is raised next
	inflightHigh    float64 // what losses allow in flight; 0 is no bound
	delivered, lost float64 // this round
	most            float64 // in flight this round
	ackedAt         instant // start of the present burst of acks
	ackedInBurst    float64
	bursts          [2]float64 // the greatest surplus of a burst, of 10 rounds each
	undo            undo
	prior           float64 // window before probeRTT or a timeout
	inTimeout       bool
}

type mode uint8

const (
	startup mode = iota
	drain
	probeRate
	probeRTT
)

const (
	initialWindow = 10
	minWindow     = 4
	startupGain   = 2.77
	windowGain    = 2.0
	lossLimit     = 0.06
	minRTTLife    = 10 * time.Second
	probeRTTTime  = 200 * time.Millisecond
	// slack is the queue that is allowed in any case: on short paths the
	// routers' batching matters more than propagation.
	slack = 20 * time.Millisecond
)

var phases = [...]float64{1.25, 0.75, 1, 1, 1, 1, 1, 1}

func newControl(limit float64) control {
	return control{window: initialWindow, limit: limit, pacingGain: startupGain}
}

// ack is what one acknowledgement says.
type ack struct {
	packets   float64 // newly acknowledged
	lost      float64 // newly found lost
	rate      float64 // delivery rate sample, 0 is none
	limited   bool    // the sample was taken while there was nothing to send
	rtt       time.Duration
	sentAfter uint64  // packets delivered when the newest of these was sent
	total     uint64  // packets delivered
	inflight  float64 // after it
}

// bandwidth is the bottleneck's rate in packets per second.
func (c *control) bandwidth() float64 {
	best := 0.0
	for _, r := range c.rates {
		best = max(best, r)
	}
	return best
}

// product is the bandwidth-delay product times gain, but not less than what
// leaves the slack.
func (c *control) product(gain float64) float64 {
	rtt := c.minRTT.Seconds()
	return c.bandwidth() * max(gain*rtt, (gain-1)*slack.Seconds()+rtt)
}

// pacing is the time between two packets, 0 for none.
func (c *control) pacing(smoothed time.Duration) time.Duration {
	rate := c.pacingGain * c.bandwidth()
	if !c.filled && smoothed > 0 { // too few packets yet to tell the rate
		rate = max(rate, 2*c.window/smoothed.Seconds())
	}
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

func (c *control) onAck(now instant, a ack) {
	c.delivered += a.packets
	c.lost += a.lost
	c.most = max(c.most, a.inflight+a.packets)
	newRound := a.packets > 0 && a.sentAfter >= c.roundAt
	if newRound {
		c.roundAt = a.total
		if !a.limited { // a round with little to send tells nothing about the rate
			c.round++
			c.rates[c.round%uint64(len(c.rates))] = 0
			if c.round%uint64(len(c.rates)) == 0 {
				c.bursts[1], c.bursts[0] = c.bursts[0], 0
			}
		}
	}
	if a.rate > 0 && (!a.limited || a.rate >= c.bandwidth()) {
		i := c.round % uint64(len(c.rates))
		c.rates[i] = max(c.rates[i], a.rate)
	}
	if newRound {
		c.endRound(a.limited)
	}
	if c.queues() {
		c.filled = true
	}
	c.burst(now, a.packets)
	expired := c.updateMinRTT(now, a.rtt)
	c.step(now, a, expired)
	c.grow(a)
}

// queues reports whether a queue has built up in startup: none of several
// round trips of this round was near the shortest (as HyStart++, RFC 9406),
// and the rate has stopped growing too: jitter alone is no queue.
func (c *control) queues() bool {
	return !c.filled && c.flat > 0 && c.roundSamples >= 8 && c.roundRTT > c.minRTT+max(c.minRTT/4, slack)
}

func (c *control) updateMinRTT(now instant, rtt time.Duration) (expired bool) {
	if rtt <= 0 {
		return false
	}
	c.roundSamples++
	if c.roundRTT == 0 || rtt < c.roundRTT {
		c.roundRTT = rtt
	}
	expired = c.minRTT > 0 && now-c.minRTTAt > minRTTLife
	if c.minRTT == 0 || rtt <= c.minRTT || expired {
		c.minRTT, c.minRTTAt = rtt, now
	}
	return expired
}

// endRound judges a round trip: whether startup still finds more, and whether
// more was lost than the path loses by itself.
func (c *control) endRound(limited bool) {
	share := c.lost / max(c.lost+c.delivered, 1)
	heavy := c.lost >= 4 && share > lossLimit
	if heavy {
		c.undo = undo{lost: c.lost, high: c.inflightHigh, filled: c.filled}
	}
	if !c.filled && !limited {
		if bw := c.bandwidth(); bw >= c.bestRate*1.25 {
			c.bestRate, c.flat = bw, 0
		} else {
			c.flat++
		}
		c.filled = c.flat >= 3 || (heavy && share > 2*lossLimit)
	}
	switch {
	case heavy:
		high := c.most
		if c.inflightHigh > 0 {
			high = min(high, c.inflightHigh)
		}
		c.inflightHigh = max(0.7*high, minWindow)
		c.raise = 1
	case c.inflightHigh > 0 && c.most >= 0.8*c.inflightHigh:
		// Carefully at first, and the same for all who share the bottleneck,
		// so that their shares converge; faster while nothing is in the way.
		c.inflightHigh += min(c.raise, max(c.inflightHigh/4, 1))
		c.raise *= 2
	}
	c.delivered, c.lost, c.most = 0, 0, 0
	c.roundRTT, c.roundSamples = 0, 0
}

// undo is what heavy losses changed, for the case that they were none.
type undo struct {
	lost, late float64
	high       float64
	filled     bool
}

// onLate is told that a packet which was taken for lost was only late.
func (c *control) onLate() {
	c.lost = max(c.lost-1, 0)
	u := &c.undo
	if u.late++; u.lost == 0 || u.late < u.lost/2 {
		return
	}
	c.inflightHigh = u.high
	if c.filled && !u.filled && c.flat < 3 {
		c.filled, c.mode, c.pacingGain = false, startup, startupGain
	}
	*u = undo{}
}

// burst measures how much more is acknowledged at once than the rate explains:
// that much is needed on top to keep the path busy between two acks.
func (c *control) burst(now instant, packets float64) {
	if packets == 0 {
		return
	}
	expected := c.bandwidth() * (now - c.ackedAt).Seconds()
	if c.ackedInBurst <= expected || c.ackedAt == 0 {
		c.ackedAt, c.ackedInBurst, expected = now, 0, 0
	}
	c.ackedInBurst += packets
	c.bursts[0] = max(c.bursts[0], min(c.ackedInBurst-expected, c.window))
}

func (c *control) step(now instant, a ack, minRTTExpired bool) {
	switch c.mode {
	case startup:
		if c.filled {
			c.mode, c.pacingGain = drain, 1/startupGain
		}
	case drain:
		if a.inflight <= c.product(1) {
			c.enterProbeRate(now)
		}
	case probeRate:
		c.cycle(now, a)
	case probeRTT:
		if now >= c.probeEnd {
			c.minRTTAt = now
			c.window = max(c.window, c.prior)
			c.enterProbeRate(now)
		}
		return
	}
	if minRTTExpired && c.mode != startup {
		c.mode, c.pacingGain, c.prior = probeRTT, 1, c.window
		c.probeEnd = now + max(probeRTTTime, c.minRTT)
	}
}

func (c *control) enterProbeRate(now instant) {
	c.mode = probeRate
	c.phase, c.phaseAt = 2+int(c.round%6), now
	c.pacingGain = phases[c.phase]
}

// cycle moves through the phases that probe for more rate and drain the queue
// that this may have made.
func (c *control) cycle(now instant, a ack) {
	over := now-c.phaseAt > c.minRTT
	switch gain := phases[c.phase]; {
	case gain > 1:
		over = now-c.phaseAt > c.minRTT*9/4                    // long enough to see its own effect
		if bw := c.bandwidth(); over && bw > c.phaseRate*1.1 { // there is more
			c.phaseAt, c.phaseRate = now, bw
			return
		}
	case gain < 1:
		over = over || a.inflight <= c.product(1)
	}
	if over {
		c.phase = (c.phase + 1) % len(phases)
		c.phaseAt, c.pacingGain = now, phases[c.phase]
		c.phaseRate = c.bandwidth()
	}
}

// grow sets the window.
func (c *control) grow(a ack) {
	if c.inTimeout && a.packets > 0 {
		c.inTimeout = false
		c.window = max(c.window, c.prior)
	}
	switch {
	case c.filled:
		target := c.product(windowGain) + max(c.bursts[0], c.bursts[1]) + 3
		c.window = min(c.window+a.packets, target)
	case a.inflight+a.packets >= c.window/2:
		c.window += a.packets
	}
	if c.mode == probeRTT {
		c.window = min(c.window, max(c.product(1)*0.5, minWindow))
	}
	c.clamp()
}

func (c *control) clamp() {
	if c.inflightHigh > 0 {
		c.window = min(c.window, c.inflightHigh)
	}
	c.window = max(min(c.window, c.limit), minWindow)
}

// onTimeout is told that nothing was acknowledged for a whole RTO. The second
// time in a row what was known of the path is forgotten.
func (c *control) onTimeout(timeouts int) {
	if timeouts > 1 {
		*c = newControl(c.limit)
		c.window = minWindow
		return
	}
	if !c.inTimeout {
		c.prior = c.window
	}
	c.inTimeout = true
	c.window = minWindow
}
