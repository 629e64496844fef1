// Package sign makes and checks the signatures that I2P knows, in the raw
// fixed-length encodings of the common structures specification
// (SigningPublicKey, SigningPrivateKey, Signature).
package sign

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Type is a signature type's code in certificates and options.
type Type uint16

// The signature types that exist (common structures, Key Certificates).
const (
	DSA_SHA1               Type = 0
	ECDSA_SHA256_P256      Type = 1
	ECDSA_SHA384_P384      Type = 2
	ECDSA_SHA512_P521      Type = 3
	RSA_SHA256_2048        Type = 4
	RSA_SHA384_3072        Type = 5
	RSA_SHA512_4096        Type = 6
	EdDSA_SHA512_Ed25519   Type = 7
	EdDSA_SHA512_Ed25519ph Type = 8
	RedDSA_SHA512_Ed25519  Type = 11
)

type typeInfo struct {
	t                    Type
	name                 string
	aliases              []string // lower case
	public, private, sig int
	canSign              bool
}

var types = [...]typeInfo{
	{DSA_SHA1, "DSA_SHA1", []string{"dsa", "dsa-sha1"}, 128, 20, 40, false},
	{ECDSA_SHA256_P256, "ECDSA_SHA256_P256", []string{"p256", "ecdsa-p256"}, 64, 32, 64, true},
	{ECDSA_SHA384_P384, "ECDSA_SHA384_P384", []string{"p384", "ecdsa-p384"}, 96, 48, 96, true},
	{ECDSA_SHA512_P521, "ECDSA_SHA512_P521", []string{"p521", "ecdsa-p521"}, 132, 66, 132, true},
	{RSA_SHA256_2048, "RSA_SHA256_2048", []string{"rsa2048", "rsa-2048-sha256"}, 256, 512, 256, false},
	{RSA_SHA384_3072, "RSA_SHA384_3072", []string{"rsa3072", "rsa-3072-sha384"}, 384, 768, 384, false},
	{RSA_SHA512_4096, "RSA_SHA512_4096", []string{"rsa4096", "rsa-4096-sha512"}, 512, 1024, 512, false},
	{EdDSA_SHA512_Ed25519, "EdDSA_SHA512_Ed25519", []string{"ed25519", "eddsa", "ed25519-sha512"}, 32, 32, 64, true},
	{EdDSA_SHA512_Ed25519ph, "EdDSA_SHA512_Ed25519ph", []string{"ed25519ph"}, 32, 32, 64, false},
	{RedDSA_SHA512_Ed25519, "RedDSA_SHA512_Ed25519", []string{"red25519", "reddsa", "red25519-sha512"}, 32, 32, 64, true},
}

func (t Type) info() *typeInfo {
	for i := range types {
		if types[i].t == t {
			return &types[i]
		}
	}
	return &typeInfo{t: t}
}

// Known reports whether the type has a defined format.
func (t Type) Known() bool { return t.info().public > 0 }

// CanSign reports whether new keys of the type may be made and used here. The
// others are only verified.
func (t Type) CanSign() bool { return t.info().canSign }

// PublicKeyLen is the length of a public key in bytes, 0 for an unknown type.
func (t Type) PublicKeyLen() int { return t.info().public }

// PrivateKeyLen is the length of a private key in bytes, 0 for an unknown type.
func (t Type) PrivateKeyLen() int { return t.info().private }

// SignatureLen is the length of a signature in bytes, 0 for an unknown type.
func (t Type) SignatureLen() int { return t.info().sig }

// String is the specification's name, or the number of an unknown type.
func (t Type) String() string {
	if n := t.info().name; n != "" {
		return n
	}
	return strconv.Itoa(int(t))
}

// ParseType reads a type from its number, its full name as Java I2P and SAM
// use it, i2pd's name or the usual short one, in any case: 7,
// EdDSA_SHA512_Ed25519, ED25519-SHA512, ed25519.
func ParseType(s string) (Type, error) {
	lower := strings.ToLower(s)
	for _, i := range types {
		if lower == strings.ToLower(i.name) || lower == strconv.Itoa(int(i.t)) {
			return i.t, nil
		}
		for _, a := range i.aliases {
			if lower == a {
				return i.t, nil
			}
		}
	}
	return 0, fmt.Errorf("sign: unknown signature type %q", s)
}

// Errors that callers tell apart.
var (
	ErrType   = errors.New("sign: signature type not supported")
	ErrLength = errors.New("sign: wrong key length")
)

// PublicKey is a signing public key of any type. The zero value verifies
// nothing.
type PublicKey struct {
	t Type
	b string // immutable, comparable
}

