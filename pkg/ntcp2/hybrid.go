package ntcp2

import (
	"fmt"

	"i2ptoolkit/pkg/kem"
)

// hybrid is what ML-KEM adds to a handshake (proposal 169, NTCP2): to message 1 Alice's
// encapsulation key, to message 2 a secret that Bob has made for it, each in a section of its own
// behind the ephemeral key:
//
//	                     message 1               message 2
//	ephemeral key        32, marked              32
//	section, with MAC    816, 1200 or 1584       784, 1104 or 1584     for ML-KEM-512, 768 and 1024
//	options, with MAC    32                      32
//
// Both are sealed with the key that hides the options, one nonce before them; the secret is mixed
// in behind message 2's section. Whether a connection is a hybrid is said by a mark in message 1's
// ephemeral key, in a bit that no X25519 key has. The mark is not hashed, but another
// protocol name is: one that was changed on the way ends the handshake.
//
// With the zero value there is no section, and nothing is done.
type hybrid struct {
	kind  kem.Kind
	key   kem.Key // Alice's
	offer []byte  // Bob: her encapsulation key
}

// hybridMark is the mark, in the last byte of the key.
const hybridMark = 0x80

// protocolName starts the Noise state (NTCP2, KDF for message 1; proposal 169, Noise identifiers).
func protocolName(kind kem.Kind) string {
	switch kind {
	case kem.MLKEM512:
		return "Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM512_ChaChaPoly_SHA256"
	case kem.MLKEM768:
		return "Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM768_ChaChaPoly_SHA256"
	case kem.MLKEM1024:
		return "Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM1024_ChaChaPoly_SHA256"
	}
	return "Noise_XKaesobfse+hs2+hs3_25519_ChaChaPoly_SHA256"
}

// marked reports whether an ephemeral key has the mark.
func marked(key [32]byte) bool { return key[keyLen-1]&hybridMark != 0 }

// mark sets it where the handshake is a hybrid.
func (b *hybrid) mark(key [32]byte) [32]byte {
	if b.kind != kem.None {
		key[keyLen-1] |= hybridMark
	}
	return key
}

// requestSection and createdSection are the lengths of the sections.
func (b *hybrid) requestSection() int { return section(b.kind.PublicLen()) }
func (b *hybrid) createdSection() int { return section(b.kind.CiphertextLen()) }

func section(content int) int {
	if content == 0 {
		return 0
	}
	return content + macLen
}

// appendOffer appends message 1's section, with a new key of Alice's.
func (h *Handshake) appendOffer(dst []byte) []byte {
	if h.kind == kem.None {
		return dst
	}
	h.key = kem.GenerateKey(h.kind, h.random)
	return h.noise.EncryptAndHash(dst, h.key.Public())
}

// openOffer reads message 1's section.
func (h *Handshake) openOffer(section []byte) (err error) {
	if h.kind == kem.None {
		return nil
	}
	if h.offer, err = h.noise.DecryptAndHash(nil, section); err != nil {
		return ErrAuthentication
	}
	if err := kem.Check(h.kind, h.offer); err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return nil
}

// appendSecret appends message 2's section, and mixes the secret in.
func (h *Handshake) appendSecret(dst []byte) ([]byte, error) {
	if h.kind == kem.None {
		return dst, nil
	}
	secret, ciphertext, err := kem.Encapsulate(h.kind, h.offer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	dst = h.noise.EncryptAndHash(dst, ciphertext)
	h.noise.MixKey(secret)
	return dst, nil
}

// openSecret reads message 2's section, and mixes the secret in.
func (h *Handshake) openSecret(section []byte) error {
	if h.kind == kem.None {
		return nil
	}
	ciphertext, err := h.noise.DecryptAndHash(nil, section)
	if err != nil {
		return ErrAuthentication
	}
	secret, err := h.key.Decapsulate(ciphertext)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	h.noise.MixKey(secret)
	return nil
}
