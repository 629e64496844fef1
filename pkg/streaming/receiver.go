package streaming

import "time"

// receiver is what comes from the peer.
type receiver struct {
	order  reassembly
	acks   acks
	intake intake
	end    farEnd
	lull   lull
	holds  *holding
}

func newReceiver(now instant, cfg *Config, m *memory, h *holding) receiver {
	return receiver{
		holds:  h,
		order:  reassembly{memory: m, keeps: h},
		acks:   acks{at: never, trip: tripCount{since: now}},
		intake: intake{limit: cfg.ReceiveBuffer, held: h},
		end:    farEnd{at: never},
		lull:   lull{quietAt: never},
	}
}

// lull looks at a peer's silence.
type lull struct {
	newAt     instant // when something new came
	quietAt   instant // when the silence of a peer that sent much is worth a look
	stalledAt instant // when the peer was last found to miss our acknowledgements
}

const (
	// leastQuiet is how long nothing new must have come, a round trip at least,
	// before what comes again means more than that a packet was sent twice.
	leastQuiet = 500 * time.Millisecond
	// A peer that has sent so many packets in a round trip, and then nothing more
	// for so long, may have paused; or what it sends is lost on our side, which it
	// cannot know.
	busyPerTrip  = 3
	leastSilence = time.Second
)

// repeated reports whether what comes again shows that our acknowledgements do
// not get through.
func (l *lull) repeated(now instant, rtt time.Duration) bool {
	quiet := max(rtt, leastQuiet)
	if now-l.newAt < quiet || now-l.stalledAt < quiet {
		return false
	}
	l.stalledAt = now
	return true
}

// expect says when silence is worth a look, after so many packets in a round
// trip.
func (l *lull) expect(now instant, perTrip int, rtt time.Duration) {
	if l.quietAt = never; perTrip >= busyPerTrip {
		l.quietAt = now + max(2*rtt, leastSilence)
	}
}

// quiet reports once that it is.
func (l *lull) quiet(now instant) bool {
	if now < l.quietAt {
		return false
	}
	l.quietAt = never
	return true
}

// full reports whether a packet has no place. Twice the receive buffer is
// taken, since a peer hears of our choking a round trip late; and what a gap
// has held up, since the application could not read it sooner: that is no more
// than most.
func (r *receiver) full(now instant, p *Packet, most int) bool {
	in, n := &r.intake, len(p.Payload)
	if n == 0 {
		return false
	}
	over := in.unread+r.order.held+n > 2*in.limit+most
	turn := p.SequenceNum == r.order.next
	if turn {
		over = in.unread+n > 2*in.limit+in.burst
	}
	return over && !(turn && in.drip(now))
}

// plan is told that a packet was taken.
func (r *receiver) plan(now instant, p *Packet, rtt time.Duration) {
	r.acks.trip.add(now, rtt)
	r.lull.expect(now, r.acks.trip.last, rtt)
	if len(p.Payload) > 0 {
		r.intake.unchokes = 0
	}
	r.acks.plan(now, p.Flags, r.order.gap(), rtt)
}

// addTo has a packet tell the peer what came. Where that is all that there is
// to say, a plain ack is spared.
func (r *receiver) addTo(p *Packet) {
	r.order.acknowledge(p)
	if r.intake.choking {
		p.Flags |= DelayRequested
		p.Delay = chokeDelay
	}
	if !r.order.incomplete() && r.intake.unchokes == 0 {
		r.acks.sent()
	}
}

// plainAck has a packet say nothing else. The list of what is missing is
// written into b, and returned.
func (r *receiver) plainAck(now instant, p *Packet, rtt time.Duration, b []byte) []byte {
	p.AckThrough = r.order.next - 1
	if r.order.gap() {
		b, p.AckThrough = r.order.nacks(b)
		p.NACKs = b
	}
	switch {
	case r.intake.choking:
		p.Flags, p.Delay = DelayRequested, chokeDelay
	case r.intake.unchokes > 0:
		p.Flags, p.Delay = DelayRequested, 1
		r.intake.unchokes--
	case r.acks.ask:
		p.Flags = DelayRequested
	}
	r.acks.ask = false
	r.acks.sent()
	if r.intake.unchokes > 0 {
		r.acks.at = now + max(rtt, 50*time.Millisecond)
	}
	return b
}

