package ntcp2

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/noise"
)

// Start draws the ephemeral key and returns message 1 (NTCP2, SessionRequest):
//
//	0   32 bytes  X, obfuscated
//	32  nothing, or an encapsulation key with MAC: see hybrid.go
//	    32 bytes  options with MAC
//	    padding, in the clear
func (h *Handshake) Start(now time.Time) ([]byte, error) {
	if h.state != fresh {
		panic("ntcp2: handshake started twice")
	}
	h.state = failed
	h.ephemeral = noise.GenerateKey(h.random)
	pad := h.paddingOut()
	if err := h.fixConfirmed(); err != nil {
		return nil, err
	}
	h.begin()
	h.noise.MixHash(h.ephemeral.Public[:])
	secret, err := h.ephemeral.DH(h.peer.Static)
	if err != nil {
		return nil, h.fail(1, ErrKey)
	}
	h.noise.MixKey(secret[:])

	x := obfuscate(h.peer.Hash, &h.iv, h.mark(h.ephemeral.Public))
	out := make([]byte, 0, headLen+h.requestSection()+len(pad))
	out = append(out, x[:]...)
	out = h.appendOffer(out)
	out = h.noise.EncryptAndHash(out, RequestOptions{
		NetID:        h.cfg.NetID,
		Version:      Version,
		PaddingLen:   uint16(len(pad)),
		ConfirmedLen: uint16(len(h.part2) + macLen),
		Timestamp:    timestamp(now),
	}.AppendTo(nil))
	h.unpadded = h.noise
	if len(pad) > 0 {
		h.noise.MixHash(pad)
	}
	h.sent = now
	h.state = created
	return append(out, pad...), nil
}

// fixConfirmed builds the plaintext of message 3 part 2, because message 1
// announces its size: RouterInfo, Options, Padding.
func (h *Handshake) fixConfirmed() error {
	h.part2 = RouterInfo{Info: h.cfg.Info}.AppendTo(nil)
	h.part2 = h.cfg.Options.AppendTo(h.part2)
	h.part2 = AppendPadding(h.part2, h.drawPadding(maxPadding3))
	if len(h.part2)+macLen > maxConfirmed {
		return fmt.Errorf("ntcp2: RouterInfo of %d bytes does not fit message 3", len(h.cfg.Info))
	}
	return nil
}

// handleCreated reads message 2 up to its padding (NTCP2, SessionCreated).
func (h *Handshake) handleCreated(now time.Time, b []byte) error {
	h.remote = deobfuscate(h.peer.Hash, &h.iv, [32]byte(b))
	if marked(h.remote) {
		return h.fail(2, ErrKey)
	}
	secret, err := h.ephemeral.DH(h.remote)
	if err != nil {
		return h.fail(2, ErrKey)
	}
	o, err := h.openCreated(secret, b[keyLen:])
	if err != nil {
		return h.refusal(now, secret, b[keyLen:], err)
	}
	if o.PaddingLen > maxPaddingIn {
		return h.fail(2, ErrPaddingLen)
	}
	if err := h.compare(now, o); err != nil {
		return err
	}
	h.padLen = int(o.PaddingLen)
	h.state = createdPad
	return nil
}

// openCreated opens what follows Bob's ephemeral key.
func (h *Handshake) openCreated(secret [32]byte, b []byte) (o CreatedOptions, err error) {
	h.noise.MixHash(h.remote[:])
	h.noise.MixKey(secret[:])
	if err := h.openSecret(b[:h.createdSection()]); err != nil {
		return o, h.fail(2, err)
	}
	plain, err := h.noise.DecryptAndHash(nil, b[h.createdSection():])
	if err != nil {
		return o, h.fail(2, ErrAuthentication)
	}
	if o, _, err = ParseCreatedOptions(plain); err != nil {
		return o, h.fail(2, err)
	}
	return o, nil
}

// compare looks how far Bob's clock is from ours. He wrote his time half a round trip ago.
func (h *Handshake) compare(now time.Time, o CreatedOptions) error {
	h.result.RTT = max(now.Sub(h.sent), 0)
	h.result.Skew = skewOf(o.Timestamp, now.Add(-h.result.RTT/2))
	return checkSkew(2, h.result.Skew)
}

// refusal says why there was no good message 2. i2pd answers a message 1 of another time before it has read its padding, which
// it then does not hash: that tells the time (NTCP2, Clock Skew Guidelines), and is good for nothing else.
func (h *Handshake) refusal(now time.Time, secret [32]byte, b []byte, err error) error {
	h.noise = h.unpadded
	if o, other := h.openCreated(secret, b); other == nil {
		if skewed := h.compare(now, o); skewed != nil {
			return skewed
		}
	}
	return err
}

// confirm mixes message 2's padding and writes message 3 (NTCP2,
// SessionConfirmed): part 1 is our static key, part 2 the RouterInfo.
func (h *Handshake) confirm(pad []byte) ([]byte, error) {
	if len(pad) > 0 {
		h.noise.MixHash(pad)
	}
	out := make([]byte, 0, part1Len+len(h.part2)+macLen)
	out = h.noise.EncryptAndHash(out, h.cfg.Static.Public[:])
	secret, err := h.cfg.Static.DH(h.remote)
	if err != nil {
		return nil, h.fail(2, ErrKey)
	}
	h.noise.MixKey(secret[:])
	out = h.noise.EncryptAndHash(out, h.part2)
	ab, ba := dataPhase(&h.noise)
	h.result.Sender = newSender(ab, h.random, h.cfg.Options)
	h.result.Receiver = &Receiver{direction: ba}
	h.result.Static = h.peer.Static
	h.finish()
	return out, nil
}

// finish forgets the handshake's secrets.
func (h *Handshake) finish() {
	h.noise, h.unpadded = noise.State{}, noise.State{}
	h.ephemeral = noise.KeyPair{}
	h.result.Hybrid = h.kind
	h.hybrid = hybrid{}
	h.remote = [32]byte{}
	h.part2 = nil
	h.state = done
}
