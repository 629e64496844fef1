package streaming

import (
	"time"

	"i2ptoolkit/pkg/i2p"
)

// A path that has failed comes back, or gives way to another, at any time, and
// what is sent next finds out: so the timeouts of one packet each are not
// doubled to the end. A SYN brings signatures and a lease set.
const (
	stallProbe = 3 * time.Second
	synProbe   = 8 * time.Second
	// A peer that has closed its direction may be gone in good order: i2pd
	// forgets a stream as soon as both CLOSEs went out.
	closedSilence = 90 * time.Second
	finResends    = 4 // of nothing but our CLOSE
	// muchLost is a whole flight that is too large to be lost by chance.
	muchLost = 64
)

// verdict is what a sender makes of a peer's silence.
type verdict uint8

const (
	patient  verdict = iota
	doubtful         // the answer is late
	stalled          // another path should be tried
	hopeless         // the stream is given up
)

// timerLength is how long progress is waited for before something is done.
func (s *sender) timerLength() time.Duration {
	p := &s.patience
	limit := stallProbe
	if s.flight.una == 0 {
		limit = synProbe
	}
	rto := s.rtt.rto(p.timeouts)
	if !s.mayBeGone() {
		rto = min(rto, max(s.rtt.rto(0), limit))
	}
	if s.rtt.smoothed == 0 || p.timeouts > 0 {
		return rto
	}
	return min(s.rtt.probe(), rto) // a probe is given no longer than what it asks about
}

// expire handles the timers of what was sent.
func (s *sender) expire(now instant) verdict {
	if s.choke.on {
		if now < s.choke.probeAt {
			return patient
		}
		return s.probeChoked(now)
	}
	if now >= s.order.lossAt {
		s.findLost(now)
	}
	p := &s.patience
	if s.flight.idle() || now < p.from+s.timerLength() {
		return patient
	}
	if !p.probed && s.rtt.smoothed != 0 && p.timeouts == 0 && s.rtt.probe() < s.rtt.rto(0) {
		p.probed, p.from = true, now
		s.gate.force = 1
		return doubtful
	}
	return s.timeout(now)
}

// timeout is the end of the patience with what is in flight.
func (s *sender) timeout(now instant) verdict {
	p, f := &s.patience, &s.flight
	s.stats.Timeouts++
	p.end(p.from)
	limit := s.cfg.MaxSilence
	if s.end.over() {
		limit = min(limit, closedSilence)
	}
	if now-p.since > limit || s.mayBeGone() && p.timeouts > finResends {
		return hopeless
	}
	s.loseAll(now)
	s.cc.onTimeout(now, p.timeouts, f.lost, s.delivery.count)
	if p.timeouts > 1 || p.probed || f.una == 0 || f.lost >= muchLost {
		return stalled
	}
	return patient
}

// loseAll takes all that is in flight for lost, and has the oldest sent at once.
func (s *sender) loseAll(now instant) {
	s.flight.loseBefore(never)
	s.patience.from, s.gate.paceAt, s.order.lossAt = now, now, never
	s.gate.force = 1
}

// onlyEnd reports whether the peer has all but our CLOSE.
func (s *sender) onlyEnd() bool { return s.backlog.fin == finSent && s.flight.onlyEnd() }

// mayBeGone reports whether the peer has all but our CLOSE, and has sent its own.
func (s *sender) mayBeGone() bool { return s.end.over() && s.onlyEnd() }

// revive sends again at once, with the shortest timeout.
func (s *sender) revive(now instant) {
	if s.choke.on || s.flight.idle() {
		return
	}
	first := s.patience.timeouts == 0
	s.patience.again()
	s.loseAll(now)
	if first && s.flight.lost >= muchLost {
		s.cc.restart(now, 1, s.flight.lost, s.delivery.count)
	}
}

// burst has so much sent again at once as a new path may take: the oldest may well have come, and its acknowledgement
// be lost.
func (s *sender) burst() { s.gate.force = max(s.gate.force, min(s.flight.lost, initialWindow)) }

// Revive says that there is a new path to a destination, as the old one did
// not work. What is late is sent again now, as often as there is a new path, and so is what has
// gone unanswered for a round trip; and the peer is told again what
// has come.
func (m *Mux) Revive(now time.Time, peer i2p.Hash) {
	at := m.instant(now)
	for _, c := range m.streams.all() {
		if c.peer.hash != peer {
			continue
		}
		if p := &c.snd.patience; p.vain || p.probed || at-p.from >= c.snd.rtt.smoothed {
			c.snd.revive(at)
			c.snd.burst()
		}
		c.rcv.acks.now = true // the last acknowledgement may be lost as well
		m.agenda.touch(c)
	}
}
