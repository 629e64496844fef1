package i2p

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/sign"
)

// PrivateKeys is what a private key file holds, in the format that Java I2P,
// i2pd and SAM share (common structures, "Private Key File"):
//
//	identity | private encryption key | signing private key | offline section
//
// With an offline section the signing private key is all zeros: the key
// proper is elsewhere, and a transient one signs in its name until it expires.
type PrivateKeys struct {
	Identity Identity
	Crypto   []byte // 256 bytes for ElGamal, 32 for X25519; see LeaseSetKey
	Signing  sign.PrivateKey
	Offline  *OfflineKeys // nil where Signing is the key proper
}

// OfflineSignature lets a transient key sign for a destination until Expires
// (common structures, OfflineSignature).
//
//	expires 4 | transient type 2 | transient public key | signature of all that by the destination
//	expires :: seconds since 1970, big-endian
type OfflineSignature struct {
	Expires   uint32
	Transient sign.PublicKey
	Signature []byte
}

// OfflineKeys is an OfflineSignature with the transient private key.
type OfflineKeys struct {
	OfflineSignature
	Private sign.PrivateKey
}

// ParseOfflineSignature reads a signature made by a key of the type by.
func ParseOfflineSignature(b []byte, by sign.Type) (OfflineSignature, []byte, error) {
	if len(b) < 6 {
		return OfflineSignature{}, nil, fmt.Errorf("i2p: offline signature: %w", ErrTruncated)
	}
	t := sign.Type(binary.BigEndian.Uint16(b[4:]))
	if !t.Known() {
		return OfflineSignature{}, nil, fmt.Errorf("i2p: offline signature: unknown transient type %d", t)
	}
	n, m := t.PublicKeyLen(), by.SignatureLen()
	if len(b) < 6+n+m {
		return OfflineSignature{}, nil, fmt.Errorf("i2p: offline signature of %d bytes, expected %d: %w", len(b), 6+n+m, ErrTruncated)
	}
	k, err := sign.NewPublicKey(t, b[6:6+n])
	if err != nil {
		return OfflineSignature{}, nil, err
	}
	return OfflineSignature{
		Expires:   binary.BigEndian.Uint32(b),
		Transient: k,
		Signature: append([]byte(nil), b[6+n:6+n+m]...),
	}, b[6+n+m:], nil
}

// AppendTo appends the offline signature.
func (o OfflineSignature) AppendTo(b []byte) []byte {
	return append(o.appendSigned(b), o.Signature...)
}

func (o OfflineSignature) appendSigned(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, o.Expires)
	b = binary.BigEndian.AppendUint16(b, uint16(o.Transient.Type()))
	return append(b, o.Transient.Bytes()...)
}

// Verify reports whether the owner of id allowed the transient key. Expiry is
// the caller's to check.
func (o OfflineSignature) Verify(id Identity) bool { return o.VerifyBy(id.SigningKey()) }

// VerifyBy is Verify for a key that is not an identity's, such as a blinded one.
func (o OfflineSignature) VerifyBy(k sign.PublicKey) bool {
	return k.Verify(o.appendSigned(nil), o.Signature)
}

// ParsePrivateKeys reads a private key file's content.
func ParsePrivateKeys(b []byte) (*PrivateKeys, []byte, error) {
	id, rest, err := ParseIdentity(b)
	if err != nil {
		return nil, nil, err
	}
	_, nc, _ := id.CryptoType().keyLens()
	st := id.SigType()
	ns := st.PrivateKeyLen()
	if len(rest) < nc+ns {
		return nil, nil, fmt.Errorf("i2p: %d bytes of private keys, %v with encryption type %d has %d: %w",
			len(rest), st, id.CryptoType(), nc+ns, ErrTruncated)
	}
	k := &PrivateKeys{Identity: id, Crypto: append([]byte(nil), rest[:nc]...)}
	signing, rest := rest[nc:nc+ns], rest[nc+ns:]
	if allZero(signing) {
		if k.Offline, rest, err = parseOfflineKeys(rest, id); err != nil {
			return nil, nil, err
		}
		return k, rest, nil
	}
	if k.Signing, err = sign.NewPrivateKey(st, signing); err != nil {
		return nil, nil, err
	}
	if st.CanSign() && k.Signing.Public() != id.SigningKey() {
		return nil, nil, errors.New("i2p: the signing private key is not that of the identity")
	}
	return k, rest, nil
}

// ParseKeyFile reads a private key file with nothing behind it.
func ParseKeyFile(b []byte) (*PrivateKeys, error) {
	k, rest, err := ParsePrivateKeys(b)
	if err == nil && len(rest) > 0 {
		return nil, fmt.Errorf("i2p: %d bytes too many", len(rest))
	}
	return k, err
}

