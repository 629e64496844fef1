package streaming

import (
	"time"

	"i2ptoolkit/pkg/datagram"
)

// Handle handles an I2CP payload of protocol 6. It keeps nothing of it. It reports
// false for one of a stream that there is none of: see Disown.
func (m *Mux) Handle(now time.Time, payload []byte) (known bool) {
	at := m.instant(now)
	h, raw, err := datagram.Decode(payload, maxPacket)
	if err != nil || h.Protocol != datagram.Streaming {
		m.counters.Malformed++
		return true
	}
	p, err := ParsePacket(raw)
	if err != nil {
		m.counters.Malformed++
		return true
	}
	m.counters.In++
	if m.phase == closed {
		return true
	}
	if p.Flags.Has(Echo) {
		m.echo(now, h, &p, raw)
		return true
	}
	if p.SendStreamID != 0 {
		c := m.streams.byID[p.SendStreamID]
		if c == nil {
			m.counters.UnknownStream++
			return !p.stray()
		}
		c.handle(now, at, &p, raw)
		return true
	}
	if p.Flags.Has(Synchronize) && p.SequenceNum == 0 {
		m.synchronize(now, at, h, &p, raw)
		return true
	}
	m.follow(now, at, h, &p, raw)
	return true
}

// wrote reports that the peer has signed a packet. One that never answered, or was started
// anew, may have to say by which key of its own.
func (c *Conn) wrote(now time.Time, p *Packet, raw []byte) bool {
	if p.Flags.Has(FromIncluded) && p.From.Hash() == c.peer.hash {
		_, ok := authentic(p, raw, now)
		return ok
	}
	return verified(p, raw, c.key)
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
	} else if p.Flags&(Close|Reset) != 0 && !c.wrote(now, p, raw) {
		c.m.counters.BadSignature++
		return
	}
	c.vigil.hear(at)
	c.stats.PacketsIn++
	c.m.agenda.touch(c)
	switch {
	case p.Flags.Has(Reset):
		err := ErrReset
		if c.state == opening {
			err = ErrRefused
		}
		if c.rcv.end.came && (c.snd.drained() || c.snd.onlyEnd()) {
			err = nil // i2pd resets, once both sides have said what they had to say
		}
		c.finish(err)
	case c.state == lingering:
		if p.SequenceNum != 0 {
			c.rcv.acks.now = true
		}
	default:
		if c.snd.handle(at, p) {
			c.m.cfg.Events.Writable(c)
		}
		if p.SequenceNum == 0 && !p.Flags.Has(Synchronize) {
			c.rcv.handlePlain(at, p, &c.snd.rtt)
			return
		}
		c.handleData(at, p)
		c.rcv.end.plan(at, c.rcv.order.incomplete(), &c.snd.rtt)
	}
}
