package streaming

import "time"

// control is the congestion control of one stream: it models the path by the
// rate at which the bottleneck delivers and by the shortest round trip, as
// BBR does (draft-ietf-ccwg-bbr), and keeps little more than their product in
// flight. It differs where tunnels do: their routers drop a few packets in a
// hundred by choice, so that only losses above lossLimit say something; and
// the TCP connections between them make round trips jump without any queue of
// ours, so that a longer round trip alone is believed to be a queue only where
// the rate has stopped growing. Units are packets and seconds: tunnels carry
// packets. It is the one owner of all that it judges by: each part measures or
// decides one thing, and modes.go goes from one mode to the next.
//
//	startup --rate stops growing--> drain --queue gone--> cruise <--> down
//	   ^                                                    |          ^
//	   +-- much more, twice -- watch <-- up <--every few round trips   |
//	                             +---------- no more ------------------+
//
//	any but startup --the shortest round trip is old, or the rate fell--> probeRTT --> cruise
type control struct {
	mode       mode
	since      instant // of the mode
	window     float64 // packets that may be in flight
	limit      float64 // the most that window may be
	pacingGain float64

	minRTT time.Duration
	trip   shortest
	rate   rates
	span   span
	round  round
	recent recent
	ramp   ramp
	cycle  cycle
	loss   losses
	burst  bursts

	prior     float64 // window before probeRTT or a timeout
	inTimeout bool
	known     *known
}

const (
	initialWindow = 16
	// What any path carries is no risk: over long round trips more than the
	// initial window, spread over one of them.
	initialRate = 25
	mostInitial = 50
	minWindow   = 4
	startupGain = 2.77
	windowGain  = 2.0
	upGain      = 1.2
	downGain    = 0.5
	cruiseGain  = 0.95 // the highest rate seen is a little more than the path's
	// slack is the queue that is allowed in any case: on short paths the
	// routers' batching matters more than propagation.
	slack = 20 * time.Millisecond
)

// round is a round trip: from when a packet was sent to its acknowledgement.
type round struct {
	n       uint64
	endAt   uint64        // a packet sent after so many were delivered ends it
	rtt     time.Duration // the shortest of it
	sum     time.Duration
	samples int
	before  time.Duration // the mean of the one before
}

// cycle is the state of the phases that follow.
type cycle struct {
	at     instant // when it began
	rate   float64 // the bandwidth when up began
	grown  int     // how often in a row up has found more
	failed int     // how often in a row it has not
	doneAt uint64  // what ends probeRTT, a count as of round.endAt; 0 is not drained yet

	mark     uint64  // a packet sent after so many were delivered shows the effect of cruise
	seenAt   instant // when that was; 0 is not yet
	queued   bool    // a queue was seen last
	drained  bool    // the last down came to its end
	stubborn int     // how often in a row a queue stood although it was drained
}

func newControl(limit float64) control {
	return control{window: initialWindow, limit: limit, pacingGain: startupGain}
}

// ack is what one acknowledgement says.
type ack struct {
	packets   float64 // newly acknowledged
	lost      float64 // newly found lost, of what was sent since the bound for losses was lowered
	rate      float64 // delivery rate sample, 0 is none
	limited   bool    // not the path bounds the sample: there was nothing to send, or the peer could not name what came
	rtt       time.Duration
	sentAt    instant // of the newest of these
	sentAfter uint64  // packets delivered then
	total     uint64  // packets delivered
	inflight  float64 // after it
}

// bandwidth is the bottleneck's rate in packets per second.
func (c *control) bandwidth() float64 { return c.rate.max() }

// product is the bandwidth-delay product times gain, but not less than what
// leaves the slack.
func (c *control) product(gain float64) float64 {
	rtt := c.minRTT.Seconds()
	return c.bandwidth() * max(gain*rtt, (gain-1)*slack.Seconds()+rtt)
}

