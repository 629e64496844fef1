package i2p

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"i2ptoolkit/pkg/sign"
)

// Certificate types (common structures, Certificate).
const (
	CertNull     = 0
	CertHashcash = 1
	CertHidden   = 2
	CertSigned   = 3
	CertMultiple = 4
	CertKey      = 5
)

// maxCertificate bounds a certificate's payload. The longest in use names an
// RSA-4096 key: 4 bytes of types and 384 of the key.
const maxCertificate = 512

// Certificate is a type and a payload.
//
//	+----+----+----+----+-//
//	|type| length  | payload
//	+----+----+----+----+-//
//	length :: 2 bytes, big-endian
type Certificate struct {
	Type    byte
	Payload []byte
}

// ParseCertificate reads a certificate. The payload refers to b.
func ParseCertificate(b []byte) (Certificate, []byte, error) {
	if len(b) < 3 {
		return Certificate{}, nil, fmt.Errorf("i2p: certificate: %w", ErrTruncated)
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if n > maxCertificate {
		return Certificate{}, nil, fmt.Errorf("i2p: certificate of %d bytes, at most %d", n, maxCertificate)
	}
	if len(b) < 3+n {
		return Certificate{}, nil, fmt.Errorf("i2p: certificate of %d bytes, %d are there: %w", n, len(b)-3, ErrTruncated)
	}
	if b[0] == CertNull && n > 0 {
		return Certificate{}, nil, fmt.Errorf("i2p: null certificate with %d bytes of payload", n)
	}
	return Certificate{b[0], b[3 : 3+n : 3+n]}, b[3+n:], nil
}

// AppendTo appends the certificate.
func (c Certificate) AppendTo(b []byte) []byte {
	b = append(b, c.Type)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.Payload)))
	return append(b, c.Payload...)
}

// Crypto (encryption) types of key certificates and lease sets.
const (
	CryptoElGamal         = 0
	CryptoP256            = 1
	CryptoP384            = 2
	CryptoP521            = 3
	CryptoX25519          = 4
	CryptoMLKEM512X25519  = 5
	CryptoMLKEM768X25519  = 6
	CryptoMLKEM1024X25519 = 7
)

// CryptoName names an encryption type; an unknown one by its number.
func CryptoName(t uint16) string {
	switch t {
	case CryptoElGamal:
		return "ElGamal"
	case CryptoP256:
		return "P256"
	case CryptoP384:
		return "P384"
	case CryptoP521:
		return "P521"
	case CryptoX25519:
		return "X25519"
	case CryptoMLKEM512X25519:
		return "MLKEM512_X25519"
	case CryptoMLKEM768X25519:
		return "MLKEM768_X25519"
	case CryptoMLKEM1024X25519:
		return "MLKEM1024_X25519"
	}
	return strconv.Itoa(int(t))
}

// cryptoLen is the length of the two keys of a type (common structures,
// PublicKey and PrivateKey). Hybrid types have the X25519 one here.
func cryptoLen(t uint16) (public, private int, ok bool) {
	switch t {
	case CryptoElGamal:
		return 256, 256, true
	case CryptoP256:
		return 64, 32, true
	case CryptoP384:
		return 96, 48, true
	case CryptoP521:
		return 132, 66, true
	case CryptoX25519, CryptoMLKEM512X25519, CryptoMLKEM768X25519, CryptoMLKEM1024X25519:
		return 32, 32, true
	}
	return 0, 0, false
}

// CryptoKeyLen is the length of a public key of an encryption type in
// identities and lease sets, 0 for an unknown type.
func CryptoKeyLen(t uint16) int {
	n, _, _ := cryptoLen(t)
	return n
}

// keyTypes reads the types that a certificate gives the two keys of its
// identity, and the part of the signing key that found no room in it.
func (c Certificate) keyTypes() (st sign.Type, ct uint16, excess []byte, err error) {
	if c.Type != CertKey {
		return sign.DSA_SHA1, CryptoElGamal, nil, nil
	}
	if len(c.Payload) < 4 {
		return 0, 0, nil, fmt.Errorf("i2p: key certificate of %d bytes, expected at least 4", len(c.Payload))
	}
	st = sign.Type(binary.BigEndian.Uint16(c.Payload))
	ct = binary.BigEndian.Uint16(c.Payload[2:])
	if !st.Known() {
		return 0, 0, nil, fmt.Errorf("i2p: key certificate: unknown signature type %d", st)
	}
	if _, _, ok := cryptoLen(ct); !ok {
		return 0, 0, nil, fmt.Errorf("i2p: key certificate: unknown encryption type %d", ct)
	}
	need := max(0, st.PublicKeyLen()-signingField)
	if len(c.Payload) < 4+need {
		return 0, 0, nil, fmt.Errorf("i2p: key certificate of %d bytes, %v needs %d", len(c.Payload), st, 4+need)
	}
	return st, ct, c.Payload[4 : 4+need], nil
}

// newKeyCertificate names the types, and carries what is too long for the
// signing key's field.
func newKeyCertificate(st sign.Type, ct uint16, excess []byte) Certificate {
	b := binary.BigEndian.AppendUint16(nil, uint16(st))
	b = binary.BigEndian.AppendUint16(b, ct)
	return Certificate{CertKey, append(b, excess...)}
}
