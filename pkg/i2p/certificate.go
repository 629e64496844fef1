package i2p

import (
	"encoding/binary"
	"fmt"

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

// keyTypes reads the types that a certificate gives the two keys of its
// identity, and the part of the signing key that found no room in it.
func (c Certificate) keyTypes() (st sign.Type, ct EncryptionType, excess []byte, err error) {
	if c.Type != CertKey {
		return sign.DSA_SHA1, CryptoElGamal, nil, nil
	}
	if len(c.Payload) < 4 {
		return 0, 0, nil, fmt.Errorf("i2p: key certificate of %d bytes, expected at least 4", len(c.Payload))
	}
	st = sign.Type(binary.BigEndian.Uint16(c.Payload))
	ct = EncryptionType(binary.BigEndian.Uint16(c.Payload[2:]))
	if !st.Known() {
		return 0, 0, nil, fmt.Errorf("i2p: key certificate: unknown signature type %d", st)
	}
	if _, _, ok := ct.keyLens(); !ok {
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
func newKeyCertificate(st sign.Type, ct EncryptionType, excess []byte) Certificate {
	b := binary.BigEndian.AppendUint16(nil, uint16(st))
	b = binary.BigEndian.AppendUint16(b, uint16(ct))
	return Certificate{CertKey, append(b, excess...)}
}