func parseOfflineKeys(b []byte, id Identity) (*OfflineKeys, []byte, error) {
	o, rest, err := ParseOfflineSignature(b, id.SigType())
	if err != nil {
		return nil, nil, err
	}
	if !o.Verify(id) {
		return nil, nil, errors.New("i2p: the offline signature is not the identity's")
	}
	n := o.Transient.Type().PrivateKeyLen()
	if len(rest) < n {
		return nil, nil, fmt.Errorf("i2p: transient private key of %d bytes, expected %d: %w", len(rest), n, ErrTruncated)
	}
	p, err := sign.NewPrivateKey(o.Transient.Type(), rest[:n])
	if err != nil {
		return nil, nil, err
	}
	if p.Type().CanSign() && p.Public() != o.Transient {
		return nil, nil, errors.New("i2p: the transient private key is not that of the offline signature")
	}
	return &OfflineKeys{o, p}, rest[n:], nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// NewOfflineKeys draws a transient key of type t from r, nil is crypto/rand,
// and signs it with the identity's key until expires. AppendTo of the result
// is a key file without that key.
func (k *PrivateKeys) NewOfflineKeys(t sign.Type, expires uint32, r io.Reader) (*PrivateKeys, error) {
	if k.Offline != nil {
		return nil, errors.New("i2p: the identity's signing key is not in this key file")
	}
	p, err := sign.GenerateKey(t, r)
	if err != nil {
		return nil, err
	}
	o := OfflineSignature{Expires: expires, Transient: p.Public()}
	if o.Signature, err = k.Signing.Sign(o.appendSigned(nil)); err != nil {
		return nil, err
	}
	return &PrivateKeys{Identity: k.Identity, Crypto: k.Crypto, Offline: &OfflineKeys{o, p}}, nil
}

// String keeps the secrets out of logs.
func (k *PrivateKeys) String() string { return "private keys of " + k.Identity.Hash().String() }

// GoString keeps the secrets out of logs.
func (k *PrivateKeys) GoString() string { return k.String() }

// AppendTo appends the key file's content.
func (k *PrivateKeys) AppendTo(b []byte) []byte {
	b = k.Identity.AppendTo(b)
	b = append(b, k.Crypto...)
	if k.Offline == nil {
		return append(b, k.Signing.Bytes()...)
	}
	b = append(b, make([]byte, k.Identity.SigType().PrivateKeyLen())...)
	b = k.Offline.OfflineSignature.AppendTo(b)
	return append(b, k.Offline.Private.Bytes()...)
}

// Destination is the identity as a destination.
func (k *PrivateKeys) Destination() Destination { return Destination{k.Identity} }

// Router is the identity as a router's.
func (k *PrivateKeys) Router() RouterIdentity { return RouterIdentity{k.Identity} }

// SigningType is the type of the signatures that Sign makes.
func (k *PrivateKeys) SigningType() sign.Type {
	if k.Offline != nil {
		return k.Offline.Transient.Type()
	}
	return k.Identity.SigType()
}

// Sign signs with the transient key where there is one, else with the
// identity's.
func (k *PrivateKeys) Sign(msg []byte) ([]byte, error) {
	if k.Offline != nil {
		return k.Offline.Private.Sign(msg)
	}
	return k.Signing.Sign(msg)
}

// GenerateRouter draws a router's keys, Ed25519 and X25519, from r; nil is
// crypto/rand.
func GenerateRouter(r io.Reader) (*PrivateKeys, error) {
	return GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoX25519, r)
}

// GenerateDestination draws a destination's keys from r; nil is crypto/rand.
// A destination's encryption type is ElGamal's, 0: lease sets name the keys
// that are used, and Java sends to no destination that says another. Nobody
// uses the keys of this type any more: the public one is padding (proposal
// 161), the private one random bytes. With type X25519 they are real.
func GenerateDestination(st sign.Type, cryptoType EncryptionType, r io.Reader) (*PrivateKeys, error) {
	signing, err := sign.GenerateKey(st, r)
	if err != nil {
		return nil, err
	}
	k := &PrivateKeys{Signing: signing}
	var public []byte
	switch cryptoType {
	case CryptoX25519:
		kp := noise.GenerateKey(r)
		p := kp.Private()
		k.Crypto, public = p[:], kp.Public[:]
	case CryptoElGamal:
		k.Crypto = make([]byte, 256)
		draw.Fill(r, k.Crypto)
	default:
		return nil, fmt.Errorf("i2p: no identity can be made with encryption type %d", cryptoType)
	}
	k.Identity, err = newIdentity(signing.Public(), cryptoType, public, r)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// AllowTransient makes the keys with which transient signs for the destination of k until
// expires, in seconds since 1970. The signing key proper is not among them.
func AllowTransient(k *PrivateKeys, transient sign.PrivateKey, expires uint32) (*PrivateKeys, error) {
	if k.Offline != nil || k.Signing.IsZero() {
		return nil, errors.New("i2p: a transient key cannot allow another")
	}
	o := OfflineSignature{Expires: expires, Transient: transient.Public()}
	var err error
	if o.Signature, err = k.Signing.Sign(o.appendSigned(nil)); err != nil {
		return nil, err
	}
	return &PrivateKeys{Identity: k.Identity, Crypto: k.Crypto, Offline: &OfflineKeys{o, transient}}, nil
}
