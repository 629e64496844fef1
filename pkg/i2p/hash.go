// Package i2p holds the common structures of I2P: hashes, dates, mappings,
// certificates, identities and destinations with their private key files,
// and the two text encodings (common structures specification).
package i2p

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// HashLen is the length of a Hash in bytes.
const HashLen = 32

// Hash is the SHA-256 of an identity: a router's or destination's key in the
// netDb.
type Hash [HashLen]byte

// HashOf is the SHA-256 of b.
func HashOf(b []byte) Hash { return sha256.Sum256(b) }

// ParseHash reads the I2P base64 of a hash.
func ParseHash(s string) (Hash, error) {
	b, err := DecodeBase64(s)
	if err != nil {
		return Hash{}, err
	}
	if len(b) != HashLen {
		return Hash{}, fmt.Errorf("i2p: hash of %d bytes, expected %d", len(b), HashLen)
	}
	return Hash(b), nil
}

// String is the hash in I2P base64.
func (h Hash) String() string { return EncodeBase64(h[:]) }

// B32 is the address "….b32.i2p" of the destination with this hash.
func (h Hash) B32() string { return EncodeBase32(h[:]) + b32Suffix }

// IsZero reports whether all bytes are zero.
func (h Hash) IsZero() bool { return h == Hash{} }

// Compare orders hashes as big-endian numbers.
func (h Hash) Compare(o Hash) int { return bytes.Compare(h[:], o[:]) }

// Xor is the Kademlia distance between two hashes.
func (h Hash) Xor(o Hash) Hash {
	for i := range h {
		h[i] ^= o[i]
	}
	return h
}

const b32Suffix = ".b32.i2p"

// ErrNotB32 means that a name is not a base32 address at all, as opposed to a
// damaged one.
var ErrNotB32 = errors.New("i2p: not a .b32.i2p address")

// ParseB32 reads an address of 52 base32 characters and ".b32.i2p", in any
// case; the suffix may be missing. Longer addresses are those of encrypted
// lease sets (b33) and are refused.
func ParseB32(addr string) (Hash, error) {
	s, suffix := strings.CutSuffix(strings.ToLower(addr), b32Suffix)
	if len(s) != 52 {
		if suffix && len(s) >= 56 {
			return Hash{}, fmt.Errorf("i2p: %s is the address of an encrypted lease set: %w", addr, errors.ErrUnsupported)
		}
		if suffix {
			return Hash{}, fmt.Errorf("i2p: base32 address of %d characters, expected 52", len(s))
		}
		return Hash{}, ErrNotB32
	}
	b, err := DecodeBase32(s)
	if err != nil {
		if !suffix {
			return Hash{}, ErrNotB32
		}
		return Hash{}, err
	}
	return Hash(b), nil
}

var (
	base64Encoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~").Strict()
	base32Encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
)

// EncodeBase64 encodes in I2P's base64 alphabet, with padding.
func EncodeBase64(b []byte) string { return base64Encoding.EncodeToString(b) }

// NewBase64Encoder encodes a stream as EncodeBase64 does; Close writes its end.
func NewBase64Encoder(w io.Writer) io.WriteCloser { return base64.NewEncoder(base64Encoding, w) }

// DecodeBase64 decodes I2P's base64. Padding may be missing.
func DecodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // the standard decoder skips them
		return nil, errors.New("i2p: line break within base64")
	}
	enc := base64Encoding
	if len(s)%4 != 0 {
		enc = enc.WithPadding(base64.NoPadding)
	}
	b, err := enc.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("i2p: base64: %w", err)
	}
	return b, nil
}

// EncodeBase32 encodes in lower-case base32 without padding.
func EncodeBase32(b []byte) string { return base32Encoding.EncodeToString(b) }

// DecodeBase32 decodes base32 in any case, without padding. Bits past the
// last byte must be zero, so that every value has one spelling.
func DecodeBase32(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("i2p: line break within base32")
	}
	lower := strings.ToLower(s)
	b, err := base32Encoding.DecodeString(lower)
	if err != nil {
		return nil, fmt.Errorf("i2p: base32: %w", err)
	}
	if EncodeBase32(b) != lower {
		return nil, errors.New("i2p: base32: bits after the last byte are not zero")
	}
	return b, nil
}

// Date is a time in milliseconds since 1970 (UTC); 0 is undefined.
type Date uint64

// DateOf converts a time; times before 1970 become 0.
func DateOf(t time.Time) Date {
	ms := t.UnixMilli()
	if ms < 0 {
		return 0
	}
	return Date(ms)
}

// Time converts to UTC.
func (d Date) Time() time.Time { return time.UnixMilli(int64(d & (1<<63 - 1))).UTC() }
