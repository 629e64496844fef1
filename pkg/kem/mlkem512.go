package kem

import (
	"crypto"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"

	"i2ptoolkit/pkg/draw"
)

// ML-KEM-512 is not in crypto/mlkem. Peers that ask for it are served with circl's.

const (
	publicLen512     = mlkem512.PublicKeySize
	ciphertextLen512 = mlkem512.CiphertextSize
)

type key512 struct {
	private *mlkem512.PrivateKey
	public  *mlkem512.PublicKey
}

func newKey512(seed []byte) crypto.Decapsulator {
	public, private := mlkem512.NewKeyFromSeed(seed)
	return key512{private, public}
}

// Encapsulator returns the encapsulation key.
func (k key512) Encapsulator() crypto.Encapsulator { return public512{k.public} }

// Decapsulate returns the secret of a ciphertext.
func (k key512) Decapsulate(ciphertext []byte) ([]byte, error) {
	return mlkem512.Scheme().Decapsulate(k.private, ciphertext)
}

type public512 struct{ key *mlkem512.PublicKey }

func newPublic512(b []byte) (crypto.Encapsulator, error) {
	k := new(mlkem512.PublicKey)
	if err := k.Unpack(b); err != nil {
		return nil, err
	}
	return public512{k}, nil
}

// Bytes returns the encoded key.
func (p public512) Bytes() []byte {
	b := make([]byte, publicLen512)
	p.key.Pack(b)
	return b
}

// Encapsulate makes a secret.
func (p public512) Encapsulate() (secret, ciphertext []byte) {
	seed := make([]byte, mlkem512.EncapsulationSeedSize)
	draw.Fill(nil, seed)
	ciphertext, secret = make([]byte, ciphertextLen512), make([]byte, mlkem512.SharedKeySize)
	p.key.EncapsulateTo(ciphertext, secret, seed)
	return secret, ciphertext
}
