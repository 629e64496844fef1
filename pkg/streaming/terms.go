package streaming

import (
	"time"

	"i2ptoolkit/pkg/sign"
)

// terms are what the SYNs of both ends settle.
type terms struct {
	key        sign.PublicKey // of the peer's signatures: the destination's, until its SYN has named another
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
	c.snd.far.delay = p.ResendDelay
	if p.Flags.Has(Reset) {
		return true
	}
	c.establish()
	m.cfg.Events.Established(c)
	return true
}

// establish is called once both SYNs are known.
func (c *Conn) establish() { c.state, c.endAt, c.snd.open = open, never, true }