// pacing is the time between two packets, 0 for none.
func (c *control) pacing(smoothed time.Duration) time.Duration {
	rate := c.pacingGain * c.bandwidth()
	if !c.ramp.filled && smoothed > 0 { // too few packets yet to tell the rate
		rate = max(rate, 2*c.window/smoothed.Seconds())
	}
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

func (c *control) onAck(now instant, a ack) {
	if c.known != nil {
		c.known.filter(&a)
		if a.total >= c.known.till {
			c.known = nil
		}
	}
	c.loss.count(a)
	newRound := a.packets > 0 && a.sentAfter >= c.round.endAt
	if a.rate > 0 && (!a.limited || a.rate >= c.bandwidth()) {
		c.rate.sample(a.rate)
	}
	c.round.sample(a.rtt)
	c.recent.sample(a.rtt)
	if c.minRTT == 0 && a.rtt > 0 && c.window >= initialWindow {
		c.window = max(c.window, min(initialRate*a.rtt.Seconds(), mostInitial))
	}
	c.trip.sample(now, c, a)
	if newRound {
		c.endRound(now, a)
	}
	c.burst.measure(now, a.packets, c.bandwidth(), c.product(1))
	if c.span.add(now, a, max(c.minRTT, shortSpan)) && c.ramp.filled {
		c.endSpan(now)
	}
	c.step(now, a)
	c.grow(a)
}

func (r *round) sample(rtt time.Duration) {
	if rtt <= 0 {
		return
	}
	r.samples++
	r.sum += rtt
	if r.rtt == 0 || rtt < r.rtt {
		r.rtt = rtt
	}
}

// end begins the next round trip, which a packet ends that is sent after so
// many were delivered.
func (r *round) end(delivered uint64) {
	before := r.before
	if r.samples > 0 {
		before = r.sum / time.Duration(r.samples)
	}
	*r = round{n: r.n, endAt: delivered, before: before}
}

// queued reports whether all of several round trips were longer than the
// shortest by more than a little.
func (c *control) queued(rtt time.Duration, samples int) bool {
	return samples >= 6 && rtt > c.minRTT+max(c.minRTT/8, slack)
}

// endRound judges a round trip: whether startup still finds more, whether a
// queue stands, and whether more was lost than the path loses by itself.
func (c *control) endRound(now instant, a ack) {
	r := &c.round
	queued := c.queued(r.rtt, r.samples)
	most := c.loss.most
	heavy := c.loss.endRound(now, c)
	if !c.ramp.filled && !a.limited {
		c.ramp.judge(c.bandwidth(), most, queued, queued && r.rtt > c.minRTT*3/2+slack)
	}
	if heavy {
		c.onHeavyLoss(now)
	}
	r.end(a.total)
	if !a.limited { // a round with little to send tells nothing
		r.n++
		c.burst.age(r.n)
	}
}

// endSpan judges what arrived during one shortest round trip.
func (c *control) endSpan(now instant) {
	s := c.span.last
	if c.rate.fell(c, s) {
		c.window = min(c.window, c.product(1))
		c.trip.suspect = true
	}
	if y := &c.cycle; c.mode == cruise && y.seenAt > 0 && s.at >= y.seenAt {
		c.judgeQueue(now, !s.limited && c.queued(s.rtt, s.samples))
	}
}

// judgeQueue is told in cruise whether a queue stands. One that is still there
// after it was drained again and again is none: the shortest round trip is
// another path's, or others make the queue.
func (c *control) judgeQueue(now instant, queued bool) {
	y := &c.cycle
	y.queued = queued
	if !queued {
		y.stubborn = 0
		return
	}
	if y.drained {
		y.stubborn++
	}
	if y.stubborn >= 3 && now-c.trip.settledAt > 10*c.minRTT {
		y.stubborn = 0
		c.trip.suspect = true
	}
	y.drained = false
	c.enter(now, down)
}

// onHeavyLoss is called at the end of a round that lost more than it may.
func (c *control) onHeavyLoss(now instant) {
	switch c.mode {
	case startup:
		c.ramp.filled = c.ramp.filled || c.ramp.still > 0 || c.loss.share > 2*lossLimit
	case up, watch:
		c.enter(now, down)
	}
}

// drained is what is in flight once no queue of ours is left: not quite the
// product, since several streams may each take their share for more than it is.
func (c *control) drained() float64 {
	return c.bandwidth() * (c.minRTT*9/10 + slack/2).Seconds()
}

func (c *control) halfFull() float64 { return max(c.product(1)/2, minWindow) }

// grow sets the window.
func (c *control) grow(a ack) {
	if c.inTimeout && a.packets > 0 {
		c.inTimeout = false
		c.window = max(c.window, c.prior)
	}
	switch {
	case c.ramp.filled:
		target := c.product(windowGain) + c.burst.most() + 3
		c.window = min(c.window+a.packets, target)
	case a.inflight+a.packets >= c.window/2:
		// Of what was in flight before a timeout more may arrive at once.
		c.window += min(a.packets, c.window) * c.pace()
	}
	if c.mode == probeRTT {
		c.window = min(c.window, c.halfFull())
	}
	c.clamp()
}

func (c *control) clamp() {
	if c.loss.high > 0 {
		c.window = min(c.window, c.loss.high)
	}
	c.window = max(min(c.window, c.limit), minWindow)
}
