package recovery

import (
	"errors"
	"time"
)

// detector tells lost packets from late ones (RFC 9002, section 6.1, and RFC 8985).
type detector struct {
	acked     bool
	largest   uint32        // acknowledged
	reordered bool          // packets of this path overtake each other
	late      time.Duration // by how much they were late of late
	at        time.Duration // when the next may be taken for lost; never
	from      uint32        // none before it is flying
}

const (
	packetThreshold = 3
	// never is an instant that does not come.
	never = time.Duration(1<<63 - 1)
	// mostLate is how late a packet may be on a short path.
	mostLate = 50 * time.Millisecond
)

func newDetector() detector { return detector{at: never} }

// patience is how long after one that was sent later has arrived, or about a round
// trip after it was sent, a packet is not taken for lost.
func (d *detector) patience(r *rtt) time.Duration {
	trip := max(r.smoothed, r.latest)
	late := min(max(trip/8, d.late*5/4), max(r.smoothed, mostLate))
	return max(trip+late, granularity)
}

// sawLate learns that a packet arrived after others that were sent later.
func (d *detector) sawLate(by time.Duration) {
	d.reordered = true
	d.late = max(d.late, by)
}

// ErrUnsent means an acknowledgement of what was never sent.
var ErrUnsent = errors.New("recovery: an acknowledgement of a packet that was not sent")

// news is what one acknowledgement brought.
type news struct {
	bytes    int           // newly acknowledged, of those that count
	rtt      time.Duration // of the newest; 0 is none
	round    bool          // a packet of this round is among them
	sentLast time.Duration // when the newest of them was sent
}

// Acked takes the ranges of an ACK block, the highest first.
func (s *Sender[T]) Acked(now time.Duration, ranges []Range) error {
	if len(ranges) == 0 {
		return nil
	}
	largest := ranges[0].High
	if int32(largest-s.log.next) >= 0 {
		return ErrUnsent
	}
	before := s.loss.largest
	if !s.loss.acked || int32(largest-before) > 0 {
		s.loss.largest = largest
	}
	var n news
	for _, r := range ranges {
		s.ackRange(now, r, largest, before, &n)
	}
	s.loss.acked = true
	s.newest = max(s.newest, n.sentLast)
	if n.rtt > 0 {
		s.rtt.sample(n.rtt)
	}
	if n.sentLast > 0 {
		s.probing = probing{at: s.probing.at}
	}
	s.detect(now)
	if n.bytes > 0 {
		s.control.acked(now, n, s.rtt.smoothed)
	}
	if n.round {
		s.control.roundEnd = s.log.next
	}
	s.log.trim(now, s.rtt.smoothed, s.loss.largest+1)
	return nil
}

// ackRange takes what of a range is not known yet.
func (s *Sender[T]) ackRange(now time.Duration, r Range, largest, before uint32, out *news) {
	l := &s.log
	first, last := r.Low, r.High
	if int32(first-l.first) < 0 {
		first = l.first
	}
	for n := first; int32(last-n) >= 0 && l.has(n); n++ {
		p := l.at(n)
		was := p.state
		if was == done {
			continue
		}
		p.state = done
		trip := now - p.sent
		switch was {
		case flying:
			s.land(p)
			if p.kind == Counted {
				out.bytes += int(p.size)
			}
			out.sentLast = max(out.sentLast, p.sent)
			if n == largest && trip > 0 && p.sent >= s.restarted {
				out.rtt = trip
			}
			out.round = out.round || int32(n-s.control.roundEnd) >= 0
		case lost:
			s.control.late(now, int(p.size))
		}
		if was != quiet && s.loss.acked && int32(n-before) < 0 {
			s.loss.sawLate(max(trip-s.rtt.smoothed, 0))
		}
		s.outcome.Acked(p.content, was == lost)
	}
}

// land takes a packet out of the air.
func (s *Sender[T]) land(p *packet[T]) {
	s.count--
	if p.kind == Counted {
		s.flying -= int(p.size)
	}
}

// detect finds what is lost of what was sent before the newest that arrived.
func (s *Sender[T]) detect(now time.Duration) {
	d := &s.loss
	d.at = never
	if !d.acked {
		return
	}
	patience := d.patience(&s.rtt)
	var lostBytes int
	var last time.Duration
	if !s.log.has(d.from) {
		d.from = s.log.first
	}
	for ; d.from != d.largest && s.log.has(d.from) && s.log.at(d.from).state != flying; d.from++ {
	}
	for n := d.from; int32(d.largest-n) > 0 && s.log.has(n); n++ {
		p := s.log.at(n)
		if p.state != flying {
			continue
		}
		byCount := !d.reordered && d.largest-n >= packetThreshold
		if !byCount && now-p.sent < patience {
			d.at = min(d.at, p.sent+patience)
			continue
		}
		p.state = lost
		s.land(p)
		if p.kind == Counted {
			lostBytes += int(p.size)
			last = p.sent
		}
		s.outcome.Lost(p.content)
	}
	if lostBytes > 0 {
		s.control.lost(now, lostBytes, last)
	}
}
