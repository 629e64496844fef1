package ratchet

import (
	"bytes"
	"fmt"
	"io"

	"i2ptoolkit/pkg/elligator"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

const (
	ephemeralLen = elligator.RepresentativeLen
	staticLen    = 32 + macLen
	// minNew is the least New Session message: a key, a static section and a
	// payload with a DateTime.
	minNew   = ephemeralLen + staticLen + blockHeaderLen + 4 + macLen
	minReply = tagLen + ephemeralLen + macLen + macLen
)

// protocolName is the Noise name of IK with Elligator2 keys and a tag in the
// second message, or of its hybrid.
func protocolName(t i2p.EncryptionType) string {
	switch t {
	case i2p.CryptoMLKEM512X25519:
		return "Noise_IKhfselg2_25519+MLKEM512_ChaChaPoly_SHA256"
	case i2p.CryptoMLKEM768X25519:
		return "Noise_IKhfselg2_25519+MLKEM768_ChaChaPoly_SHA256"
	case i2p.CryptoMLKEM1024X25519:
		return "Noise_IKhfselg2_25519+MLKEM1024_ChaChaPoly_SHA256"
	}
	return "Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256"
}

// initial is the state before the first message to a responder with the given
// static key (KDF for Initial ChainKey).
func initial(t i2p.EncryptionType, responder [32]byte) noise.State {
	st := noise.New(protocolName(t))
	st.MixHash(nil)
	st.MixHash(responder[:])
	return st
}

// handshake is what either side keeps of a New Session message in order to
// make or read its replies.
type handshake struct {
	typ    i2p.EncryptionType
	state  noise.State   // after the New Session message
	own    noise.KeyPair // our static key
	peer   [32]byte      // theirs
	eph    noise.KeyPair // Alice: her ephemeral key
	remote [32]byte      // Bob: Alice's ephemeral key
	once   kem.Key       // Alice: to decapsulate
	first  kemReply      // Alice: from the first reply
	encap  []byte        // Bob: Alice's encapsulation key
}

// replyChain makes the tags of the replies (KDF for Reply TagSet).
func (h *handshake) replyChain() chain {
	k := deriveOne(&h.state.CK, nil, infoReplyTags)
	return newChain(&h.state.CK, &k)
}

// sealNew appends a New Session message and returns Alice's handshake. own is
// zero when the message is not bound to our key.
func sealNew(dst []byte, rnd io.Reader, to Peer, own noise.KeyPair, payload []byte) ([]byte, handshake, error) {
	h := handshake{typ: to.Type, own: own, peer: to.Static, state: initial(to.Type, to.Static)}
	st := &h.state
	eph, rep := elligator.GenerateKey(rnd)
	h.eph = eph
	dst = append(dst, rep[:]...)
	st.MixHash(eph.Public[:])
	if err := mixDH(st, eph, to.Static); err != nil {
		return nil, h, fmt.Errorf("ratchet: es: %w", err)
	}
	if h.typ != i2p.CryptoX25519 { // e1
		h.once = kem.GenerateKey(kemOf(h.typ), rnd)
		dst = st.EncryptAndHash(dst, h.once.Public())
	}
	var static [32]byte // zeros: the flags section of an unbound message
	if !own.IsZero() {
		static = own.Public
	}
	dst = st.EncryptAndHash(dst, static[:])
	if !own.IsZero() {
		if err := mixDH(st, own, to.Static); err != nil {
			return nil, h, fmt.Errorf("ratchet: ss: %w", err)
		}
	}
	return st.EncryptAndHash(dst, payload), h, nil
}

// openNew opens a New Session message of the given type and returns Bob's
// handshake and the payload. remote is Alice's ephemeral key, decoded from
// the front of body; secret its shared secret with own. body is left as it
// is, so that another type can be tried.
func openNew(st noise.State, t i2p.EncryptionType, own noise.KeyPair, remote, secret [32]byte, body []byte) (handshake, []byte, error) {
	h := handshake{typ: t, own: own, remote: remote}
	st.MixHash(remote[:])
	st.MixKey(secret[:])
	rest := body[ephemeralLen:]
	if t != i2p.CryptoX25519 {
		n := kemOf(t).PublicLen() + macLen
		if len(rest) < n+staticLen+macLen {
			return h, nil, ErrShort
		}
		key, err := st.DecryptAndHash(nil, rest[:n])
		if err != nil {
			return h, nil, ErrDecrypt
		}
		h.encap, rest = key, rest[n:]
	}
	static, err := st.DecryptAndHash(nil, rest[:staticLen])
	if err != nil {
		return h, nil, ErrDecrypt
	}
	h.peer, rest = [32]byte(static), rest[staticLen:]
	if h.peer != [32]byte{} {
		if err := mixDH(&st, own, h.peer); err != nil {
			return h, nil, fmt.Errorf("ratchet: ss: %w", err)
		}
	}
	payload, err := st.DecryptAndHash(nil, rest)
	if err != nil {
		return h, nil, ErrDecrypt
	}
	h.state = st
	return h, payload, nil
}

// transport is the outcome of a handshake: the chains of both directions and
// the key of the reply's own payload (KDF for Payload Section Encrypted
// Contents).
type transport struct {
	ab, ba chain // Alice to Bob, Bob to Alice
	attach [32]byte
}

func split(st *noise.State) transport {
	kab, kba := derive(&st.CK, nil, "")
	return transport{
		ab:     newChain(&st.CK, &kab),
		ba:     newChain(&st.CK, &kba),
		attach: deriveOne(&kba, nil, infoAttach),
	}
}

// sealReply appends Bob's New Session Reply. The handshake stays as it is:
// every reply starts from it with a new ephemeral key.
func (h *handshake) sealReply(dst []byte, rnd io.Reader, encapsulate encapsulator, tag [tagLen]byte, payload []byte) ([]byte, transport, error) {
	st := h.state
	eph, rep := elligator.GenerateKey(rnd)
	dst = append(append(dst, tag[:]...), rep[:]...)
	st.MixHash(tag[:])
	st.MixHash(eph.Public[:])
	if err := mixDH(&st, eph, h.remote); err != nil {
		return nil, transport{}, fmt.Errorf("ratchet: ee: %w", err)
	}
	if h.typ != i2p.CryptoX25519 { // ekem1
		secret, ciphertext, err := encapsulate(kemOf(h.typ), h.encap)
		if err != nil {
			return nil, transport{}, err
		}
		dst = st.EncryptAndHash(dst, ciphertext)
		st.MixKey(secret)
	}
	if err := mixDH(&st, eph, h.peer); err != nil {
		return nil, transport{}, fmt.Errorf("ratchet: se: %w", err)
	}
	dst = st.EncryptAndHash(dst, nil)
	tr := split(&st)
	return noise.Seal(dst, &tr.attach, 0, st.H[:], payload), tr, nil
}

// openReply opens a New Session Reply to Alice's handshake, in place once its
// key section holds.
func (h *handshake) openReply(body []byte) ([]byte, transport, error) {
	if len(body) < minReply {
		return nil, transport{}, ErrShort
	}
	st := h.state
	remote := elligator.Decode([ephemeralLen]byte(body[tagLen:]))
	st.MixHash(body[:tagLen])
	st.MixHash(remote[:])
	if err := mixDH(&st, h.eph, remote); err != nil {
		return nil, transport{}, fmt.Errorf("ratchet: ee: %w", err)
	}
	rest := body[tagLen+ephemeralLen:]
	var reply kemReply
	if h.typ != i2p.CryptoX25519 { // ekem1
		n := kemOf(h.typ).CiphertextLen() + macLen
		if len(rest) < n+2*macLen {
			return nil, transport{}, ErrShort
		}
		var err error
		if reply, err = h.openCiphertext(&st, body, rest[:n]); err != nil {
			return nil, transport{}, err
		}
		st.MixKey(reply.secret)
		rest = rest[n:]
	}
	if err := mixDH(&st, h.own, remote); err != nil {
		return nil, transport{}, fmt.Errorf("ratchet: se: %w", err)
	}
	if _, err := st.DecryptAndHash(nil, rest[:macLen]); err != nil {
		return nil, transport{}, ErrDecrypt
	}
	rest = rest[macLen:]
	tr := split(&st)
	payload, err := noise.Open(rest[:0], &tr.attach, 0, st.H[:], rest)
	if err != nil {
		return nil, transport{}, ErrDecrypt
	}
	h.first = reply
	return payload, tr, nil
}

// kemReply is the ML-KEM part of a reply.
type kemReply struct {
	ephemeral [ephemeralLen]byte
	section   []byte
	secret    []byte
}

// openCiphertext opens the ML-KEM section of a reply. i2pd repeats the first
// reply's ephemeral key and section in the later ones, where the section does
// not authenticate, since the tag and with it h has changed. Then the secret
// is the one we know.
func (h *handshake) openCiphertext(st *noise.State, body, section []byte) (kemReply, error) {
	k := kemReply{ephemeral: [ephemeralLen]byte(body[tagLen:])}
	if h.first.section != nil && k.ephemeral == h.first.ephemeral && bytes.Equal(section, h.first.section) {
		st.MixHash(section)
		return h.first, nil
	}
	ciphertext, err := st.DecryptAndHash(nil, section)
	if err != nil {
		return kemReply{}, ErrDecrypt
	}
	if k.secret, err = h.once.Decapsulate(ciphertext); err != nil {
		return kemReply{}, err
	}
	k.section = bytes.Clone(section)
	return k, nil
}

func mixDH(st *noise.State, k noise.KeyPair, public [32]byte) error {
	secret, err := k.DH(public)
	if err != nil {
		return err
	}
	st.MixKey(secret[:])
	return nil
}
