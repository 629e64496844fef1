package streaming

import (
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// RESETs for packets of streams that there are none of, a second and at once: of
// all, and of one peer's, who may have had hundreds of streams when we were started anew.
const (
	strayRate, strayBurst         = 100, 512
	peerStrayRate, peerStrayBurst = 20, 256
)

// stray reports whether a packet belongs to a stream that has ended here, or of
// which another of our lives knew, while its sender takes it for open.
func (p *Packet) stray() bool { return p.SendStreamID != 0 && p.Flags&(Reset|Echo) == 0 }

// Disown tells who has sent a payload that Handle did not know that there is no
// such stream: what it sends would go unanswered for minutes. The packet does not
// say who that is, and whoever reads the stream ids in it could have written
// anything else: so the sender must be known by the session that the payload came
// in. The answer is signed (Streaming specification, RESET), and names both ids.
func (m *Mux) Disown(now time.Time, sender i2p.Destination, payload []byte) {
	h, raw, err := datagram.Decode(payload, maxPacket)
	if err != nil {
		return
	}
	p, err := ParsePacket(raw)
	if err != nil || !p.stray() || m.phase != serving {
		return
	}
	at := m.instant(now)
	to := m.peers.of(at, sender)
	if !m.admit.disowns(at, to) {
		return
	}
	m.counters.Disowned++
	r := Packet{SendStreamID: p.ReceiveStreamID, ReceiveStreamID: p.SendStreamID, SequenceNum: p.expected(), Flags: Reset | NoAck}
	if m.cfg.Keys.Offline != nil { // it may be another transient key than that which the peer has seen
		m.introduce(&r, m.cfg.Keys)
	}
	m.emitTo(to, datagram.Header{Protocol: datagram.Streaming, From: h.To, To: h.From}, &r, m.cfg.Keys)
}

// expected is the sequence number that a packet's sender expects next: i2pd minds a
// RESET only there.
func (p *Packet) expected() uint32 {
	if p.NACKCount() > 0 {
		return p.NACK(0)
	}
	return p.AckThrough + 1
}