// handlePlain handles a packet that has no sequence number.
func (r *receiver) handlePlain(now instant, p *Packet, rtt *roundTrip) {
	if p.Flags.Has(DelayRequested) && p.Delay == 0 {
		r.acks.now = true
	}
	if p.Flags.Has(Close) && !r.end.placeless {
		r.end.placeless = true
		r.end.plan(now, r.order.incomplete(), rtt)
	}
}

// handleData handles a packet that has a sequence number.
func (c *Conn) handleData(now instant, p *Packet) {
	r, rtt := &c.rcv, c.snd.rtt.smoothed
	if p.Flags.Has(DelayRequested) && p.Delay == 0 {
		r.acks.asked(now, rtt)
	}
	if len(p.Payload) > 0 && p.SequenceNum >= r.order.next {
		if r.end.discard { // without an acknowledgement: it was not read
			c.BreakOff()
			return
		}
		if r.end.came && r.end.placeless {
			c.abort(ErrTruncated)
			return
		}
	}
	ahead := int64(p.SequenceNum) - int64(r.order.next)
	most := c.m.cfg.Reassembly * c.mtu // bytes that a gap may hold up
	switch {
	case ahead < 0:
		c.repeated(now)
		return
	case r.full(now, p, most) || !c.m.room(now, c, len(p.Payload), ahead == 0):
		c.m.counters.Dropped++
		r.acks.now = true
		return
	case ahead >= int64(c.m.cfg.Reassembly):
		c.m.counters.Dropped++
		return
	case ahead > 0:
		kept, newGap := r.order.hold(p)
		if !kept {
			c.repeated(now)
			return
		}
		if newGap {
			r.acks.gaps = gapWorth
		}
		c.stats.OutOfOrder++
		r.acks.count++
	default:
		c.receive(p.Payload, p.Flags)
		r.order.advance()
		r.acks.count++
		for s, ok := r.order.pop(); ok; s, ok = r.order.pop() {
			r.intake.burst = min(r.intake.burst+len(s.data), most)
			c.receive(s.data, s.flags)
			c.m.memory.put(s.data)
			r.acks.count++
		}
	}
	r.lull.newAt = now
	r.plan(now, p, rtt)
}

// repeated takes note of a packet that had come before. Where the peer goes on
// so, and sends nothing new, our acknowledgements do not get through.
func (c *Conn) repeated(now instant) {
	c.stats.Duplicates++
	c.rcv.acks.now = true
	if c.rcv.lull.repeated(now, c.snd.rtt.smoothed) {
		c.m.cfg.Events.Stalled(c.peer.hash)
	}
}

// receive gives the application what is next in order.
func (c *Conn) receive(payload []byte, flags Flags) {
	r := &c.rcv
	if r.end.came {
		return
	}
	if len(payload) > 0 {
		choke := r.intake.give(len(payload))
		c.stats.Received += uint64(len(payload))
		c.m.cfg.Events.Receive(c, payload)
		if choke {
			r.acks.now = true
			c.stats.Chokes++
		}
	}
	if flags.Has(Close) {
		r.end.came, r.acks.now = true, true
		c.m.cfg.Events.ReceiveEnd(c)
	}
}

// sendAck sends a plain ack.
func (c *Conn) sendAck(now instant) {
	if c.remoteID == 0 || c.rcv.order.next == 0 {
		c.rcv.acks.sent()
		return
	}
	p := Packet{SendStreamID: c.remoteID, ReceiveStreamID: c.localID}
	c.m.nacks = c.rcv.plainAck(now, &p, c.snd.rtt.smoothed, c.m.nacks[:0])
	c.stats.AcksPlain++
	c.vigil.spoke = now
	c.m.emit(c, &p, false)
}
