package streaming

import (
	"slices"
	"time"
)

// overtaking tells what is lost: packets that others, sent later, have
// overtaken.
type overtaking struct {
	sent        uint64 // transmissions
	acked       uint64 // the latest transmission acknowledged
	ackedSentAt instant
	reorder     int // eighths of a round trip by which packets may overtake each other
	lossAt      instant
	beyond      uint32 // what the last ack says nothing of
	unnamed     bool   // because it could not
}

const (
	fullNACKs    = 240
	firstReorder = 2
	maxReorder   = 8
)

// heard takes how far an ack speaks of what was sent up to nxt.
func (o *overtaking) heard(p *Packet, nxt uint32) {
	o.beyond, o.unnamed = nxt, false
	if p.NACKCount() >= fullNACKs || p.Flags.Has(DelayRequested) && (p.Delay == gapChoke || p.Delay == oldGapChoke) {
		o.beyond, o.unnamed = p.AckThrough, true // the peer may have more than it can say
	}
}

func (o *overtaking) late() { o.reorder = min(2*o.reorder, maxReorder) }

// findLost looks for packets that others, sent later, have overtaken, and
// counts those that were sent since losses have last had a consequence: what
// is lost at once is found little by little.
func (s *sender) findLost(now instant) (found int) {
	o := &s.order
	o.lossAt = never
	margin := max(s.cc.minRTT*time.Duration(o.reorder)/8, time.Millisecond)
	wait := max(s.rtt.smoothed, s.rtt.latest) + margin
	segs := s.flight.outstanding()
	for i := range segs {
		g := &segs[i]
		if g.acked || g.lost || g.sends == 0 || g.order >= o.acked || g.seq > o.beyond {
			continue
		}
		if o.ackedSentAt < g.sentAt+margin && now < g.sentAt+wait {
			o.lossAt = min(o.lossAt, g.sentAt+wait)
			continue
		}
		s.flight.lose(g)
		if g.sentAt >= s.cc.loss.cutAt {
			found++
		}
	}
	return found
}

// handleAck handles the acknowledgement of a packet (Streaming specification,
// ackThrough and NACKs). It reports whether all that there was to send has now
// come.
func (s *sender) handleAck(now instant, p *Packet) (drained bool) {
	f := &s.flight
	s.far.learn(p, s.cfg.MaxWindow)
	if p.AckThrough >= f.nxt || p.AckThrough < f.una || f.empty() {
		return false
	}
	s.order.heard(p, f.nxt)
	nacks := s.missing[:0]
	for i := range p.NACKCount() {
		nacks = append(nacks, p.NACK(i))
	}
	if !slices.IsSorted(nacks) {
		slices.Sort(nacks)
	}
	var newest *segment
	count := 0
	segs := f.outstanding()[:p.AckThrough-f.una+1]
	for i := range segs {
		seq, g := f.una+uint32(i), &segs[i]
		for len(nacks) > 0 && nacks[0] < seq {
			nacks = nacks[1:]
		}
		if g.acked || (len(nacks) > 0 && nacks[0] == seq) {
			continue
		}
		count++
		s.acknowledge(now, g)
		if newest == nil || g.order > newest.order {
			newest = g
		}
	}
	if count == 0 {
		return false
	}
	s.progress(now, newest, count)
	return s.drained()
}

// acknowledge notes that the peer has a segment.
func (s *sender) acknowledge(now instant, g *segment) {
	early := g.sends > 1 && s.cc.minRTT > 0 && now-g.sentAt < s.cc.minRTT*3/4
	if s.flight.acknowledge(g) || early { // not lost; or the first transmission arrived
		s.order.late() // packets overtake each other
		s.cc.onLate(now)
	}
	s.memory.putUnacked(g.data)
	g.data = nil
	s.delivery.count++
}

// progress draws the conclusions of an ack of count segments.
func (s *sender) progress(now instant, newest *segment, count int) {
	a := ack{packets: float64(count), limited: newest.mark.limited, sentAfter: newest.mark.count, total: s.delivery.count}
	s.delivery.at = now
	switch trip := max(now-newest.sentAt, time.Microsecond); {
	case newest.sends == 1:
		a.rtt = trip
		s.rtt.sample(trip)
		s.counters.RoundTrips.Observe(trip)
	case s.cc.known != nil && trip >= s.cc.minRTT:
		a.rtt = trip // most likely, and for long there is no better
	}
	a.rate = s.delivery.sample(now, newest, s.cc.minRTT)
	if newest.order > s.order.acked {
		s.order.acked, s.order.ackedSentAt = newest.order, newest.sentAt
	}
	s.patience.renew(now)
	s.flight.advance()
	a.lost = float64(s.findLost(now))
	a.inflight = float64(s.flight.inflight)
	s.cc.onAck(now, a)
	s.far.grow(float64(count), s.cfg.MaxWindow)
}
