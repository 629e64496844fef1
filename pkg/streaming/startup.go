package streaming

// ramp is the state of startup.
type ramp struct {
	filled bool    // it is over
	best   float64 // rate
	flat   int     // rounds without growth
	queued int     // of those, in which a queue stood
	still  int     // rounds since the rate has grown
	before float64 // in flight in the last round
	useful float64 // the most in flight with which the rate has grown
}

// judge takes the rate after a round of startup, and what was in flight: the
// rate follows that as long as there is more to find.
func (r *ramp) judge(rate, inflight float64, queued, deep bool) {
	sent := r.before // what made that rate
	r.before = inflight
	more := 1.0
	if r.useful > 0 {
		more = max(sent/r.useful, 1)
	}
	if rate >= r.best*max(1+0.3*(more-1), 1.05) {
		*r = ramp{best: rate, useful: max(r.useful, sent), before: inflight}
		return
	}
	if r.still++; more < 1.2 && r.still < 3 {
		return
	}
	r.flat++
	if queued {
		r.queued++
	}
	r.filled = r.flat >= 3 || r.queued >= 2 || deep
}

// pace is by how much of what was acknowledged startup grows: by all up to
// twice the product, then and while a queue seems to stand by a part (as
// HyStart++, RFC 9406), since with jitter it must find what there is.
func (c *control) pace() float64 {
	const part = 0.25
	rtt := c.recent.min()
	double := 2 * c.bandwidth()
	switch {
	case rtt > 2*c.minRTT+slack && c.window > 2*initialWindow:
		return 0
	case c.window < max(double*c.minRTT.Seconds(), 2*initialWindow):
		if c.queued(rtt, c.recent.samples) {
			return part
		}
		return 1
	case c.window < double*rtt.Seconds() && c.ramp.still == 0:
		return part
	}
	return 0
}
