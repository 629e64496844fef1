package streaming

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// appendSigned signs p and appends it. The signature covers the whole packet
// with zeros where it will stand (Streaming specification, SIGNATURE_INCLUDED).
func appendSigned(b []byte, p *Packet, keys *i2p.PrivateKeys) ([]byte, error) {
	p.Flags |= SignatureIncluded
	p.Signature = make([]byte, keys.SigningType().SignatureLen())
	start := len(b)
	b = p.AppendTo(b)
	sig, err := keys.Sign(b[start:])
	if err != nil {
		return b[:start], fmt.Errorf("streaming: signing a packet: %w", err)
	}
	if len(sig) != len(p.Signature) {
		return b[:start], fmt.Errorf("streaming: signing a packet: %d bytes of signature, not %d", len(sig), len(p.Signature))
	}
	copy(b[len(b)-len(p.Payload)-len(sig):], sig)
	return b, nil
}

// signerOf finds who may sign a peer's packets, from a packet that has a From:
// the destination, or the transient key that it named.
func signerOf(p *Packet, now time.Time) (sign.PublicKey, error) {
	if !p.Flags.Has(OfflineSignature) {
		return p.From.SigningKey(), nil
	}
	expires := time.Unix(int64(p.Offline.Expires), 0)
	if !now.Before(expires) {
		return sign.PublicKey{}, fmt.Errorf("streaming: the offline signature expired at %v", expires.UTC())
	}
	if !p.Offline.Verify(p.From.Identity) {
		return sign.PublicKey{}, errors.New("streaming: the offline signature is not the destination's")
	}
	return p.Offline.Transient, nil
}

// authentic checks the signature of a packet that has a From, and finds whose
// it is.
func authentic(p *Packet, raw []byte, now time.Time) (key sign.PublicKey, ok bool) {
	key, err := signerOf(p, now)
	return key, err == nil && verified(p, raw, key)
}

// verified checks the signature of the packet p, parsed from raw.
func verified(p *Packet, raw []byte, key sign.PublicKey) bool {
	n := key.Type().SignatureLen()
	if !p.Flags.Has(SignatureIncluded) || n == 0 || len(p.Signature) != n {
		return false
	}
	signed := bytes.Clone(raw)
	clear(signed[p.sigAt : p.sigAt+n])
	return key.Verify(signed, p.Signature)
}
