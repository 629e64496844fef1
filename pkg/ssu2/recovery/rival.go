package recovery

import "time"

// rival is who else fills the queue.
type rival struct {
	contested bool
	answers   int     // to queues that were still there after them
	window    float64 // before the first of these
	cubic     cubic
	wary      time.Duration // until then one answer is enough: a rival may only have paused

	lowest   time.Duration // round trip since contested
	lowestAt time.Duration
	failed   int           // probes that found the queue as it was
	quietest time.Duration // round trips of these
	loudest  time.Duration

	probe probe
}

// probe is an emptying of our own share.
type probe struct {
	since  time.Duration
	until  time.Duration // 0 is none
	window float64       // to go back to
	cubic  cubic
	least  time.Duration // round trip in it
	before time.Duration // and before it
}

const (
	quickPatience = 2 // answers
	longPatience  = 5
	probeEvery    = 5 * time.Second
	probeTrips    = 15
	probeLeast    = 200 * time.Millisecond
	waryFor       = 20 * time.Second
	// otherPath is how many probes that find the same say that the shortest round
	// trip was another path's: a rival's queue rises and falls.
	otherPath = 3
)

func (r *rival) probing() bool { return r.probe.until > 0 }

func (r *rival) forget() { *r = rival{} }

// suspect counts an answer to a queue. It reports true where the queue is somebody
// else's: the answers are taken back. Those of this kind let it grow to twice what is
// allowed at most, where one of them takes the round trip for longer than it is.
func (r *rival) suspect(now time.Duration, c *control) bool {
	if r.answers == 0 {
		if now >= r.wary {
			r.window = 0
		}
		r.window, r.cubic = max(r.window, c.window), c.cubic
	}
	patience := longPatience
	if c.trip.now.common() > c.trip.shortest+2*c.trip.allowed() {
		patience = quickPatience
	}
	if now < r.wary {
		patience--
	}
	if r.answers++; r.answers <= patience {
		return false
	}
	c.window, c.cubic = max(r.window, c.window), r.cubic
	c.cubic.epoch = 0
	*r = rival{contested: true, lowest: c.trip.now.common(), lowestAt: now}
	return true
}

// watch looks whether the rival has gone.
func (r *rival) watch(now time.Duration, c *control) {
	t := &c.trip
	switch {
	case !r.contested || t.now.samples == 0:
	case r.probing():
		r.probe.least = min(r.probe.least, t.now.common())
		if now >= r.probe.until {
			r.endProbe(now, c)
		}
	default:
		if t.now.common() < r.lowest {
			r.lowest, r.lowestAt = t.now.common(), now
		}
		if now-r.lowestAt >= r.rest() {
			r.beginProbe(now, c)
		}
	}
}

// rest is how long after the shortest round trip the next probe is. It is the same for
// all who see that one; a rival that stays is not worth many probes.
func (r *rival) rest() time.Duration {
	return max(probeEvery, probeTrips*r.lowest) << min(r.failed/2, 2)
}

func (r *rival) beginProbe(now time.Duration, c *control) {
	r.probe = probe{
		since: now, until: now + max(probeLeast, 2*c.trip.now.common()), window: c.window, cubic: c.cubic, least: never, before: c.trip.now.common(),
	}
	c.window = max(c.window*c.trip.shortest.Seconds()/c.trip.now.common().Seconds()*3/4, leastWindow*c.mss)
	c.trip.now = trip{}
}

func (r *rival) endProbe(now time.Duration, c *control) {
	p := r.probe
	r.probe = probe{}
	if p.least <= c.trip.shortest+c.trip.allowed() {
		*r = rival{wary: now + waryFor, window: beta * p.window}
		c.cubic.level()
		c.window = max(p.window*c.trip.shortest.Seconds()/p.before.Seconds(), c.window)
		return
	}
	c.window, c.cubic = p.window, p.cubic
	c.cubic.pause(now - p.since)
	r.lowest, r.lowestAt = p.least, now
	if r.failed == 0 || p.least < r.quietest {
		r.quietest = p.least
	}
	r.loudest = max(r.loudest, p.least)
	if r.failed++; r.failed >= otherPath && r.loudest-r.quietest <= c.trip.allowed() {
		c.trip.shortest = r.quietest
		r.forget()
	}
}
