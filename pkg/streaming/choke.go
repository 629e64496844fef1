package streaming

import "time"

// choke is that of the peer (Streaming, "Transmit/Receive Windows and Choking").
type choke struct {
	on      bool
	probeAt instant // when the next packet is sent nevertheless
	pause   time.Duration
}

const maxPause = 10 * time.Second

func (k *choke) begin(now instant, pause time.Duration) {
	*k = choke{on: true, probeAt: now + pause, pause: pause}
}

// probe says when the next probe is due.
func (k *choke) probe(now instant) {
	k.pause = min(2*k.pause, maxPause)
	k.probeAt = now + k.pause
}

// handleDelay handles the delay option of a packet.
func (s *sender) handleDelay(now instant, delay uint16) {
	switch {
	case delay == gapChoke || delay == oldGapChoke:
		// i2pd has more gaps than it can name, or drops packets because of
		// them. It never says that this is over; that they are filled does.
		s.far.shrink(len(s.flight.outstanding()))
		s.far.blockedTo = s.flight.nxt
	case delay > chokeAbove:
		s.far.shrink(len(s.flight.outstanding()))
		s.patience.lives()
		if !s.choke.on {
			s.choke.begin(now, max(s.rtt.rto(0)/2, 100*time.Millisecond))
			s.stats.Choked++
		}
	case s.choke.on:
		s.unchoke(now)
	}
}

func (s *sender) unchoke(now instant) {
	s.choke.on = false
	s.patience.renew(now)
	s.gate.paceAt = now
	// What went out before and is unanswered was likely dropped.
	s.flight.loseBefore(now - s.rtt.smoothed)
}

// probeChoked sends one packet into a choked peer, in case the unchoking was
// lost or is never said.
func (s *sender) probeChoked(now instant) verdict {
	if s.patience.end(now); now-s.patience.since > s.cfg.MaxSilence {
		return hopeless
	}
	s.choke.probe(now)
	if g := s.flight.oldest(); g != nil {
		if !g.lost {
			s.flight.lose(g)
		}
		s.gate.force = 1
	} else if s.mayExtend(now) {
		s.gate.force = 1
	}
	return patient
}
