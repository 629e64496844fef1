package streaming

import (
	"bytes"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/sign"
)

// synRepeat is how long after our answer to a SYN another one is worth an answer.
const synRepeat = 500 * time.Millisecond

// synchronize handles the SYN of a new incoming stream.
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
			c.stats.Duplicates++
			if c.snd.flight.loseSYN(at - synRepeat) { // our answer
				c.snd.gate.force = 1
			}
			c.rcv.acks.now = true
			m.agenda.touch(c)
			return
		}
	}
	// A retired destination does not say no: the peer may have old leases, and
	// reach the same destination elsewhere when it retries.
	from := 0 // streams of this peer
	if known := m.peers.byHash[p.From.Hash()]; known != nil {
		from = known.streams
	}
	full := m.streams.alive >= m.cfg.Limits.Streams
	if m.phase != serving || !m.admit.verify(at) || full && m.streams.idlest(at, from) == nil {
		m.counters.Refused++
		return
	}
	if m.admit.seenBefore(at, p.Signature) {
		m.counters.Replayed++
		return
	}
	key, ok := authentic(p, raw, now)
	if !ok {
		m.counters.BadSignature++
		return
	}
	peer := m.peers.of(at, p.From)
	if !m.admit.incoming(at, peer.hash) {
		m.refuse(at, peer, h, p)
		return
	}
	if c := m.accept(at, h, p, peer, key); c != nil {
		if full {
			m.makePlace(at, from)
		}
		m.adopt(now, at, c, h.From)
	}
}

// accept makes the stream of a SYN that is let in, if the owner wants it; else
// it returns nil.
func (m *Mux) accept(at instant, h datagram.Header, p *Packet, peer *peer, key sign.PublicKey) *Conn {
	c := m.newConn(at, peer)
	c.incoming, c.key = true, key
	c.localPort, c.farPort = h.To, h.From
	c.remoteID = p.ReceiveStreamID
	m.streams.addRemote(c)
	c.establish()
	c.settle(p)
	c.snd.far.delay = p.ResendDelay
	switch m.cfg.Events.Accept(c) {
	case Refuse:
		c.leave()
		m.refuse(at, peer, h, p)
		return nil
	case Absent:
		c.leave()
		m.counters.Absent++
		m.sayNo(at, peer, h, p)
		return nil
	}
	m.counters.Accepted++
	m.admit.see(p.Signature)
	m.agenda.touch(c)
	c.vigil.hear(at)
	c.stats.PacketsIn++
	c.handleData(at, p)
	return c
}

// refuse does with a SYN over a limit what is wished.
func (m *Mux) refuse(now instant, to *peer, h datagram.Header, p *Packet) {
	m.counters.Refused++
	if m.cfg.Limits.Reset {
		m.sayNo(now, to, h, p)
	}
}

// sayNo answers a SYN with RESET. That costs a signature and a packet, smaller than the
// SYN: so it is done so often only, and of one peer's no more than leaves some to others.
// A SYN that gets none is sent again.
func (m *Mux) sayNo(now instant, to *peer, h datagram.Header, p *Packet) {
	if !m.admit.answers(now, to) {
		m.counters.Untold++
		return
	}
	r := Packet{SendStreamID: p.ReceiveStreamID, Flags: Reset}
	if m.cfg.Keys.Offline != nil { // the peer cannot know by whom it is signed
		m.introduce(&r, m.cfg.Keys)
	}
	m.emitTo(to, datagram.Header{Protocol: datagram.Streaming, From: h.To, To: h.From}, &r, m.cfg.Keys)
}

// follow handles a packet of a stream whose initiator does not know our id yet.
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
