package streaming

import (
	"slices"
	"time"
)

// findLost looks for packets that others, sent later, have overtaken, and
// counts those that were sent since losses have last had a consequence: what
// is lost at once is found little by little.
func (c *Conn) findLost(now instant) (found int) {
	s := &c.snd
	s.lossAt = never
	margin := max(c.cc.minRTT*time.Duration(s.reorder)/8, time.Millisecond)
	wait := max(c.rtt.smoothed, c.rtt.latest) + margin
	segs := s.outstanding()
	for i := range segs {
		g := &segs[i]
		if g.acked || g.lost || g.sends == 0 || g.order >= s.ackedOrder || g.seq > s.beyond {
			continue
		}
		if s.ackedSentAt < g.sentAt+margin && now < g.sentAt+wait {
			s.lossAt = min(s.lossAt, g.sentAt+wait)
			continue
		}
		g.lost = true
		s.lost++
		s.inflight--
		if g.sentAt >= c.cc.loss.cutAt {
			found++
		}
	}
	return found
}

// learnReach tells from an ack whether the peer keeps more than the
// specification's default. Java, which does not, and drops what goes beyond,
// repeats the resend delay of its SYN in each plain ack; the others have one
// that follows the round trip, and none in a plain ack.
func (c *Conn) learnReach(p *Packet) {
	s := &c.snd
	if !s.farKnown && s.farDelay > 0 && p.ResendDelay == 0 && p.SequenceNum == 0 && p.Flags&(Synchronize|Echo) == 0 {
		s.farKnown = true
		s.farWindow = float64(c.m.cfg.MaxWindow)
	}
}

// onAck takes the acknowledgement of a packet (Streaming specification,
// ackThrough and NACKs).
func (c *Conn) onAck(now instant, p *Packet) {
	s := &c.snd
	c.learnReach(p)
	if p.AckThrough >= s.nxt || p.AckThrough < s.una || s.una == s.nxt {
		return
	}
	s.beyond, s.unnamed = s.nxt, false
	if p.NACKCount() >= fullNACKs || p.Flags.Has(DelayRequested) && (p.Delay == gapChoke || p.Delay == oldGapChoke) {
		s.beyond, s.unnamed = p.AckThrough, true // the peer may have more than it can say
	}
	nacks := c.m.missing[:0]
	for i := range p.NACKCount() {
		nacks = append(nacks, p.NACK(i))
	}
	if !slices.IsSorted(nacks) {
		slices.Sort(nacks)
	}
	var newest *segment
	count := 0
	segs := s.outstanding()[:p.AckThrough-s.una+1]
	for i := range segs {
		seq, g := s.una+uint32(i), &segs[i]
		for len(nacks) > 0 && nacks[0] < seq {
			nacks = nacks[1:]
		}
		if g.acked || (len(nacks) > 0 && nacks[0] == seq) {
			continue
		}
		count++
		s.highest = max(s.highest, seq+1)
		c.ackSegment(now, g)
		if newest == nil || g.order > newest.order {
			newest = g
		}
	}
	if count == 0 {
		return
	}
	c.progress(now, newest, count)
}

// ackSegment notes that the peer has a segment.
func (c *Conn) ackSegment(now instant, g *segment) {
	s := &c.snd
	g.acked = true
	if g.lost {
		g.lost = false
		s.lost--
		c.wasLate(now) // not lost
	} else {
		s.inflight--
		if g.sends > 1 && c.cc.minRTT > 0 && now-g.sentAt < c.cc.minRTT*3/4 {
			c.wasLate(now) // the first transmission arrived
		}
	}
	c.m.memory.putUnacked(g.data)
	g.data = nil
	s.delivered++
}

// wasLate learns that packets overtake each other.
func (c *Conn) wasLate(now instant) {
	c.snd.reorder = min(2*c.snd.reorder, maxReorder)
	c.cc.onLate(now)
}

// progress draws the conclusions of an ack of count segments.
func (c *Conn) progress(now instant, newest *segment, count int) {
	s := &c.snd
	a := ack{packets: float64(count), limited: newest.limited, sentAfter: newest.delivered, total: s.delivered}
	s.deliveredAt = now
	switch trip := max(now-newest.sentAt, time.Microsecond); {
	case newest.sends == 1:
		a.rtt = trip
		c.rtt.sample(trip)
		c.m.counters.RoundTrips.Observe(trip)
	case c.cc.known != nil && trip >= c.cc.minRTT:
		a.rtt = trip // most likely, and for long there is no better
	}
	elapsed := max(newest.sentAt-newest.firstSentAt, now-newest.deliveredAt)
	if elapsed > 0 && (c.cc.minRTT == 0 || elapsed >= c.cc.minRTT/2) {
		a.rate = float64(s.delivered-newest.delivered) / elapsed.Seconds()
	}
	s.firstSentAt = newest.sentAt
	if newest.order > s.ackedOrder {
		s.ackedOrder, s.ackedSentAt = newest.order, newest.sentAt
	}
	s.timeouts, s.probed, s.timerFrom = 0, false, now

	for s.head < len(s.segs) && s.segs[s.head].acked {
		s.segs[s.head] = segment{}
		s.head++
		s.una++
	}
	s.holes = 0
	if s.highest > s.una {
		for _, g := range s.outstanding()[:s.highest-s.una] {
			if !g.acked {
				s.holes++
			}
		}
	}
	a.lost = float64(c.findLost(now))
	a.inflight = float64(s.inflight)
	c.cc.onAck(now, a)
	c.growFarWindow(float64(count))
	if s.una == s.nxt && s.backlog.len() == 0 {
		c.m.cfg.Events.Writable(c)
	}
}
