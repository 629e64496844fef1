package streaming

import "time"

// onDelay takes the delay option of a packet (Streaming, "Transmit/Receive
// Windows and Choking").
func (c *Conn) onDelay(now instant, delay uint16) {
	s := &c.snd
	switch {
	case delay == gapChoke || delay == oldGapChoke:
		// i2pd has more gaps than it can name, or drops packets because of
		// them. It never says that this is over; that they are filled does.
		c.shrinkFarWindow()
		s.blockedTo = s.nxt
	case delay > chokeAbove:
		c.shrinkFarWindow()
		s.timeouts = 0 // it lives
		if !s.choked {
			s.choked = true
			c.stats.Choked++
			s.persist = max(c.rtt.rto(0)/2, 100*time.Millisecond)
			s.persistAt = now + s.persist
		}
	case s.choked:
		c.unchoke(now)
	}
}

// shrinkFarWindow learns from a peer's overflow how much it takes.
func (c *Conn) shrinkFarWindow() {
	s := &c.snd
	if n := float64(len(s.outstanding())); n > 0 {
		s.farWindow = max(min(s.farWindow, n*3/4), 16)
		s.farLearnt = s.farWindow
	}
}

// growFarWindow is told of count acknowledged packets. What an overflow has
// taught holds for its moment only, often that of a busy machine: the window
// grows by a packet in the first round trip after it, and twice as fast in
// each that follows.
func (c *Conn) growFarWindow(count float64) {
	s := &c.snd
	most := c.m.cfg.MaxWindow
	if !s.farKnown {
		most = min(most, farDefault)
	}
	s.farWindow = min(s.farWindow+count*max(s.farWindow-s.farLearnt, 1)/s.farWindow, float64(most))
}

func (c *Conn) unchoke(now instant) {
	s := &c.snd
	s.choked = false
	s.timeouts, s.probed = 0, false
	s.timerFrom, s.paceAt = now, now
	// What went out before and is unanswered was likely dropped.
	segs := s.outstanding()
	for i := range segs {
		if g := &segs[i]; !g.acked && !g.lost && now-g.sentAt > c.rtt.smoothed {
			g.lost = true
			s.lost++
			s.inflight--
		}
	}
}

// probeChoked sends one packet into a choked peer, in case the unchoking was
// lost or is never said.
func (c *Conn) probeChoked(now instant) {
	s := &c.snd
	if s.timeouts++; s.timeouts == 1 {
		s.silentSince = now
	}
	if now-s.silentSince > c.m.cfg.MaxSilence {
		c.giveUp()
		return
	}
	s.persist = min(2*s.persist, maxPersist)
	s.persistAt = now + s.persist
	segs := s.outstanding()
	for i := range segs {
		if g := &segs[i]; !g.acked {
			if !g.lost {
				g.lost = true
				s.lost++
				s.inflight--
			}
			s.force = 1 // the oldest
			return
		}
	}
	if c.mayExtend(now) {
		s.force = 1
	}
}
