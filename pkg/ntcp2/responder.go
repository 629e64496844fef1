package ntcp2

import (
	"bytes"
	"fmt"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

// handleRequest reads message 1's ephemeral key (NTCP2, SessionRequest). The cheap checks come
// before the exchange.
func (h *Handshake) handleRequest(b []byte) error {
	h.remote = deobfuscate(h.peer.Hash, &h.iv, [32]byte(b))
	if marked(h.remote) {
		if h.cfg.Hybrid == kem.None {
			return h.fail(1, ErrKey)
		}
		h.kind = h.cfg.Hybrid
		h.remote[keyLen-1] &^= hybridMark
	}
	if h.cfg.Replay.Seen(h.remote) {
		return h.fail(1, ErrReplay)
	}
	h.state = requestBody
	return nil
}

// handleRequestBody reads what follows the key, up to the padding. The replay cache learns the key
// only once the message authenticated.
func (h *Handshake) handleRequestBody(now time.Time, b []byte) error {
	h.begin()
	h.noise.MixHash(h.remote[:])
	secret, err := h.cfg.Static.DH(h.remote)
	if err != nil {
		return h.fail(1, ErrKey)
	}
	h.noise.MixKey(secret[:])
	if err := h.openOffer(b[:h.requestSection()]); err != nil {
		return h.fail(1, err)
	}
	plain, err := h.noise.DecryptAndHash(nil, b[h.requestSection():])
	if err != nil {
		return h.fail(1, ErrAuthentication)
	}
	if !h.cfg.Replay.Add(now, h.remote) {
		return h.fail(1, ErrReplay)
	}
	o, _, err := ParseRequestOptions(plain)
	if err != nil {
		return h.fail(1, err)
	}
	if err := h.checkRequest(now, o); err != nil {
		return err
	}
	h.padLen = int(o.PaddingLen)
	h.confirmedLen = int(o.ConfirmedLen)
	h.requestAt, h.requestTime = now, o.Timestamp
	h.state = requestPad
	return nil
}

func (h *Handshake) checkRequest(now time.Time, o RequestOptions) error {
	switch {
	case o.NetID != 0 && o.NetID != h.cfg.NetID:
		return h.fail(1, fmt.Errorf("%w: id %d", ErrNetID, o.NetID))
	case o.Version != Version:
		return h.fail(1, fmt.Errorf("%w: %d", ErrVersion, o.Version))
	case o.PaddingLen > maxPaddingIn:
		return h.fail(1, ErrPaddingLen)
	case o.ConfirmedLen < minConfirmed || o.ConfirmedLen > maxConfirmed:
		return h.fail(1, fmt.Errorf("%w: %d bytes", ErrConfirmedLen, o.ConfirmedLen))
	}
	// The round trip is not known yet; both sides count rounded seconds. A
	// message that is too old or too new may be a replay that the cache has
	// forgotten, so it gets no answer.
	skew := time.Duration(int32(o.Timestamp-timestamp(now))) * time.Second
	return checkSkew(1, skew)
}

// create mixes message 1's padding and writes message 2 (NTCP2, SessionCreated):
//
//	0   32 bytes  Y, obfuscated
//	32  nothing, or a ciphertext with MAC: see hybrid.go
//	    32 bytes  options with MAC
//	    padding, in the clear
func (h *Handshake) create(now time.Time, pad []byte) ([]byte, error) {
	if len(pad) > 0 {
		h.noise.MixHash(pad)
	}
	h.ephemeral = noise.GenerateKey(h.random)
	own := h.paddingOut()
	h.noise.MixHash(h.ephemeral.Public[:])
	secret, err := h.ephemeral.DH(h.remote)
	if err != nil {
		return nil, h.fail(1, ErrKey)
	}
	h.noise.MixKey(secret[:])

	y := obfuscate(h.peer.Hash, &h.iv, h.ephemeral.Public)
	out := make([]byte, 0, headLen+h.createdSection()+len(own))
	out = append(out, y[:]...)
	if out, err = h.appendSecret(out); err != nil {
		return nil, h.fail(1, err)
	}
	out = h.noise.EncryptAndHash(out, CreatedOptions{
		PaddingLen: uint16(len(own)),
		Timestamp:  timestamp(now),
	}.AppendTo(nil))
	if len(own) > 0 {
		h.noise.MixHash(own)
	}
	h.sent = now
	h.state = confirmed
	return append(out, own...), nil
}

// handleConfirmed reads message 3 (NTCP2, SessionConfirmed).
func (h *Handshake) handleConfirmed(now time.Time, b []byte) error {
	static, err := h.noise.DecryptAndHash(nil, b[:part1Len])
	if err != nil {
		return h.fail(3, ErrAuthentication)
	}
	h.result.Static = [32]byte(static)
	secret, err := h.ephemeral.DH(h.result.Static)
	if err != nil {
		return h.fail(3, ErrKey)
	}
	h.noise.MixKey(secret[:])
	payload, err := h.noise.DecryptAndHash(nil, b[part1Len:])
	if err != nil {
		return h.fail(3, ErrAuthentication)
	}
	if err := h.readConfirmed(payload); err != nil {
		return err
	}
	// Alice wrote her time half a round trip before message 1 came.
	h.result.RTT = max(now.Sub(h.sent), 0)
	h.result.Skew = skewOf(h.requestTime, h.requestAt.Add(-h.result.RTT/2))
	ab, ba := dataPhase(&h.noise)
	h.result.Sender = newSender(ba, h.random, h.cfg.Options)
	h.result.Receiver = &Receiver{direction: ab}
	if h.result.Options != nil {
		h.result.Sender.Negotiate(h.cfg.Options, *h.result.Options)
	}
	h.finish()
	return nil
}

// readConfirmed takes message 3 part 2 apart: RouterInfo, Options if any,
// Padding if any, and nothing else.
func (h *Handshake) readConfirmed(payload []byte) error {
	at := BlockRouterInfo
	for first := true; first || len(payload) > 0; first = false {
		block, rest, err := ParseBlock(payload)
		if err != nil {
			return h.fail(3, ErrConfirmed)
		}
		switch {
		case first && block.Type == BlockRouterInfo:
			ri, err := ParseRouterInfo(block.Data)
			if err != nil {
				return h.fail(3, ErrConfirmed)
			}
			h.result.Info, h.result.Flood = bytes.Clone(ri.Info), ri.Flags&FlagFlood != 0
		case !first && block.Type == BlockOptions && at == BlockRouterInfo:
			o, err := ParseOptions(block.Data)
			if err != nil {
				return h.fail(3, ErrConfirmed)
			}
			o.More = bytes.Clone(o.More)
			h.result.Options = &o
		case !first && block.Type == BlockPadding && at != BlockPadding:
		default:
			return h.fail(3, fmt.Errorf("%w: block %d behind block %d", ErrConfirmed, block.Type, at))
		}
		at, payload = block.Type, rest
	}
	return nil
}
