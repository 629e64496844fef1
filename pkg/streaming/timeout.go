package streaming

import "time"

// timerLength is how long progress is waited for before something is done.
func (c *Conn) timerLength() time.Duration {
	s := &c.snd
	rto := c.rtt.rto(s.timeouts)
	if s.probed || c.rtt.smoothed == 0 || s.timeouts > 0 {
		return rto
	}
	return min(c.rtt.probe(), rto)
}

// expireSends handles the timers of what was sent.
func (c *Conn) expireSends(now instant) {
	s := &c.snd
	if s.choked {
		if now >= s.persistAt {
			c.probeChoked(now)
		}
		return
	}
	if now >= s.lossAt {
		c.findLost(now)
	}
	if s.inflight+s.lost == 0 || now < s.timerFrom+c.timerLength() {
		return
	}
	if !s.probed && c.rtt.smoothed != 0 && s.timeouts == 0 && c.rtt.probe() < c.rtt.rto(0) {
		s.probed = true
		s.force = 1
		s.timerFrom = now
		return
	}
	c.timeout(now)
}

// timeout gives all that is in flight up for lost.
func (c *Conn) timeout(now instant) {
	s := &c.snd
	s.timeouts++
	c.stats.Timeouts++
	limit := c.m.cfg.MaxResends
	switch {
	case s.una == 0 && !c.incoming:
		limit = c.m.cfg.MaxSYNs - 1
	case c.rcv.ended || c.rcv.discard:
		limit = min(limit, orphanResends)
	}
	if s.timeouts > limit {
		c.giveUp()
		return
	}
	segs := s.outstanding()
	for i := range segs {
		if !segs[i].acked && !segs[i].lost {
			segs[i].lost = true
			s.lost++
		}
	}
	s.inflight = 0
	s.timerFrom, s.paceAt, s.lossAt = now, now, never
	s.force = 1
	c.cc.onTimeout(s.timeouts)
	if s.timeouts > 1 || s.una == 0 {
		c.m.cfg.Events.Stalled(c.peer.hash)
	}
}

// giveUp ends a stream whose packets are not acknowledged. A peer that had
// sent its CLOSE and got ours may be gone in good order.
func (c *Conn) giveUp() {
	s := &c.snd
	if c.rcv.ended && s.fin == finSent && s.lostOnlyFin() {
		c.finish(nil)
		return
	}
	if c.state == open {
		c.sendReset()
	}
	c.finish(ErrTimeout)
}

// lostOnlyFin reports whether nothing but an empty CLOSE is unacknowledged.
func (s *sender) lostOnlyFin() bool {
	segs := s.outstanding()
	return len(segs) == 1 && len(segs[0].data) == 0
}
