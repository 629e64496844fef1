package i2p

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"i2ptoolkit/pkg/sign"
)

// BlindedAddress is what the address of an encrypted lease set says, also
// called b33 (B32 for Encrypted Leasesets). From the key follows under which
// hash the lease set of a day is stored; the destination is in the lease set.
type BlindedAddress struct {
	Key       sign.PublicKey // the destination's own, Ed25519 or Red25519
	Secret    bool           // a secret is needed beside the address
	PerClient bool           // so is a key of one's own
}

const (
	b33Len = 3 + 32

	b33Secret    = 1 << 1
	b33PerClient = 1 << 2
)

// ErrBlinding means that keys of a signature type cannot be blinded.
var ErrBlinding = fmt.Errorf("i2p: the signature type cannot be blinded: %w", errors.ErrUnsupported)

func canBeBlinded(t sign.Type) bool {
	return t == sign.EdDSA_SHA512_Ed25519 || t == sign.RedDSA_SHA512_Ed25519
}

// B33 is the address: 56 base32 characters and ".b32.i2p".
//
//	flags 1 | signature type 1 | blinded signature type 1 | signing public key 32
//
// The first three bytes are XORed with the CRC-32 of the key, in little-endian
// (Creation and encoding).
func (a BlindedAddress) B33() (string, error) {
	t := a.Key.Type()
	if !canBeBlinded(t) {
		return "", fmt.Errorf("%w: %v", ErrBlinding, t)
	}
	var flags byte
	if a.Secret {
		flags |= b33Secret
	}
	if a.PerClient {
		flags |= b33PerClient
	}
	key := a.Key.Bytes()
	b := append([]byte{flags, byte(t), byte(sign.RedDSA_SHA512_Ed25519)}, key...)
	maskB33(b)
	return EncodeBase32(b) + b32Suffix, nil
}

// maskB33 puts the checksum on, or takes it off.
func maskB33(b []byte) {
	sum := crc32.ChecksumIEEE(b[3:])
	b[0] ^= byte(sum)
	b[1] ^= byte(sum >> 8)
	b[2] ^= byte(sum >> 16)
}

// ParseB33 reads a b33 address, in any case and with its suffix. The checksum
// is what it XORs the flags and types with: a mistyped address has impossible
// ones.
func ParseB33(addr string) (BlindedAddress, error) {
	s, ok := strings.CutSuffix(strings.ToLower(addr), b32Suffix)
	if !ok || len(s) <= 52 {
		return BlindedAddress{}, ErrNotB32
	}
	b, err := DecodeBase32(s)
	if err != nil {
		return BlindedAddress{}, err
	}
	if len(b) != b33Len {
		return BlindedAddress{}, fmt.Errorf("i2p: b33 address of %d bytes, expected %d", len(b), b33Len)
	}
	maskB33(b)
	flags, own, blinded := b[0], sign.Type(b[1]), sign.Type(b[2])
	// Types of two bytes exist in the format only: none that can be blinded needs them.
	if flags&^(b33Secret|b33PerClient) != 0 || !canBeBlinded(own) || blinded != sign.RedDSA_SHA512_Ed25519 {
		return BlindedAddress{}, errors.New("i2p: b33 address with a wrong checksum, or of a kind that is not known")
	}
	key, err := sign.NewPublicKey(own, b[3:])
	if err != nil {
		return BlindedAddress{}, err
	}
	return BlindedAddress{Key: key, Secret: flags&b33Secret != 0, PerClient: flags&b33PerClient != 0}, nil
}

// Blinded is the address under which the destination would be found if it
// published an encrypted lease set, without secret or keys for its clients.
func (id Identity) Blinded() BlindedAddress { return BlindedAddress{Key: id.SigningKey()} }
