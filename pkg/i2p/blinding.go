package i2p

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/sign"
)

// Alpha is GENERATE_ALPHA: what blinds the key on a day (UTC), for those who know the
// address and the secret; "" is none. (Encrypted LeaseSet, Blinding Calculations.)
func (a BlindedAddress) Alpha(day time.Time, secret string) (sign.Scalar, error) {
	t := a.Key.Type()
	if !canBeBlinded(t) {
		return sign.Scalar{}, fmt.Errorf("%w: %v", ErrBlinding, t)
	}
	keydata := append([]byte("I2PGenerateAlpha"), a.Key.Bytes()...)
	keydata = binary.BigEndian.AppendUint16(keydata, uint16(t))
	keydata = binary.BigEndian.AppendUint16(keydata, uint16(sign.RedDSA_SHA512_Ed25519))
	salt := sha256.Sum256(keydata)
	date := day.UTC().Format("20060102")
	seed, err := hkdf.Key(sha256.New, []byte(date+secret), salt[:], "i2pblinding1", 64)
	if err != nil {
		return sign.Scalar{}, fmt.Errorf("i2p: blinding: %w", err)
	}
	return sign.ScalarOf([64]byte(seed)), nil
}

// BlindedKey is the key that signs the encrypted lease set of a day.
func (a BlindedAddress) BlindedKey(day time.Time, secret string) (sign.PublicKey, error) {
	alpha, err := a.Alpha(day, secret)
	if err != nil {
		return sign.PublicKey{}, err
	}
	return sign.BlindPublic(a.Key, alpha)
}

// BlindedStoreHash is the hash under which the netDb stores the encrypted lease set with a
// blinded key: SHA-256(signature type || key). (Encrypted LeaseSet, Location.)
func BlindedStoreHash(blinded sign.PublicKey) Hash {
	return HashOf(append(binary.BigEndian.AppendUint16(nil, uint16(blinded.Type())), blinded.Bytes()...))
}
