package streaming

import (
	"bytes"
	"time"

	"i2ptoolkit/pkg/datagram"
)

// Handle takes an I2CP payload of protocol 6. It keeps nothing of it.
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

// synchronize takes the SYN of a new incoming stream.
func (m *Mux) synchronize(now time.Time, at instant, h datagram.Header, p *Packet, raw []byte) {
	if !p.Flags.Has(FromIncluded|SignatureIncluded) || p.ReceiveStreamID == 0 || p.Flags&(Reset|Echo) != 0 {
		m.counters.Malformed++
		return
	}
	// Streaming specification, "Replay prevention".
	if p.NACKCount() == synNACKs && !bytes.Equal(p.NACKs, m.hash[:]) {
		m.counters.WrongRecipient++
		return
	}
	for _, c := range m.streams.remote[p.ReceiveStreamID] {
		if c.peer.hash == p.From.Hash() {
			c.repeatedSYN(at)
			return
		}
	}
	// A retired destination does not say no: the peer may have old leases, and
	// reach the same destination elsewhere when it retries.
	if m.phase != serving || m.streams.alive >= m.cfg.Limits.Streams || !m.admit.verify(at) {
		m.counters.Refused++
		return
	}
	if m.admit.seenBefore(at, p.Signature) {
		m.counters.Replayed++
		return
	}
	key, err := signerOf(p, now)
	if err != nil || !verified(p, raw, key) {
		m.counters.BadSignature++
		return
	}
	peer := m.peers.of(at, p.From)
	if !m.admit.incoming(at, peer.hash) {
		m.refuse(peer, h, p)
		return
	}
	c := m.newConn(at, peer)
	c.incoming, c.key = true, key
	c.localPort, c.farPort = h.To, h.From
	c.remoteID = p.ReceiveStreamID
	m.streams.addRemote(c)
	c.state = open
	c.negotiate(p)
	if !m.cfg.Events.Accept(c) {
		c.leave()
		m.refuse(peer, h, p)
		return
	}
	m.counters.Accepted++
	m.admit.see(p.Signature)
	m.agenda.touch(c)
	c.heard = at
	c.stats.PacketsIn++
	c.handleData(at, p)
	m.adopt(now, at, c, h.From)
}

// refuse answers a SYN over a limit.
func (m *Mux) refuse(to *peer, h datagram.Header, p *Packet) {
	m.counters.Refused++
	if !m.cfg.Limits.Reset {
		return
	}
	r := Packet{SendStreamID: p.ReceiveStreamID, Flags: Reset}
	m.emitTo(to, datagram.Header{Protocol: datagram.Streaming, From: h.To, To: h.From}, &r, true)
}

// follow takes a packet of a stream whose initiator does not know our id yet.
// Where its SYN has not come it is kept for a short while.
func (m *Mux) follow(now time.Time, at instant, h datagram.Header, p *Packet, raw []byte) {
	if p.ReceiveStreamID == 0 || p.SequenceNum == 0 && !p.Flags.Has(Close) {
		m.counters.UnknownStream++
		return
	}
	// The packet does not say who sent it: the stream id must do.
	if conns := m.streams.remote[p.ReceiveStreamID]; len(conns) == 1 {
		conns[0].handle(now, at, p, raw)
		return
	} else if len(conns) > 1 {
		m.counters.UnknownStream++
		return
	}
	m.counters.UnknownStream += uint64(m.orphans.keep(at, p.ReceiveStreamID, h.From, raw))
}

// adopt hands the packets that came before their SYN to its stream.
func (m *Mux) adopt(now time.Time, at instant, c *Conn, port uint16) {
	for _, o := range m.orphans.take(c.remoteID, port) {
		if p, err := ParsePacket(o.bytes); err == nil {
			c.handle(now, at, &p, o.bytes)
		}
	}
}

