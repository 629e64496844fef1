package ratchet

import (
	"crypto/mlkem"
	"fmt"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"io"
)

// encapKeyLen and ciphertextLen are the lengths of what a hybrid adds to the
// New Session message and to its reply (ECIES-HYBRID, Message Format).
func encapKeyLen(t i2p.EncryptionType) int {
	switch t {
	case i2p.CryptoMLKEM768X25519:
		return mlkem.EncapsulationKeySize768
	case i2p.CryptoMLKEM1024X25519:
		return mlkem.EncapsulationKeySize1024
	}
	return 0
}

func ciphertextLen(t i2p.EncryptionType) int {
	switch t {
	case i2p.CryptoMLKEM768X25519:
		return mlkem.CiphertextSize768
	case i2p.CryptoMLKEM1024X25519:
		return mlkem.CiphertextSize1024
	}
	return 0
}

// kemKey is Alice's one-time ML-KEM key, kept as its seed: an expanded key
// takes several kilobytes, and most are used once.
type kemKey struct {
	typ  i2p.EncryptionType
	seed [mlkem.SeedSize]byte
	pub  []byte
}

func newKEMKey(t i2p.EncryptionType, rnd io.Reader) (kemKey, error) {
	k := kemKey{typ: t}
	draw.Fill(rnd, k.seed[:])
	switch t {
	case i2p.CryptoMLKEM768X25519:
		d, err := mlkem.NewDecapsulationKey768(k.seed[:])
		if err != nil {
			return kemKey{}, fmt.Errorf("ratchet: ML-KEM key generation: %w", err)
		}
		k.pub = d.EncapsulationKey().Bytes()
	case i2p.CryptoMLKEM1024X25519:
		d, err := mlkem.NewDecapsulationKey1024(k.seed[:])
		if err != nil {
			return kemKey{}, fmt.Errorf("ratchet: ML-KEM key generation: %w", err)
		}
		k.pub = d.EncapsulationKey().Bytes()
	default:
		return kemKey{}, fmt.Errorf("%w: %d", ErrType, t)
	}
	return k, nil
}

func (k *kemKey) encapsulationKey() []byte { return k.pub }

func (k *kemKey) decapsulate(ciphertext []byte) ([]byte, error) {
	if k.typ == i2p.CryptoMLKEM1024X25519 {
		d, err := mlkem.NewDecapsulationKey1024(k.seed[:])
		if err != nil {
			return nil, fmt.Errorf("ratchet: ML-KEM: %w", err)
		}
		return d.Decapsulate(ciphertext)
	}
	d, err := mlkem.NewDecapsulationKey768(k.seed[:])
	if err != nil {
		return nil, fmt.Errorf("ratchet: ML-KEM: %w", err)
	}
	return d.Decapsulate(ciphertext)
}

// encapsulator makes a shared secret for an encapsulation key.
type encapsulator func(t i2p.EncryptionType, key []byte) (secret, ciphertext []byte, err error)

// encapsulate is the encapsulator outside tests. Its randomness is
// the system's, whatever Config.Rand is: crypto/mlkem takes none from its
// caller, since bytes used twice give the secret away, and what does is for
// tests. Two runs from one seed differ therefore in these bytes, and in what
// is encrypted under them, but in nothing that can be counted or timed.
func encapsulate(t i2p.EncryptionType, key []byte) (secret, ciphertext []byte, err error) {
	if t == i2p.CryptoMLKEM1024X25519 {
		e, err := mlkem.NewEncapsulationKey1024(key)
		if err != nil {
			return nil, nil, fmt.Errorf("ratchet: ML-KEM encapsulation key: %w", err)
		}
		secret, ciphertext = e.Encapsulate()
		return secret, ciphertext, nil
	}
	e, err := mlkem.NewEncapsulationKey768(key)
	if err != nil {
		return nil, nil, fmt.Errorf("ratchet: ML-KEM encapsulation key: %w", err)
	}
	secret, ciphertext = e.Encapsulate()
	return secret, ciphertext, nil
}

// checkEncapsulationKey reports whether a peer's key is one.
func checkEncapsulationKey(t i2p.EncryptionType, key []byte) bool {
	var err error
	if t == i2p.CryptoMLKEM1024X25519 {
		_, err = mlkem.NewEncapsulationKey1024(key)
	} else {
		_, err = mlkem.NewEncapsulationKey768(key)
	}
	return err == nil
}
