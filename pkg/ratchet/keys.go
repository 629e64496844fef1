package ratchet

import (
	"fmt"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

// ownKeys are our keys, and what begins every handshake that is made with one
// of them.
type ownKeys struct {
	static noise.KeyPair
	state  noise.State // of messages to static

	hybrid       i2p.EncryptionType // 0: none
	hybridStatic noise.KeyPair
	hybridState  noise.State
}

func newOwnKeys(cfg Config) ownKeys {
	k := ownKeys{static: cfg.Static, state: initial(i2p.CryptoX25519, cfg.Static.Public)}
	if cfg.Hybrid != 0 {
		k.hybrid, k.hybridStatic = cfg.Hybrid, cfg.HybridStatic
		if k.hybridStatic.IsZero() {
			k.hybridStatic = cfg.Static
		}
		k.hybridState = initial(k.hybrid, k.hybridStatic.Public)
	}
	return k
}

// of is our key for sessions of a type.
func (k *ownKeys) of(t i2p.EncryptionType) (noise.KeyPair, error) {
	switch {
	case t == i2p.CryptoX25519:
		return k.static, nil
	case Speaks(t) && t == k.hybrid:
		return k.hybridStatic, nil
	}
	return noise.KeyPair{}, fmt.Errorf("%w: %d", ErrType, t)
}

// open opens a New Session message. It tries the hybrid, where the length
// allows for it, and then X25519. Once an encapsulation key has authenticated
// the type is clear.
func (k *ownKeys) open(remote [32]byte, body []byte) (handshake, []byte, error) {
	secret, err := k.static.DH(remote)
	if err != nil {
		return handshake{}, nil, ErrDecrypt
	}
	if t := k.hybrid; t != 0 && len(body) >= minNew+kemOf(t).PublicLen()+macLen {
		hybridSecret := secret
		if k.hybridStatic.Public != k.static.Public {
			if hybridSecret, err = k.hybridStatic.DH(remote); err != nil {
				return handshake{}, nil, ErrDecrypt
			}
		}
		h, b, err := openNew(k.hybridState, t, k.hybridStatic, remote, hybridSecret, body)
		if err == nil {
			if err := kem.Check(kemOf(t), h.encap); err != nil {
				return handshake{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
			}
		}
		if err == nil || h.encap != nil {
			return h, b, err
		}
	}
	return openNew(k.state, i2p.CryptoX25519, k.static, remote, secret, body)
}
