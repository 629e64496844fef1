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
	alike       int    // acks in a row that say no more than those before
	hidden      uint32 // from here on the peer has what it cannot name, until it names this; 0 where nothing shows that
}

const (
	fullNACKs    = 240
	firstReorder = 2
	maxReorder   = 8
	hiddenAcks   = 3
)

// heard takes how far an ack speaks of what was sent up to nxt.
func (o *overtaking) heard(p *Packet, nxt uint32) {
	o.beyond, o.unnamed = nxt, false
	if p.NACKCount() >= fullNACKs || p.Flags.Has(DelayRequested) && (p.Delay == gapChoke || p.Delay == oldGapChoke) {
		o.beyond, o.unnamed = p.AckThrough, true // the peer may have more than it can say
	}
	if o.hidden > 0 && p.AckThrough < o.hidden {
		o.hidden = max(o.hidden, unnameable(p))
		o.beyond, o.unnamed = min(o.beyond, o.hidden-1), true
	} else {
		o.hidden = 0
	}
}

// unnameable is the first packet that the sender of an ack may have though it does not name it: the NACK list has room
// for a gap behind AckThrough that ends before it.
func unnameable(p *Packet) uint32 { return p.AckThrough + uint32(maxNACKs-p.NACKCount()) + 2 }

// heardAgain takes an ack that says no more than those before. Each was sent for a packet that came; so after some of
// them the peer has what it cannot name, since the gap behind AckThrough has more packets than the NACK list has room for.
// As many as it has room for are missing then, and what follows may have come.
func (s *sender) heardAgain(now instant, p *Packet) {
	f, o := &s.flight, &s.order
	if p.AckThrough+1 != f.highest || len(p.Payload) > 0 { // it was overtaken, or is not sent for what came
		return
	}
	o.alike++
	seq := unnameable(p)
	if o.alike < hiddenAcks || seq >= f.nxt || now < f.outstanding()[seq-f.una].sentAt+s.cc.minRTT {
		return
	}
	o.hidden = seq
	s.findLost(now)
}

func (o *overtaking) late() { o.reorder = min(2*o.reorder, maxReorder) }

// margin is by how much packets may overtake each other.
func (s *sender) margin() time.Duration {
	return max(s.cc.minRTT*time.Duration(s.order.reorder)/8, time.Millisecond)
}

// overdue is how long after it was sent a packet should have been acknowledged.
func (s *sender) overdue() time.Duration { return max(s.rtt.smoothed, s.rtt.latest) + s.margin() }

// findLost looks for packets that others, sent later, have overtaken, and
// counts those that were sent since losses have last had a consequence: what
// is lost at once is found little by little.
func (s *sender) findLost(now instant) (found int) {
	o := &s.order
	o.lossAt = never
	margin, wait := s.margin(), s.overdue()
	segs := s.flight.outstanding()
	for i := range segs {
		g := &segs[i]
		overtaken := g.order < o.acked || g.sends == 1 && g.seq >= s.flight.highest && g.seq < o.hidden
		if g.acked || g.lost || g.sends == 0 || !overtaken || g.seq > o.beyond {
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
	if p.AckThrough >= f.nxt || p.AckThrough+1 < f.una || f.empty() {
		return false
	}
	highest, wasUnnamed := f.highest, s.order.unnamed
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
		if s.acknowledge(now, g, wasUnnamed && seq >= highest) && (newest == nil || g.order > newest.order) {
			newest = g
		}
	}
	if count == 0 {
		s.heardAgain(now, p)
		return false
	}
	s.progress(now, newest, count, wasUnnamed)
	return s.drained()
}

// acknowledge notes that the peer has a segment, which it may have been unable to name before. It reports whether the ack
// says when it came.
func (s *sender) acknowledge(now instant, g *segment, mayBeOld bool) (told bool) {
	o := &s.order
	// The first transmission of what was sent again (RFC 8985, section 6.2, step 2).
	first := g.sends > 1 && now-g.sentAt < s.cc.leastRTT()*3/4
	old := mayBeOld && now-g.sentAt > s.overdue()
	if !first && g.order > o.acked {
		o.acked, o.ackedSentAt = g.order, g.sentAt
	}
	late := s.flight.acknowledge(g) || first
	if late && !old {
		o.late() // packets overtake each other
	}
	if late {
		s.cc.onLate(now, old)
	}
	s.memory.putUnacked(g.data)
	g.data = nil
	if !old {
		s.delivery.count++
	}
	return !first && !old
}

// progress draws the conclusions of an ack of count segments. The newest of those of which it says when they came is nil
// where there is none.
func (s *sender) progress(now instant, newest *segment, count int, wasUnnamed bool) {
	a := ack{packets: float64(count), total: s.delivery.count, limited: true}
	s.delivery.at = now
	if newest != nil {
		s.timed(now, newest, &a)
		a.limited = a.limited || wasUnnamed
	}
	s.order.alike = 0
	s.patience.renew(now)
	s.flight.advance()
	a.lost = float64(s.findLost(now))
	a.inflight = float64(s.flight.inflight)
	s.cc.onAck(now, a)
	s.far.grow(float64(count), s.cfg.MaxWindow)
}

// timed adds to an ack what the newest segment tells that it acknowledges.
func (s *sender) timed(now instant, newest *segment, a *ack) {
	a.limited, a.sentAt, a.sentAfter = newest.mark.limited, newest.sentAt, newest.mark.count
	switch trip := max(now-newest.sentAt, time.Microsecond); {
	case newest.sends == 1:
		a.rtt = trip
		s.rtt.sample(trip)
		s.counters.RoundTrips.Observe(trip)
	case s.cc.known != nil && trip >= s.cc.leastRTT():
		a.rtt = trip // most likely, and for long there is no better
	}
	a.rate = s.delivery.sample(now, newest, s.cc.minRTT)
}
