package streaming

import (
	"time"

	"i2ptoolkit/pkg/sign"
)

// terms are what the SYNs of both ends settle.
type terms struct {
	key        sign.PublicKey // of the peer's signatures, once its SYN came
	mtu        int
	halfCloses bool // see HalfCloses
}

// settle takes the lower of the two maximum packet sizes (Streaming, "MTU
// Selection and Negotiation").
func (t *terms) settle(p *Packet) {
	far := defaultMTU
	if p.Flags.Has(MaxPacketSizeIncluded) {
		far = max(int(p.MaxPacketSize), minMTU)
	}
	t.mtu = min(t.mtu, far)
}

// handleAnswer handles the answer to our SYN, and reports whether it is one.
func (c *Conn) handleAnswer(now time.Time, p *Packet, raw []byte) bool {
	m := c.m
	if !p.Flags.Has(FromIncluded|SignatureIncluded) || p.ReceiveStreamID == 0 {
		m.counters.Malformed++
		return false
	}
	key, ok := authentic(p, raw, now)
	if !ok || p.From.Hash() != c.peer.hash {
		m.counters.BadSignature++
		return false
	}
	c.key, c.remoteID = key, p.ReceiveStreamID
	c.halfCloses = p.Flags.Has(DelayRequested) && p.Delay == 0
	c.settle(p)
	c.snd.farDelay = p.ResendDelay
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
