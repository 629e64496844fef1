package ssu2

import (
	"i2ptoolkit/pkg/noise"
)

// The Noise handshake XK, with the headers mixed into the hash (SSU2, KDF for
// Session Request and the sections behind it):
//
//	     <- s
//	     ...
//	1    -> e, es    Session Request     h = H(h || header), before e
//	2    <- e, ee    Session Created     h = H(h || header), before e
//	3    -> s, se    Session Confirmed   h = H(h || header of fragment 0), before s
//
// A hybrid has a section more in messages 1 and 2: hybrid.go.
//
// Each step takes the state by value and returns the next one, so that whoever
// fails has changed nothing.

// createdKeys protect the header of Session Created, confirmedKeys that of
// Session Confirmed. The states are those behind messages 1 and 2.
func createdKeys(s *noise.State, bob [32]byte) HeaderKeys {
	return HeaderKeys{bob, headerKey(s, "SessCreateHeader")}
}

func confirmedKeys(s *noise.State, bob [32]byte) HeaderKeys {
	return HeaderKeys{bob, headerKey(s, "SessionConfirmed")}
}

func headerKey(s *noise.State, info string) (k [32]byte) {
	noise.HKDF(k[:], s.CK[:], nil, info)
	return k
}

// sealKeyed is message 1 or 2 but for the protection of its header: e, the
// exchange of own with peer, and the section of a hybrid.
func sealKeyed(s noise.State, h LongHeader, own noise.KeyPair, peer [32]byte, x section, payload []byte) (noise.State, []byte, error) {
	packet := h.AppendTo(make([]byte, 0, LongHeaderLen+keyLen+sectionLen(len(x.content))+len(payload)+MACLen))
	s.MixHash(packet)
	s.MixHash(own.Public[:])
	secret, err := own.DH(peer)
	if err != nil {
		return noise.State{}, nil, ErrKey
	}
	s.MixKey(secret[:])
	packet = x.seal(&s, append(packet, own.Public[:]...))
	return s, s.EncryptAndHash(packet, payload), nil
}

// openKeyed undoes sealKeyed, given the header and the key without their
// protection. It leaves the packet as it is.
func openKeyed(s noise.State, header [LongHeaderLen]byte, e [32]byte, own noise.KeyPair, x sectionReader, packet []byte) (noise.State, []byte, error) {
	if e[keyLen-1]&0x80 != 0 {
		return noise.State{}, nil, ErrKey // X25519 ignores the bit: two keys would be one
	}
	s.MixHash(header[:])
	s.MixHash(e[:])
	secret, err := own.DH(e)
	if err != nil {
		return noise.State{}, nil, ErrKey
	}
	s.MixKey(secret[:])
	sealed, err := x.open(&s, packet[LongHeaderLen+keyLen:])
	if err != nil {
		return noise.State{}, nil, err
	}
	payload, err := s.DecryptAndHash(nil, sealed)
	if err != nil {
		return noise.State{}, nil, ErrAuthentication
	}
	return s, payload, nil
}

// sealConfirmed is message 3 behind its header: our static key, and the
// payload.
func sealConfirmed(s noise.State, header [ShortHeaderLen]byte, own noise.KeyPair, peer [32]byte, payload []byte) (noise.State, []byte, error) {
	s.MixHash(header[:])
	out := s.EncryptAndHash(nil, own.Public[:])
	secret, err := own.DH(peer)
	if err != nil {
		return noise.State{}, nil, ErrKey
	}
	s.MixKey(secret[:])
	return s, s.EncryptAndHash(out, payload), nil
}

// openConfirmed undoes sealConfirmed. It leaves body as it is.
func openConfirmed(s noise.State, header [ShortHeaderLen]byte, own noise.KeyPair, body []byte) (_ noise.State, static [32]byte, payload []byte, err error) {
	if len(body) < minConfirmed {
		return noise.State{}, static, nil, ErrAuthentication
	}
	s.MixHash(header[:])
	key, err := s.DecryptAndHash(nil, body[:part1Len])
	if err != nil {
		return noise.State{}, static, nil, ErrAuthentication
	}
	static = [32]byte(key)
	secret, err := own.DH(static)
	if err != nil {
		return noise.State{}, static, nil, ErrKey
	}
	s.MixKey(secret[:])
	if payload, err = s.DecryptAndHash(nil, body[part1Len:]); err != nil {
		return noise.State{}, static, nil, ErrAuthentication
	}
	return s, static, payload, nil
}

const (
	part1Len     = keyLen + MACLen
	minConfirmed = part1Len + MinPayload + MACLen
)

// split derives the keys of the data phase, Alice's sending ones first.
func split(s *noise.State, alice, bob [32]byte) (ab, ba Keys) {
	kab, kba := s.Split()
	return newKeys(kab, bob), newKeys(kba, alice)
}
