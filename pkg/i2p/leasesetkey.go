package i2p

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"slices"

	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/noise"
)

// What parts the keys from others that may be derived alike. What is derived must stay the same for ever.
const (
	leaseSetKeyInfo     = "I2P lease set key, X25519"
	leaseSetElGamalInfo = "I2P lease set key, ElGamal"
)

// LeaseSetKey is the X25519 key pair that the destination's lease sets name.
// The identity's own key is not used (common structures, PublicKey), so the
// format has no place for it, and it is derived from what the key file holds:
// it comes back after a restart, when messages to it may be on the way, with
// nothing more to keep, wherever the file is opened.
//
//	HKDF-SHA256(encryption key's field | signing private key, salt: the destination's hash)
//
// The field alone would not do: other programs leave it all zeros. Of offline
// keys the transient one takes part, so that whoever gets hold of a key file
// of this kind reads nothing that is sent once it has been replaced. A file of
// type X25519 has the key itself.
func (k *PrivateKeys) LeaseSetKey() noise.KeyPair {
	if k.Identity.CryptoType() == CryptoX25519 && len(k.Crypto) == noise.KeyLen {
		return noise.NewKeyPair([32]byte(k.Crypto))
	}
	key := k.derive(leaseSetKeyInfo)
	defer clear(key[:])
	return noise.NewKeyPair(key)
}

// LeaseSetElGamalKey is the ElGamal key of the destination's lease sets, where those have one. It is derived as
// LeaseSetKey is; the bytes are those that a new key would be drawn from.
func (k *PrivateKeys) LeaseSetElGamalKey() *elgamal.PrivateKey {
	seed := k.derive(leaseSetElGamalInfo)
	defer clear(seed[:])
	return elgamal.GenerateKey(bytes.NewReader(seed[:]))
}

// derive makes a secret of those in the key file.
func (k *PrivateKeys) derive(info string) [noise.KeyLen]byte {
	signing := k.Signing
	if k.Offline != nil {
		signing = k.Offline.Private
	}
	secret := slices.Concat(k.Crypto, signing.Bytes())
	defer clear(secret)
	hash := k.Identity.Hash()
	key, err := hkdf.Key(sha256.New, secret, hash[:], info, noise.KeyLen)
	if err != nil {
		panic("i2p: " + err.Error()) // 32 bytes are never too many
	}
	defer clear(key)
	return [noise.KeyLen]byte(key)
}
