package streaming

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// pongPayload is how much of a ping is echoed.
const pongPayload = 32

// Ping asks a destination for an echo of at most 32 bytes, which arrives as
// the event Pong with the id returned (Streaming, "Ping / Pong").
func (m *Mux) Ping(now time.Time, to i2p.Destination, o OpenOptions, payload []byte) (uint32, error) {
	if m.phase == closed {
		return 0, ErrMuxClosed
	}
	if len(payload) > pongPayload {
		return 0, fmt.Errorf("streaming: a ping of %d bytes, %d are echoed", len(payload), pongPayload)
	}
	id := m.random.Nonzero32()
	p := Packet{SendStreamID: id, Flags: Echo, Payload: payload}
	m.introduce(&p, m.cfg.Keys)
	h := datagram.Header{Protocol: datagram.Streaming, From: o.LocalPort, To: o.Port}
	m.emitTo(m.peers.of(m.instant(now), to), h, &p, m.cfg.Keys)
	return id, nil
}

// echo handles a ping or a pong.
func (m *Mux) echo(now time.Time, h datagram.Header, p *Packet, raw []byte) {
	at := m.instant(now)
	if p.SendStreamID == 0 {
		m.cfg.Events.Pong(p.ReceiveStreamID, p.Payload)
		return
	}
	m.counters.Pings++
	if m.cfg.NoPong || !p.Flags.Has(FromIncluded|SignatureIncluded) || !m.admit.verify(at) {
		return
	}
	if _, ok := authentic(p, raw, now); !ok {
		m.counters.BadSignature++
		return
	}
	pong := Packet{ReceiveStreamID: p.SendStreamID, Flags: Echo, Payload: p.Payload[:min(len(p.Payload), pongPayload)]}
	m.emitTo(m.peers.of(at, p.From), datagram.Header{Protocol: datagram.Streaming, From: h.To, To: h.From}, &pong, nil)
}
