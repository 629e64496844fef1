package streaming

import "time"

// ramp is the state of startup.
type ramp struct {
	filled bool    // it is over
	best   float64 // rate
	flat   int     // rounds without growth
	queued int     // of those, in which a queue stood
	still  int     // rounds since the rate has grown
	before float64 // in flight in the last round
	useful float64 // the most in flight with which the rate has grown
	deep   bool    // a queue of more than a round trip has stood
}

// judge takes the rate after a round of startup, and what was in flight: the
// rate follows that as long as there is more to find. Once a deep queue has
// stood, which goes unevenly, the rate must grow by more to say so.
func (r *ramp) judge(rate, inflight float64, queued, deep bool) {
	sent := r.before // what made that rate
	r.before = inflight
	more := 1.0
	if r.useful > 0 {
		more = max(sent/r.useful, 1)
	}
	grown := max(1+0.3*(more-1), 1.05)
	if r.deep {
		grown = max(grown, 1.25)
	}
	if rate >= r.best*grown {
		*r = ramp{best: rate, useful: max(r.useful, sent), before: inflight, deep: r.deep}
		return
	}
	if r.still++; more < 1.2 && r.still < 3 && !r.deep {
		return
	}
	r.flat++
	if queued {
		r.queued++
	}
	r.filled = r.flat >= 3 || r.queued >= 2 || deep
}

// What startup grows by, of what was acknowledged.
const (
	carefully = 0.25 // the rate does not follow, and a queue seems to stand (as HyStart++, RFC 9406)
	doubling  = 1.0
	faster    = 1.5 // long round trips make doubling slow
	muchSent  = 768 // packets by which it grows in a round trip at most (as limited slow start, RFC 3742)
)

// pace is by how much of what was acknowledged startup grows. As long as the
// rate follows what is in flight and round trips do not become longer, as they
// do when a queue grows and not when a hop gathers messages, it is by as much
// as that makes of what made the rate, a round trip of the moment ago: where
// jitter makes all round trips longer than the shortest, the product says too
// little. Otherwise it is to twice the product, and so it is once a queue has
// stood: as that goes round trips become shorter, and the rate jumps.
func (c *control) pace() float64 {
	rtt := c.recent.min()
	bw := c.bandwidth()
	most := min(faster, muchSent/c.window)
	switch {
	case rtt > 2*c.minRTT+slack && c.window > 2*initialWindow:
		c.ramp.deep = c.ramp.deep || c.window > 4*initialWindow
		return 0
	case c.ramp.still == 0 && !c.ramp.deep && !c.longer(rtt) && c.window < (1+most)*bw*max(rtt, c.round.before).Seconds():
		return most
	case c.window >= max(2*bw*c.minRTT.Seconds(), 2*initialWindow):
		return 0
	case c.ramp.still > 0 && c.queued(rtt, c.recent.samples):
		return carefully
	}
	return min(doubling, muchSent/c.window)
}

// longer reports whether round trips have become longer than they were in the
// round before.
func (c *control) longer(rtt time.Duration) bool {
	return rtt > c.round.before+max(c.round.before/8, slack)
}
