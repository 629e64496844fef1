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
)

// timerLength is how long progress is waited for before something is done.
func (c *Conn) timerLength() time.Duration {
	s := &c.snd
	limit := stallProbe
	if s.una == 0 {
		limit = synProbe
	}
	rto := c.rtt.rto(s.timeouts)
	if !c.mayBeGone() {
		rto = min(rto, max(c.rtt.rto(0), limit))
	}
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

// muchLost is a whole flight that is too large to be lost by chance.
const muchLost = 64

// giveUpForLost marks all that is in flight as lost, and has the oldest sent at once.
func (c *Conn) giveUpForLost(now instant) {
	s := &c.snd
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
}

// timeout is the end of the patience with what is in flight.
func (c *Conn) timeout(now instant) {
	s := &c.snd
	c.stats.Timeouts++
	if s.timeouts++; s.timeouts == 1 {
		s.silentSince = s.timerFrom
	}
	if now-s.silentSince > c.silence() || c.mayBeGone() && s.timeouts > finResends {
		c.giveUp()
		return
	}
	c.giveUpForLost(now)
	c.cc.onTimeout(s.timeouts, s.lost, s.delivered)
	if s.timeouts > 1 || s.probed || s.una == 0 || s.lost >= muchLost {
		c.m.cfg.Events.Stalled(c.peer.hash)
	}
}

// silence is how long a peer may acknowledge nothing before it is given up.
func (c *Conn) silence() time.Duration {
	if c.rcv.end.over() {
		return min(c.m.cfg.MaxSilence, closedSilence)
	}
	return c.m.cfg.MaxSilence
}

// mayBeGone reports whether the peer has all but our CLOSE, and has sent its own.
func (c *Conn) mayBeGone() bool {
	s := &c.snd
	return c.rcv.end.over() && s.backlog.fin == finSent && s.lostOnlyFin()
}

// Revive says that there is a new path to a destination, as the old one did
// not work. What waits for a timeout is sent again now, and so is what has
// gone unanswered for longer than a round trip; and the peer is told again what
// has come.
func (m *Mux) Revive(now time.Time, peer i2p.Hash) {
	at := m.instant(now)
	for _, c := range m.streams.all() {
		if c.peer.hash != peer {
			continue
		}
		if c.snd.timeouts > 0 || at-c.snd.timerFrom > c.rtt.smoothed {
			c.revive(at)
		}
		c.rcv.acks.now = true // the last acknowledgement may be lost as well
		m.agenda.touch(c)
	}
}

// revive sends again at once, with the shortest timeout.
func (c *Conn) revive(now instant) {
	s := &c.snd
	if s.choked || s.inflight+s.lost == 0 {
		return
	}
	first := s.timeouts == 0
	s.timeouts, s.probed = 0, true
	c.giveUpForLost(now)
	if first && s.lost >= muchLost {
		c.cc.restart(1, s.lost, s.delivered)
	}
	c.m.agenda.touch(c)
}

// giveUp ends a stream whose packets are not acknowledged. A peer that had
// sent its CLOSE and got ours may be gone in good order.
func (c *Conn) giveUp() {
	s := &c.snd
	if c.rcv.end.came && s.backlog.fin == finSent && s.lostOnlyFin() {
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
