package streaming

import (
	"time"

	"i2ptoolkit/pkg/datagram"
)

// Handle handles an I2CP payload of protocol 6. It keeps nothing of it.
func (m *Mux) Handle(now time.Time, payload []byte) {
	at := m.instant(now)
	h, raw, err := datagram.Decode(payload, maxPacket)
	if err != nil || h.Protocol != datagram.Streaming {
		m.counters.Malformed++
		return
	}
	p, err := ParsePacket(raw)
	if err != nil {
		m.counters.Malformed++
		return
	}
	m.counters.In++
	if m.phase == closed {
		return
	}
	if p.Flags.Has(Echo) {
		m.echo(now, h, &p, raw)
		return
	}
	if p.SendStreamID != 0 {
		if c := m.streams.byID[p.SendStreamID]; c != nil {
			c.handle(now, at, &p, raw)
		} else {
			m.counters.UnknownStream++
		}
		return
	}
	if p.Flags.Has(Synchronize) && p.SequenceNum == 0 {
		m.synchronize(now, at, h, &p, raw)
		return
	}
	m.follow(now, at, h, &p, raw)
}

// handle handles a packet of this stream.
func (c *Conn) handle(now time.Time, at instant, p *Packet, raw []byte) {
	if c.state == gone {
		return
	}
	if c.remoteID != 0 && p.ReceiveStreamID != c.remoteID && (p.ReceiveStreamID != 0 || !p.Flags.Has(Reset)) {
		c.m.counters.UnknownStream++
		return
	}
	if c.state == opening && p.Flags.Has(Synchronize) && p.SequenceNum == 0 {
		if !c.handleAnswer(now, p, raw) {
			return
		}
	} else if p.Flags&(Close|Reset) != 0 && !c.signed(p, raw) {
		c.m.counters.BadSignature++
		return
	}
	c.vigil.hear(at)
	c.stats.PacketsIn++
	c.m.agenda.touch(c)
	switch {
	case p.Flags.Has(Reset):
		c.handleReset()
	case c.state == lingering:
		if p.SequenceNum != 0 {
			c.rcv.acks.now = true
		}
	default:
		c.handleAck(at, p)
		if c.state != gone {
			c.handleRest(at, p)
		}
	}
}

// handleReset handles the peer's RESET.
func (c *Conn) handleReset() {
	if c.rcv.end.came && (len(c.snd.outstanding()) == 0 || c.snd.backlog.fin == finSent && c.snd.lostOnlyFin()) {
		c.finish(nil) // i2pd resets, once both sides have said what they had to say
	} else {
		c.finish(ErrReset)
	}
}

// handleAck handles what a packet says of those that we have sent.
func (c *Conn) handleAck(at instant, p *Packet) {
	una := c.snd.una
	if p.Flags.Has(DelayRequested) {
		c.onDelay(at, p.Delay)
	}
	if !p.Flags.Has(NoAck) {
		c.onAck(at, p)
	}
	if c.snd.choked && c.snd.una != una && !p.Flags.Has(DelayRequested) {
		c.unchoke(at) // i2pd never says so
	}
	if c.snd.timeouts > 1 && at-c.snd.timerFrom > c.rtt.rto(0) {
		c.revive(at) // the peer is heard again: do not wait for a long timeout's end
	}
}

// handleRest handles what else there is in a packet.
func (c *Conn) handleRest(at instant, p *Packet) {
	end := &c.rcv.end
	if p.SequenceNum != 0 || p.Flags.Has(Synchronize) {
		c.handleData(at, p)
		end.plan(at, c.rcv.order.incomplete(), &c.rtt)
		return
	}
	// a plain ack
	if p.Flags.Has(DelayRequested) && p.Delay == 0 {
		c.rcv.acks.now = true
	}
	if p.Flags.Has(Close) && !end.placeless {
		end.placeless = true
		end.plan(at, c.rcv.order.incomplete(), &c.rtt)
	}
}