// NewPublicKey checks the length of b and keeps a copy. Whether b is a point
// of its curve is found out when it verifies.
func NewPublicKey(t Type, b []byte) (PublicKey, error) {
	if !t.Known() {
		return PublicKey{}, fmt.Errorf("%w: %d", ErrType, t)
	}
	if len(b) != t.PublicKeyLen() {
		return PublicKey{}, fmt.Errorf("%w: %v public key of %d bytes, expected %d", ErrLength, t, len(b), t.PublicKeyLen())
	}
	return PublicKey{t, string(b)}, nil
}

// Type is the key's signature type.
func (k PublicKey) Type() Type { return k.t }

// Bytes returns the key's encoding.
func (k PublicKey) Bytes() []byte { return []byte(k.b) }

// Verify reports whether sig is the key's signature of msg.
func (k PublicKey) Verify(msg, sig []byte) bool {
	if k.b == "" || len(sig) != k.t.SignatureLen() {
		return false
	}
	switch k.t {
	case DSA_SHA1:
		return verifyDSA([]byte(k.b), msg, sig)
	case ECDSA_SHA256_P256, ECDSA_SHA384_P384, ECDSA_SHA512_P521:
		return verifyECDSA(k.t, []byte(k.b), msg, sig)
	case RSA_SHA256_2048, RSA_SHA384_3072, RSA_SHA512_4096:
		return verifyRSA(k.t, []byte(k.b), msg, sig)
	case EdDSA_SHA512_Ed25519, RedDSA_SHA512_Ed25519:
		return verifyEd25519([]byte(k.b), msg, sig)
	case EdDSA_SHA512_Ed25519ph:
		return verifyEd25519ph([]byte(k.b), msg, sig)
	}
	return false
}

// PrivateKey is a signing private key. The zero value signs nothing.
type PrivateKey struct {
	t   Type
	b   []byte
	ed  ed25519.PrivateKey // seed and public key, for Ed25519
	pub PublicKey
}

// GenerateKey draws a key of a type that CanSign from r; nil is crypto/rand.
func GenerateKey(t Type, r io.Reader) (PrivateKey, error) {
	b, err := generate(t, r)
	if err != nil {
		return PrivateKey{}, err
	}
	return NewPrivateKey(t, b)
}

// NewPrivateKey makes a key of its encoding. Types that cannot sign here are
// kept, so that a key file of theirs can be read and written back.
func NewPrivateKey(t Type, b []byte) (PrivateKey, error) {
	if !t.Known() {
		return PrivateKey{}, fmt.Errorf("%w: %d", ErrType, t)
	}
	if len(b) != t.PrivateKeyLen() {
		return PrivateKey{}, fmt.Errorf("%w: %v private key of %d bytes, expected %d", ErrLength, t, len(b), t.PrivateKeyLen())
	}
	k := PrivateKey{t: t, b: append([]byte(nil), b...)}
	var pub []byte
	var err error
	switch t {
	case ECDSA_SHA256_P256, ECDSA_SHA384_P384, ECDSA_SHA512_P521:
		pub, err = publicECDSA(t, b)
	case EdDSA_SHA512_Ed25519:
		k.ed = ed25519.NewKeyFromSeed(b)
		pub = k.ed[32:]
	case RedDSA_SHA512_Ed25519:
		pub, err = publicRed25519(b)
	default:
		return k, nil
	}
	if err != nil {
		return PrivateKey{}, fmt.Errorf("sign: %v private key: %w", t, err)
	}
	k.pub = PublicKey{t, string(pub)}
	return k, nil
}

// Type is the key's signature type.
func (k PrivateKey) Type() Type { return k.t }

// IsZero reports whether there is no key at all.
func (k PrivateKey) IsZero() bool { return len(k.b) == 0 }

// Bytes returns a copy of the key's encoding.
func (k PrivateKey) Bytes() []byte { return append([]byte(nil), k.b...) }

// Public is the key's public half; the zero value where the type cannot sign.
func (k PrivateKey) Public() PublicKey { return k.pub }

// String keeps the secret out of logs.
func (k PrivateKey) String() string { return k.t.String() + " private key" }

// GoString keeps the secret out of logs.
func (k PrivateKey) GoString() string { return k.String() }

// Sign signs msg. The same message always gets the same signature.
func (k PrivateKey) Sign(msg []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, fmt.Errorf("%w: there is no private key", ErrType)
	}
	switch k.t {
	case ECDSA_SHA256_P256, ECDSA_SHA384_P384, ECDSA_SHA512_P521:
		return signECDSA(k.t, k.b, msg)
	case EdDSA_SHA512_Ed25519:
		return ed25519.Sign(k.ed, msg), nil
	case RedDSA_SHA512_Ed25519:
		return signRed25519(k.b, []byte(k.pub.b), msg), nil
	}
	return nil, fmt.Errorf("%w: cannot sign with %v", ErrType, k.t)
}
