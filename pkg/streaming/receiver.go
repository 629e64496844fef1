package streaming

import (
	"encoding/binary"
	"time"
)

// receiver puts a peer's packets in order and decides when to acknowledge.
type receiver struct {
	next      uint32 // the first sequence number that is missing
	highest   uint32 // one beyond the highest that came
	ring      []slot // packets from next on, by sequence number modulo length
	held      int    // bytes in ring
	unread    int    // bytes given to the application and not yet read
	burst     int    // of these, what a filled gap released at once
	ended     bool   // the peer's CLOSE came in order
	placeless placelessEnd
	discard   bool // nobody reads any more

	ackNow    bool
	ackAt     instant
	unacked   int // packets in order since our last ack
	gapAcks   int // acks that a new gap is still worth at once
	ask       bool
	rateAt    instant // start of the present measurement of packets a round trip
	rateCount int
	perTrip   int

	choking  bool
	unchokes int // acks that still say that we do not choke any more
	dripAt   instant

	newAt     instant // when something new came
	quietAt   instant // when the silence of a peer that sent much is worth a look
	stalledAt instant // when the peer was last found to miss our acknowledgements
}

type slot struct {
	data  []byte
	flags Flags
	have  bool
}

const (
	unchokeRepeats = 3
	maxAckDelay    = 25 * time.Millisecond
	minAckDelay    = time.Millisecond
	// An ack that the peer asks for waits a moment for the application's answer,
	// to travel with it: that spares every hop a message.
	minAskedDelay = time.Millisecond
	maxAskedDelay = 5 * time.Millisecond
	firstAckDelay = 10 * time.Millisecond // before a round trip was measured
	// dripPause: a peer that minds no choke (i2pd) gives up when nothing is
	// acknowledged for 90 s, so a packet now and then is taken over the limit.
	dripPause = 10 * time.Second
)

// data takes a packet that has a sequence number.
func (c *Conn) data(now instant, p *Packet) {
	r := &c.rcv
	if p.Flags.Has(DelayRequested) && p.Delay == 0 {
		r.ackAt = min(r.ackAt, now+min(max(c.rtt.smoothed/16, minAskedDelay), maxAskedDelay))
	}
	if r.discard && len(p.Payload) > 0 && p.SequenceNum >= r.next {
		c.Reset()
		return
	}
	if r.ended && r.placeless.seen && len(p.Payload) > 0 && p.SequenceNum >= r.next {
		c.truncated()
		return
	}
	switch {
	case p.SequenceNum < r.next:
		c.repeated(now)
		return
	case r.full(c, now, p):
		c.m.counters.Dropped++
		r.ackNow = true
		return
	case p.SequenceNum > r.next:
		c.hold(now, p)
		return
	}
	r.newAt = now
	c.deliver(now, p.Payload, p.Flags)
	r.advance()
	r.highest = max(r.highest, r.next)
	for len(r.ring) > 0 && c.state != gone {
		s := r.at(r.next)
		if !s.have {
			break
		}
		r.held -= len(s.data)
		c.m.memory.received -= len(s.data)
		r.burst = min(r.burst+len(s.data), c.m.cfg.Reassembly*c.mtu)
		c.deliver(now, s.data, s.flags)
		c.m.memory.put(s.data)
		*s = slot{}
		r.advance()
	}
	c.planAck(now, p)
}

// leastQuiet is how long nothing new must have come, a round trip at least,
// before what comes again means more than that a packet was sent twice.
const leastQuiet = 500 * time.Millisecond

// repeated takes note of a packet that had come before. Where the peer goes on
// so, and sends nothing new, our acknowledgements do not get through.
func (c *Conn) repeated(now instant) {
	r := &c.rcv
	c.stats.Duplicates++
	r.ackNow = true
	if quiet := max(c.rtt.smoothed, leastQuiet); now-r.newAt >= quiet && now-r.stalledAt >= quiet {
		r.stalledAt = now
		c.m.cfg.Events.Stalled(c.peer.hash)
	}
}

func (r *receiver) advance() {
	r.next++
	r.unacked++
}

func (r *receiver) at(seq uint32) *slot { return &r.ring[seq&uint32(len(r.ring)-1)] }

// gap reports whether something is missing before what came.
func (r *receiver) gap() bool { return r.highest > r.next }

// full reports whether the packet has no place. Twice the receive buffer is
// taken, since a peer hears of our choking a round trip late; and what a gap
// has held up, since the application could not read it sooner.
func (r *receiver) full(c *Conn, now instant, p *Packet) bool {
	n := len(p.Payload)
	if n == 0 {
		return false
	}
	over := r.unread+r.held+n > 2*c.m.cfg.ReceiveBuffer+c.m.cfg.Reassembly*c.mtu
	if p.SequenceNum == r.next {
		over = r.unread+n > 2*c.m.cfg.ReceiveBuffer+r.burst
	}
	if over = over || c.m.memory.received+n > c.m.cfg.Limits.Memory; !over {
		return false
	}
	if p.SequenceNum == r.next && now >= r.dripAt {
		r.dripAt = now + dripPause
		return r.unread > 8*c.m.cfg.ReceiveBuffer
	}
	return true
}

