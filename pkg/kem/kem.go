// Package kem is ML-KEM (FIPS 203) in its three sizes, as the hybrids of I2P use it: with a key
// that Alice makes for one handshake, and a secret that Bob makes for it (proposal 169, Defined
// ML-KEM Operations).
package kem

import (
	"crypto"
	"crypto/mlkem"
	"fmt"
	"io"
	"strconv"

	"i2ptoolkit/pkg/draw"
)

// Kind is one of the sizes.
type Kind uint8

// The sizes; the zero value is none, as in handshakes that are no hybrid.
const (
	None Kind = iota
	MLKEM512
	MLKEM768
	MLKEM1024
)

// seedLen is the length of what a key is made of (FIPS 203, d and z).
const seedLen = mlkem.SeedSize

// String names the kind.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case MLKEM512:
		return "ML-KEM-512"
	case MLKEM768:
		return "ML-KEM-768"
	case MLKEM1024:
		return "ML-KEM-1024"
	}
	return strconv.Itoa(int(k))
}

// ParseKind reads what String writes.
func ParseKind(name string) (Kind, bool) {
	for k := None; k <= MLKEM1024; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return None, false
}

// PublicLen is the length of an encapsulation key; 0 for none.
func (k Kind) PublicLen() int {
	return [...]int{None: 0, MLKEM512: publicLen512, MLKEM768: mlkem.EncapsulationKeySize768, MLKEM1024: mlkem.EncapsulationKeySize1024}[k]
}

// CiphertextLen is the length of an encapsulated secret; 0 for none.
func (k Kind) CiphertextLen() int {
	return [...]int{None: 0, MLKEM512: ciphertextLen512, MLKEM768: mlkem.CiphertextSize768, MLKEM1024: mlkem.CiphertextSize1024}[k]
}

// Key is a key pair for one handshake, kept as its seed: an expanded one takes several kilobytes.
type Key struct {
	kind   Kind
	seed   [seedLen]byte
	public []byte
}

// GenerateKey draws a key from r; nil is crypto/rand. It panics where kind is none of the three.
func GenerateKey(kind Kind, r io.Reader) Key {
	k := Key{kind: kind}
	draw.Fill(r, k.seed[:])
	k.public = k.expand().Encapsulator().Bytes()
	return k
}

// Public is the encapsulation key.
func (k *Key) Public() []byte { return k.public }

// Decapsulate returns the secret that was made for this key. A ciphertext of the right length
// that was made for another gives another secret, and no error (FIPS 203, implicit rejection).
func (k *Key) Decapsulate(ciphertext []byte) (secret []byte, err error) {
	secret, err = k.expand().Decapsulate(ciphertext)
	if err != nil {
		return nil, fmt.Errorf("kem: ciphertext of %d bytes for %v, which has %d", len(ciphertext), k.kind, k.kind.CiphertextLen())
	}
	return secret, nil
}

func (k *Key) expand() crypto.Decapsulator {
	var d crypto.Decapsulator
	var err error
	switch k.kind {
	case MLKEM512:
		d = newKey512(k.seed[:])
	case MLKEM768:
		d, err = mlkem.NewDecapsulationKey768(k.seed[:])
	case MLKEM1024:
		d, err = mlkem.NewDecapsulationKey1024(k.seed[:])
	default:
		panic("kem: a key of kind " + k.kind.String())
	}
	if err != nil {
		panic("kem: " + err.Error()) // only a seed of another length is refused
	}
	return d
}

// Encapsulate makes a secret for an encapsulation key. Its randomness is the system's: crypto/mlkem
// takes none from its caller, since bytes used twice give the secret away. Two simulations
// from one seed differ therefore in these bytes, and in what is encrypted under them, but in
// nothing that can be counted or timed.
func Encapsulate(kind Kind, public []byte) (secret, ciphertext []byte, err error) {
	e, err := encapsulator(kind, public)
	if err != nil {
		return nil, nil, err
	}
	secret, ciphertext = e.Encapsulate()
	return secret, ciphertext, nil
}

// Check says whether a peer's bytes are an encapsulation key (FIPS 203, 7.2).
func Check(kind Kind, public []byte) error {
	_, err := encapsulator(kind, public)
	return err
}

func encapsulator(kind Kind, public []byte) (e crypto.Encapsulator, err error) {
	switch kind {
	case MLKEM512:
		e, err = newPublic512(public)
	case MLKEM768:
		e, err = mlkem.NewEncapsulationKey768(public)
	case MLKEM1024:
		e, err = mlkem.NewEncapsulationKey1024(public)
	default:
		return nil, fmt.Errorf("kem: an encapsulation key of kind %v", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("kem: encapsulation key of %d bytes for %v, which has %d: %w", len(public), kind, kind.PublicLen(), err)
	}
	return e, nil
}
