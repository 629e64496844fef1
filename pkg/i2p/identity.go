package i2p

import (
	"errors"
	"fmt"
	"io"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/sign"
)

const (
	cryptoField  = 256 // bytes of the public key field
	signingField = 128 // bytes of the signing public key field
	minIdentity  = cryptoField + signingField + 3
)

// Identity is the structure KeysAndCert that names a router or a destination.
// It is immutable and keeps the exact bytes that its hash covers.
//
//	+------------------------------------+
//	| public key, then padding      256  |
//	| padding, then signing key     128  |
//	| certificate                    3+  |
//	+------------------------------------+
type Identity struct {
	raw     string
	hash    Hash
	signing sign.PublicKey
	crypto  EncryptionType
}

// RouterIdentity is the Identity of a router.
type RouterIdentity struct{ Identity }

// Destination is the Identity of a destination.
type Destination struct{ Identity }

// ParseIdentity reads an identity.
func ParseIdentity(b []byte) (Identity, []byte, error) {
	if len(b) < minIdentity {
		return Identity{}, nil, fmt.Errorf("i2p: identity of %d bytes, expected at least %d: %w", len(b), minIdentity, ErrTruncated)
	}
	cert, rest, err := ParseCertificate(b[cryptoField+signingField:])
	if err != nil {
		return Identity{}, nil, err
	}
	st, ct, excess, err := cert.keyTypes()
	if err != nil {
		return Identity{}, nil, err
	}
	field := b[cryptoField : cryptoField+signingField]
	n := st.PublicKeyLen()
	key := field[max(0, signingField-n):]
	if len(excess) > 0 {
		key = append(append(make([]byte, 0, n), key...), excess...)
	}
	pub, err := sign.NewPublicKey(st, key)
	if err != nil {
		return Identity{}, nil, err
	}
	raw := b[:len(b)-len(rest)]
	return Identity{raw: string(raw), hash: HashOf(raw), signing: pub, crypto: ct}, rest, nil
}

// ParseRouterIdentity reads a router's identity.
func ParseRouterIdentity(b []byte) (RouterIdentity, []byte, error) {
	id, rest, err := ParseIdentity(b)
	return RouterIdentity{id}, rest, err
}

// ParseDestination reads a destination.
func ParseDestination(b []byte) (Destination, []byte, error) {
	id, rest, err := ParseIdentity(b)
	return Destination{id}, rest, err
}

// ParseDestinationBase64 reads a destination in I2P base64, and nothing else.
func ParseDestinationBase64(s string) (Destination, error) {
	b, err := DecodeBase64(s)
	if err != nil {
		return Destination{}, err
	}
	d, rest, err := ParseDestination(b)
	if err != nil {
		return Destination{}, err
	}
	if len(rest) > 0 {
		return Destination{}, fmt.Errorf("i2p: %d bytes after the destination", len(rest))
	}
	return d, nil
}

// Bytes returns a copy of the identity's encoding.
func (id Identity) Bytes() []byte { return []byte(id.raw) }

// Len is the encoding's length.
func (id Identity) Len() int { return len(id.raw) }

// AppendTo appends the identity's encoding.
func (id Identity) AppendTo(b []byte) []byte { return append(b, id.raw...) }

// IsZero reports whether there is no identity.
func (id Identity) IsZero() bool { return id.raw == "" }

// Equal reports whether two identities are the same bytes.
func (id Identity) Equal(o Identity) bool { return id.raw == o.raw }

// Hash is the SHA-256 of the encoding.
func (id Identity) Hash() Hash { return id.hash }

// SigningKey is the signing public key.
func (id Identity) SigningKey() sign.PublicKey { return id.signing }

// SigType is the signing key's type.
func (id Identity) SigType() sign.Type { return id.signing.Type() }

// CryptoType is the encryption key's type.
func (id Identity) CryptoType() EncryptionType { return id.crypto }

// JavaSends reports whether Java I2P sends to this destination: only where the
// type is ElGamal's, which it looks at before the lease set's keys (common
// structures, PublicKey: type 0 is that of all destinations).
func (id Identity) JavaSends() bool { return id.crypto == CryptoElGamal }

// CryptoKey is the encryption public key without its padding: 32 bytes for
// X25519.
func (id Identity) CryptoKey() []byte {
	if id.raw == "" {
		return nil
	}
	n, _, _ := id.crypto.keyLens()
	return []byte(id.raw[:n])
}

// Certificate is the identity's certificate.
func (id Identity) Certificate() Certificate {
	c, _, err := ParseCertificate([]byte(id.raw[min(len(id.raw), cryptoField+signingField):]))
	if err != nil {
		return Certificate{}
	}
	return c
}

// Verify reports whether sig is the identity's signature of msg.
func (id Identity) Verify(msg, sig []byte) bool { return id.signing.Verify(msg, sig) }

// Base64 is the destination in I2P base64.
func (d Destination) Base64() string { return EncodeBase64([]byte(d.raw)) }

// B32 is the destination's base32 address.
func (d Destination) B32() string { return d.hash.B32() }

// newIdentity lays the keys out. The padding repeats 32 random bytes, so that
// it compresses (proposal 161); so does ElGamal's unused key where crypto is
// nil.
func newIdentity(signing sign.PublicKey, ct EncryptionType, crypto []byte, r io.Reader) (Identity, error) {
	n, _, ok := ct.keyLens()
	if !ok || n > cryptoField {
		return Identity{}, fmt.Errorf("i2p: encryption type %d cannot be put into an identity", ct)
	}
	if len(crypto) != n && (ct != CryptoElGamal || crypto != nil) {
		return Identity{}, fmt.Errorf("i2p: encryption key of %d bytes, type %d has %d", len(crypto), ct, n)
	}
	key := signing.Bytes()
	if len(key) == 0 {
		return Identity{}, errors.New("i2p: no signing key")
	}
	var pattern [32]byte
	draw.Fill(r, pattern[:])
	b := make([]byte, cryptoField+signingField, minIdentity+len(key))
	for i := 0; i < len(b); i += len(pattern) {
		copy(b[i:], pattern[:])
	}
	copy(b, crypto)
	first := key[:min(len(key), signingField)]
	copy(b[len(b)-len(first):], first)
	b = newKeyCertificate(signing.Type(), ct, key[len(first):]).AppendTo(b)
	id, _, err := ParseIdentity(b)
	return id, err
}

// NewDestination makes a destination of its keys. Its encryption key is not
// used any more, since lease sets name theirs, but it takes its place in the
// format; of type ElGamal it may be nil, and is padding then.
func NewDestination(signing sign.PublicKey, cryptoType EncryptionType, crypto []byte, r io.Reader) (Destination, error) {
	id, err := newIdentity(signing, cryptoType, crypto, r)
	return Destination{id}, err
}