// hold keeps a packet that came before its turn.
func (c *Conn) hold(now instant, p *Packet) {
	r := &c.rcv
	ahead := int(p.SequenceNum - r.next)
	if ahead >= c.m.cfg.Reassembly {
		c.m.counters.Dropped++
		return
	}
	for ahead >= len(r.ring) {
		old := r.ring
		r.ring = make([]slot, max(64, 2*len(old)))
		for i := range old {
			seq := r.next + uint32(i)
			*r.at(seq) = old[seq&uint32(len(old)-1)]
		}
	}
	s := r.at(p.SequenceNum)
	if s.have {
		c.repeated(now)
		return
	}
	c.stats.OutOfOrder++
	if !r.gap() || p.SequenceNum > r.highest {
		r.gapAcks = 4 // a new gap
	}
	*s = slot{data: append(c.m.memory.get(), p.Payload...), flags: p.Flags, have: true}
	r.newAt = now
	r.held += len(p.Payload)
	c.m.memory.received += len(p.Payload)
	r.highest = max(r.highest, p.SequenceNum+1)
	r.unacked++
	c.planAck(now, p)
}

// deliver hands the next packet in order to the application.
func (c *Conn) deliver(now instant, payload []byte, flags Flags) {
	r := &c.rcv
	if r.ended {
		return
	}
	if len(payload) > 0 {
		r.unread += len(payload)
		c.m.memory.received += len(payload)
		c.stats.Received += uint64(len(payload))
		c.m.cfg.Events.Receive(c, payload)
		if r.unread > c.m.cfg.ReceiveBuffer+r.burst && !r.choking {
			r.choking, r.ackNow, r.unchokes = true, true, 0
			c.stats.Chokes++
		}
	}
	if flags.Has(Close) {
		r.ended, r.ackNow = true, true
		c.m.cfg.Events.ReceiveEnd(c)
	}
}

// A peer that has sent so many packets in a round trip, and then nothing more
// for so long, may have paused; or what it sends is lost on our side, which it
// cannot know.
const (
	busyPerTrip  = 3
	leastSilence = 2 * time.Second
)

// planAck decides when what came is acknowledged: every second packet of a
// slow stream, some ten times a round trip in a fast one, at once where
// something is missing.
func (c *Conn) planAck(now instant, p *Packet) {
	r := &c.rcv
	if now-r.rateAt >= max(c.rtt.smoothed, 5*time.Millisecond) {
		r.perTrip, r.rateCount, r.rateAt = r.rateCount, 0, now
	}
	r.rateCount++
	if r.quietAt = never; r.perTrip >= busyPerTrip {
		r.quietAt = now + max(4*c.rtt.smoothed, leastSilence)
	}
	if r.unchokes > 0 && len(p.Payload) > 0 {
		r.unchokes = 0
	}
	switch {
	case r.gap() && r.gapAcks > 0:
		r.gapAcks--
		r.ackNow = true
	case r.unacked >= min(max(r.perTrip/10, 2), 32):
		r.ackNow = true
	case p.Flags&(Synchronize|Close) != 0:
		r.ackNow = true
	case r.ackAt == never:
		d := firstAckDelay
		if c.rtt.smoothed > 0 {
			d = min(max(c.rtt.smoothed/8, minAckDelay), maxAckDelay)
		}
		r.ackAt = now + d
	}
}

// acked notes that a packet with an acknowledgement goes out.
func (r *receiver) acked() {
	r.ackNow, r.ackAt, r.unacked = false, never, 0
}

// nacks appends what is missing below the sequence number that through is
// returned as. The NACK count is one byte: beyond 255 nothing is acknowledged.
// Where so many are missing in a row, that is what came before them.
func (r *receiver) nacks(b []byte) (nacks []byte, through uint32) {
	through = r.next - 1
	for seq, n := r.next, 0; seq < r.highest; seq++ {
		if r.at(seq).have {
			through = seq
			continue
		}
		if n++; n > maxNACKs {
			break
		}
		b = binary.BigEndian.AppendUint32(b, seq)
	}
	for len(b) > 0 && binary.BigEndian.Uint32(b[len(b)-nackLen:]) > through {
		b = b[:len(b)-nackLen]
	}
	return b, through
}

// sendAck sends a plain ack.
func (c *Conn) sendAck(now instant) {
	r := &c.rcv
	if c.remoteID == 0 || r.next == 0 {
		r.acked()
		return
	}
	p := Packet{SendStreamID: c.remoteID, ReceiveStreamID: c.localID, AckThrough: r.next - 1}
	if r.gap() {
		c.m.nacks, p.AckThrough = r.nacks(c.m.nacks[:0])
		p.NACKs = c.m.nacks
	}
	switch {
	case r.choking:
		p.Flags, p.Delay = DelayRequested, chokeDelay
	case r.unchokes > 0:
		p.Flags, p.Delay = DelayRequested, 1
		r.unchokes--
	case r.ask:
		p.Flags = DelayRequested
	}
	r.ask = false
	r.acked()
	if r.unchokes > 0 {
		r.ackAt = now + max(c.rtt.smoothed, 50*time.Millisecond)
	}
	c.stats.AcksPlain++
	c.spoke = now
	c.m.emit(c, &p, false)
}
