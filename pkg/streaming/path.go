package streaming

import "time"

// rates is the bandwidth: the highest rate of the present cycle of control and
// of the one before. A cycle lasts some shortest round trips, not round trips
// of the moment, which are long just when the rate has fallen.
type rates struct {
	now, before float64
	low         int     // spans in a row that were much slower
	lowest      float64 // the highest rate among these
}

const (
	fallShare = 0.8 // a lower rate with a queue is another path's
	fallSpans = 3
	// shortSpan: what happens in less depends on how a busy router is scheduled.
	shortSpan = 50 * time.Millisecond
)

func (r *rates) max() float64 { return max(r.now, r.before) }

func (r *rates) sample(rate float64) { r.now = max(r.now, rate) }

// age begins another cycle, if there is something known of this one.
func (r *rates) age() {
	if r.now > 0 {
		r.before, r.now = r.now, 0
	}
}

// fell reports that the path has become slower: for some time less arrived
// than the bandwidth, through a queue. Where nothing at all arrives it says
// nothing: a connection between two routers may repeat what was lost.
func (r *rates) fell(c *control, s measure) bool {
	queued := s.rtt > c.minRTT*3/2+slack
	if c.mode == probeRTT || s.limited || !queued || s.rate >= fallShare*r.max() {
		r.low, r.lowest = 0, 0
		return false
	}
	r.low++
	r.lowest = max(r.lowest, s.rate)
	if r.low < fallSpans {
		return false
	}
	r.now, r.before = r.lowest, r.lowest
	r.low, r.lowest = 0, 0
	return true
}

// span measures what arrives during stretches of one shortest round trip. The
// round trips of the moment are too long for that, just when it matters.
type span struct {
	measure // under way; its rate is not set
	packets float64
	last    measure
}

type measure struct {
	at      instant
	rate    float64
	rtt     time.Duration // the shortest
	samples int
	limited bool
}

// add reports whether a span is over.
func (s *span) add(now instant, a ack, length time.Duration) bool {
	s.packets += a.packets
	s.limited = s.limited || a.limited
	if a.rtt > 0 {
		s.samples++
		if s.rtt == 0 || a.rtt < s.rtt {
			s.rtt = a.rtt
		}
	}
	if now-s.at < length {
		return false
	}
	s.rate = s.packets / (now - s.at).Seconds()
	*s = span{last: s.measure, measure: measure{at: now}}
	return true
}

// shortest looks after the shortest round trip.
type shortest struct {
	seenAt  instant       // when a round trip was last as short
	probed  time.Duration // the shortest since the path was emptied
	suspect bool          // it must be looked for now
	guess   bool          // it is another path's: the next one counts, whatever it is

	settledAt instant // when it was last looked for
}

const minRTTLife = 10 * time.Second

func (s *shortest) sample(now instant, c *control, a ack) {
	if a.rtt <= 0 {
		return
	}
	if s.probed == 0 || a.rtt < s.probed {
		s.probed = a.rtt
	}
	if c.minRTT == 0 || s.guess || a.rtt < c.minRTT {
		c.minRTT, s.guess = a.rtt, false
	}
	if a.rtt <= c.minRTT+c.minRTT/16+time.Millisecond {
		s.seenAt = now
	}
}

// expired reports that it is long ago that a round trip was so short.
func (s *shortest) expired(now instant, min time.Duration) bool {
	return s.suspect || now-s.seenAt > max(minRTTLife, 20*min)
}

// restart looks for the shortest round trip anew.
func (s *shortest) restart() { s.probed, s.suspect = 0, false }

// settle takes what was found with little in flight.
func (s *shortest) settle(now instant, c *control) {
	if s.probed > 0 {
		c.minRTT = s.probed
	}
	s.seenAt, s.settledAt, s.suspect = now, now, false
}

// bursts measures how much more is acknowledged at once than the rate
// explains: that much is needed on top to keep the path busy between two acks.
type bursts struct {
	at    instant // start of the present burst of acks
	acked float64
	kept  [2]float64 // the greatest surplus, of ten rounds each
}

func (b *bursts) measure(now instant, packets, rate, most float64) {
	if packets == 0 {
		return
	}
	expected := rate * (now - b.at).Seconds()
	if b.acked <= expected || b.at == 0 {
		b.at, b.acked, expected = now, 0, 0
	}
	b.acked += packets
	b.kept[0] = max(b.kept[0], min(b.acked-expected, most))
}

func (b *bursts) age(round uint64) {
	if round%10 == 0 {
		b.kept[1], b.kept[0] = b.kept[0], 0
	}
}

func (b *bursts) most() float64 { return max(b.kept[0], b.kept[1]) }

// recent is the shortest of the last few round trips.
type recent struct {
	now, before time.Duration
	samples     int
}

func (r *recent) sample(rtt time.Duration) {
	if rtt <= 0 {
		return
	}
	if r.samples++; r.samples%recentSamples == 1 {
		r.before, r.now = r.now, rtt
	}
	r.now = min(r.now, rtt)
}

func (r *recent) min() time.Duration {
	if r.before == 0 {
		return r.now
	}
	return min(r.now, r.before)
}

const recentSamples = 4
