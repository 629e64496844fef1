package ntcp2link

import "time"

// ceiling bounds the rate of a connection to what its line was seen to carry.
//
// The BBR that systems have today keeps up to twice in flight what a line holds. Where the
// queue before the line is shorter than that, as it is before most, the queue overflows
// for as long as there is more to send: a tenth of the packets is lost, and each of them
// holds back what came behind it for a round trip, at times for several. Later versions
// of BBR bound what is in flight by what was lost (draft-ietf-ccwg-bbr, 5.5.10); this is
// the same from outside. Losses alone say nothing: only those beside a queue are its
// overflow.
//
// BBR also sends next to nothing for two round trips, every ten seconds, to see how long they
// are without a queue; a stream over three such links has to do without an eighth of its path.
// Where losses tell of a queue, cubic does as well without: a bound keeps it from most of them.
type ceiling struct {
	rate   float64 // bytes per second; 0 is no bound
	cubic  bool    // take that for BBR
	lossy  bool    // there are losses without a queue, of which cubic makes too much
	growth float64 // of rate in the next span, where that is clean
	queued bool    // a queue stood at the end of the last span
	full   bool    // and overflowed in it
	at     time.Time
	last   flow
}

// flow is what the system tells of a connection.
type flow struct {
	sent, resent  uint64  // bytes since it began; sent counts what is resent
	packets       uint32  // that these were sent in
	delivered     uint32  // packets since it began that the peer is known to have
	rate          float64 // packets per second that got through lately
	rtt, shortest time.Duration
}

const (
	// overflow is the share of lost bytes that a full queue is told by.
	overflow = 0.03
	// underLine leaves room for the queue to drain.
	underLine = 0.97
	// mostFall is what is left of the bound after one span at least: what a span
	// tells of the rate is little where the sender had paused in it.
	mostFall = 0.8

	leastGrowth = 0.01
	mostGrowth  = 0.16

	// chance is the share of lost bytes that is more than mishap.
	chance = 0.003

	// leastSent is what says something, in bytes of a span.
	leastSent = 64 << 10
	// leastSpan and mostSpan are about what is judged at once: two round trips.
	leastSpan = 200 * time.Millisecond
	mostSpan  = 2 * time.Second
	// tooLong is when a span says nothing any more.
	tooLong = 4 * mostSpan
	// leastRate is the lowest bound: below, spans say nothing, and nothing would lift it again.
	leastRate = 2 * leastSent / float64(tooLong/time.Second)
)

// judge ends a span, where that is long enough, and reports whether the bound has changed.
func (c *ceiling) judge(now time.Time, f flow) (changed bool) {
	length := now.Sub(c.at)
	if length < min(max(2*f.rtt, leastSpan), mostSpan) {
		return false
	}
	sent, resent := float64(f.sent-c.last.sent), float64(f.resent-c.last.resent)
	size := sent / float64(f.packets-c.last.packets)
	got := size * float64(f.delivered-c.last.delivered) / length.Seconds()
	began := c.at.IsZero()
	c.at, c.last = now, f
	if began || sent < leastSent || length > tooLong {
		return false
	}
	before := *c
	c.queued = f.rtt > f.shortest+max(f.shortest/16, 5*time.Millisecond)
	c.full = c.queued && resent > overflow*sent
	c.choose(before.queued || c.queued, resent/sent)
	switch {
	case c.full && c.rate == 0:
		c.lower(max(got, size*f.rate)) // it was not full for all of the span
	case c.full:
		// Where less was sent than that, the losses are of what was sent before, and the
		// sender waits for what they hold back.
		if line := min(max(got, c.rate*mostFall), c.rate); sent >= line*length.Seconds()*9/10 {
			c.lower(line)
		}
	case sent < c.rate*length.Seconds()*9/10: // nothing that binds
	case before.full && c.queued: // what it got does not count: acknowledgements may stand in a queue too
		c.lower(c.rate)
	case !c.queued:
		c.rate *= 1 + c.growth
		c.growth = min(2*c.growth, mostGrowth)
	case c.growth > 2*leastGrowth: // that was too quick
		c.rate /= 1 + c.growth/2
		c.growth = leastGrowth
	case resent < overflow/8*sent: // the queue may be that of others
		c.rate *= 1 + leastGrowth/2
	}
	return c.rate != before.rate || c.cubic != before.cubic
}

// choose tells BBR's line from cubic's. Not in the middle of losses: cubic would take them
// for much more than they were.
func (c *ceiling) choose(queued bool, lost float64) {
	switch {
	case c.rate == 0 || queued:
	case c.cubic && lost > chance:
		c.cubic, c.lossy = false, true
	case lost == 0:
		c.cubic = !c.lossy
	}
}

// lower sets the bound below the rate at which a full queue empties.
func (c *ceiling) lower(line float64) {
	c.rate, c.growth = max(line*underLine, leastRate), leastGrowth
}