// negotiate takes the lower of the two maximum packet sizes (Streaming, "MTU
// Selection and Negotiation").
func (c *Conn) negotiate(p *Packet) {
	far := defaultMTU
	if p.Flags.Has(MaxPacketSizeIncluded) {
		far = max(int(p.MaxPacketSize), minMTU)
	}
	c.mtu = min(c.mtu, far)
	c.snd.farDelay = p.ResendDelay
}

// repeatedSYN answers a SYN that came again: our answer may be lost.
func (c *Conn) repeatedSYN(at instant) {
	c.stats.Duplicates++
	s := &c.snd
	c.rcv.acks.now = true
	c.m.agenda.touch(c)
	if s.una == 0 && s.nxt > 0 {
		if g := &s.outstanding()[0]; !g.lost && !g.acked && at-g.sentAt > 500*time.Millisecond {
			g.lost = true
			s.lost++
			s.inflight--
			s.force = 1
		}
	}
}

// handle takes a packet of this stream.
func (c *Conn) handle(now time.Time, at instant, p *Packet, raw []byte) {
	if c.state == gone {
		return
	}
	m := c.m
	if c.remoteID != 0 && p.ReceiveStreamID != c.remoteID && (p.ReceiveStreamID != 0 || !p.Flags.Has(Reset)) {
		m.counters.UnknownStream++
		return
	}
	if c.state == opening && p.Flags.Has(Synchronize) && p.SequenceNum == 0 {
		if !c.answered(now, p, raw) {
			return
		}
	} else if p.Flags&(Close|Reset) != 0 && !c.signed(p, raw) {
		m.counters.BadSignature++
		return
	}
	c.heard, c.keepAlives = at, 0
	c.stats.PacketsIn++
	m.agenda.touch(c)
	if p.Flags.Has(Reset) {
		if c.rcv.end.came && (len(c.snd.outstanding()) == 0 || c.snd.fin == finSent && c.snd.lostOnlyFin()) {
			c.finish(nil) // i2pd resets, once both sides have said what they had to say
		} else {
			c.finish(ErrReset)
		}
		return
	}
	if c.state == lingering {
		if p.SequenceNum != 0 {
			c.rcv.acks.now = true
		}
		return
	}
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
	if c.state != open && c.state != opening {
		return
	}
	if p.SequenceNum == 0 && !p.Flags.Has(Synchronize) { // a plain ack
		if p.Flags.Has(DelayRequested) && p.Delay == 0 {
			c.rcv.acks.now = true
		}
		if p.Flags.Has(Close) && !c.rcv.end.placeless {
			c.rcv.end.placeless = true
			c.rcv.end.plan(at, c.rcv.order.incomplete(), &c.rtt)
		}
		return
	}
	c.handleData(at, p)
	c.rcv.end.plan(at, c.rcv.order.incomplete(), &c.rtt)
}

// answered takes the answer to our SYN.
func (c *Conn) answered(now time.Time, p *Packet, raw []byte) bool {
	m := c.m
	if !p.Flags.Has(FromIncluded|SignatureIncluded) || p.ReceiveStreamID == 0 {
		m.counters.Malformed++
		return false
	}
	key, err := signerOf(p, now)
	if p.From.Hash() != c.peer.hash || err != nil || !verified(p, raw, key) {
		m.counters.BadSignature++
		return false
	}
	c.key, c.remoteID = key, p.ReceiveStreamID
	c.halfCloses = p.Flags.Has(DelayRequested) && p.Delay == 0
	c.negotiate(p)
	if p.Flags.Has(Reset) {
		return true
	}
	c.state, c.endAt = open, never
	m.cfg.Events.Established(c)
	return true
}

// signed checks the signature of a CLOSE or RESET. Before the peer's SYN came
// only its destination can have signed.
func (c *Conn) signed(p *Packet, raw []byte) bool {
	key := c.key
	if c.state == opening {
		key = c.peer.dest.SigningKey()
	}
	return verified(p, raw, key)
}
