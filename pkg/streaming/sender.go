package streaming

import "time"

// sender is what goes to the peer. What it decides by stands in its parts; its methods
// are the steps of a turn, one for each thing that a packet may wait for.
type sender struct {
	*shared
	stats *Totals
	end   *farEnd // of the peer's direction

	backlog  backlog
	flight   flight
	order    overtaking
	delivery delivery
	rtt      roundTrip
	cc       control
	patience patience
	far      far
	choke    choke
	gate     gate
	open     bool // more than the SYN may be sent
}

// gate says when packets may go.
type gate struct {
	synAt  instant // until when the SYN waits for data
	paceAt instant // when the next packet may go
	force  int     // packets to send without regard to the window
	askAt  instant // when an ack is next asked for
}

const (
	maxHoles    = 200                  // below what one NACK list can name
	paceBurst   = 2 * time.Millisecond // what a late timer may make up for
	paceQuantum = 500 * time.Microsecond
)

func newSender(sh *shared, stats *Totals, end *farEnd) sender {
	most := sh.cfg.MaxWindow
	return sender{
		shared: sh, stats: stats, end: end,
		backlog: backlog{limit: sh.cfg.SendBuffer},
		order:   overtaking{reorder: firstReorder, lossAt: never},
		rtt:     roundTrip{initial: sh.cfg.InitialRTO},
		cc:      newControl(float64(most)),
		far:     far{window: float64(min(farDefault, most))},
	}
}

// finished reports whether all, CLOSE included, was acknowledged.
func (s *sender) finished() bool { return s.backlog.fin == finSent && s.flight.empty() }

// drained reports whether the peer has all that was written.
func (s *sender) drained() bool { return s.backlog.len() == 0 && s.flight.empty() }

func (s *sender) window() float64 { return min(s.cc.window, s.far.window) }

// room reports whether the window lets a packet go. Where the peer is missing
// more than it can name nobody knows what is in flight, and until the gaps are
// filled nothing will tell.
func (s *sender) room() bool {
	return float64(s.flight.inflight) < s.window() || s.flight.lost > 0 && s.order.unnamed
}

// release gives back what waits, at the end of the stream.
func (s *sender) release() {
	s.backlog.release()
	s.flight.release(&s.memory)
}

// handle handles what a packet says of those that were sent. It reports whether
// all that there was to send has now come.
func (s *sender) handle(now instant, p *Packet) (drained bool) {
	una := s.flight.una
	if p.Flags.Has(DelayRequested) {
		s.handleDelay(now, p.Delay)
	}
	if !p.Flags.Has(NoAck) {
		drained = s.handleAck(now, p)
	}
	if s.choke.on && s.flight.una != una && !p.Flags.Has(DelayRequested) {
		s.unchoke(now) // i2pd never says so
	}
	if s.patience.timeouts > 1 && now-s.patience.from > s.rtt.rto(0) {
		s.revive(now) // the peer is heard again: do not wait for a long timeout's end
	}
	return drained
}

// next is the packet that the window and the pacing allow to be sent now, what
// was lost first; nil where there is none.
func (s *sender) next(now instant, mtu int) *segment {
	forced := s.gate.force > 0
	if !forced && (!s.room() || now < s.gate.paceAt || s.choke.on) {
		return nil
	}
	g := s.flight.nextLost()
	if g == nil && forced {
		g = s.flight.newest()
	}
	if g == nil {
		if !s.mayExtend(now) {
			s.gate.force = 0
			if s.backlog.len() == 0 && s.flight.lost == 0 {
				s.delivery.limit(s.flight.inflight)
			}
			return nil
		}
		g = s.extend(mtu)
	}
	if forced {
		s.gate.force--
	}
	s.sent(now, g)
	return g
}

// mayExtend reports whether a new packet may follow.
func (s *sender) mayExtend(now instant) bool {
	f := &s.flight
	if f.nxt == 0 { // the SYN
		return s.backlog.some() || now >= s.gate.synAt
	}
	reach := min(int(s.far.window), s.cfg.MaxWindow, s.unackedRoom())
	return s.open && s.backlog.some() && f.holes < maxHoles && len(f.outstanding()) < reach && f.una >= s.far.blockedTo
}

// extend makes the next packet out of the backlog.
func (s *sender) extend(mtu int) *segment {
	g := segment{seq: s.flight.nxt}
	if g.seq == 0 {
		g.flags = Synchronize
		mtu = min(mtu, defaultMTU) // the peer's is not known (proposal 155, case 5)
	}
	n := min(mtu, s.backlog.len())
	if n > 0 {
		g.data = s.backlog.next(s.memory.getUnacked(), n)
	}
	if s.backlog.endsHere() {
		g.flags |= Close
	}
	s.stats.Sent += uint64(n)
	return s.flight.add(g)
}

// sent notes that a segment goes out, the first time or again.
func (s *sender) sent(now instant, g *segment) {
	idle := s.flight.idle()
	if idle {
		s.delivery.begin(now)
	}
	if s.flight.sent(g); g.sends > 1 {
		s.stats.Resent++
	}
	s.order.sent++
	g.order, g.sentAt, g.mark = s.order.sent, now, s.delivery.mark()
	if idle || g.sends > 1 { // new data does not prolong the wait for what is in flight
		s.patience.from = now
	}
	if gap := s.cc.pacing(s.rtt.smoothed); gap > 0 {
		burst := max(paceBurst, 2*gap)
		s.gate.paceAt = max(s.gate.paceAt, now-burst) + gap
	}
}

// asksAck decides whether a packet asks to be acknowledged without delay: the
// last of what there is, what was sent before, and some in between.
func (s *sender) asksAck(now instant, g *segment) bool {
	last := s.backlog.len() == 0 && s.flight.lost == 0 || float64(s.flight.inflight) >= s.window()
	if !last && g.sends == 1 && now < s.gate.askAt {
		return false
	}
	s.gate.askAt = now + max(s.rtt.smoothed/8, time.Millisecond)
	return true
}

// deadline is when next or expire has something to do.
func (s *sender) deadline(now instant) instant {
	f := &s.flight
	if f.nxt == 0 {
		return s.gate.synAt
	}
	if s.choke.on {
		return s.choke.probeAt
	}
	at := s.order.lossAt
	if !f.idle() {
		at = min(at, s.patience.from+s.timerLength())
	}
	if (f.lost > 0 || s.mayExtend(now)) && s.room() {
		pace := s.gate.paceAt
		if pace > now && s.cc.pacing(s.rtt.smoothed) < paceQuantum {
			pace += paceQuantum // a few packets at once spare wake-ups
		}
		at = min(at, pace)
	}
	return at
}
