package ratchet

import (
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
)

// kemOf is what a hybrid adds to X25519 (ECIES-HYBRID).
func kemOf(t i2p.EncryptionType) kem.Kind {
	switch t {
	case i2p.CryptoMLKEM512X25519:
		return kem.MLKEM512
	case i2p.CryptoMLKEM768X25519:
		return kem.MLKEM768
	case i2p.CryptoMLKEM1024X25519:
		return kem.MLKEM1024
	}
	return kem.None
}

// encapsulator makes a shared secret for an encapsulation key; outside tests it is kem.Encapsulate.
type encapsulator func(kind kem.Kind, public []byte) (secret, ciphertext []byte, err error)
