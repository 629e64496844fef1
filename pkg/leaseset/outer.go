package leaseset

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// EncryptedLeaseSet is the outer layer of an encrypted lease set: what a
// floodfill sees of it.
//
//	signature type 2 | blinded public key | header | length 2 | encrypted data | signature
type EncryptedLeaseSet struct {
	header
	raw     []byte
	signed  int
	blinded sign.PublicKey
	data    []byte
}

func parseEncrypted(b []byte) (_ *EncryptedLeaseSet, after []byte, err error) {
	if len(b) < 2 {
		return nil, nil, fmt.Errorf("leaseset: encrypted: %w", i2p.ErrTruncated)
	}
	t := sign.Type(binary.BigEndian.Uint16(b))
	if t != sign.RedDSA_SHA512_Ed25519 && t != sign.EdDSA_SHA512_Ed25519 {
		return nil, nil, fmt.Errorf("leaseset: encrypted: blinded key of type %v", t)
	}
	n := t.PublicKeyLen()
	if len(b) < 2+n {
		return nil, nil, fmt.Errorf("leaseset: encrypted: blinded key: %w", i2p.ErrTruncated)
	}
	s := &EncryptedLeaseSet{}
	if s.blinded, err = sign.NewPublicKey(t, b[2:2+n]); err != nil {
		return nil, nil, err
	}
	rest := b[2+n:]
	if s.header, rest, err = parseHeader(rest, t); err != nil {
		return nil, nil, err
	}
	if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
		return nil, nil, fmt.Errorf("leaseset: encrypted data: %w", i2p.ErrTruncated)
	}
	l := int(binary.BigEndian.Uint16(rest))
	s.data, rest = rest[2:2+l:2+l], rest[2+l:]
	if s.raw, s.signed, after, err = cutSignature(b, rest, s.signer(s.blinded).Type()); err != nil {
		return nil, nil, err
	}
	return s, after, nil
}

// StoreType is TypeEncryptedLeaseSet.
func (s *EncryptedLeaseSet) StoreType() byte { return TypeEncryptedLeaseSet }

// Hash is the SHA-256 of the signature type and the blinded key.
func (s *EncryptedLeaseSet) Hash() i2p.Hash {
	return i2p.HashOf(s.raw[:2+s.blinded.Type().PublicKeyLen()])
}

// BlindedKey is the owner's key of the day.
func (s *EncryptedLeaseSet) BlindedKey() sign.PublicKey { return s.blinded }

// Ciphertext is the encrypted inner layer.
func (s *EncryptedLeaseSet) Ciphertext() []byte { return s.data }

// Bytes is the signed record.
func (s *EncryptedLeaseSet) Bytes() []byte { return s.raw }

// Verify checks the signature by the blinded key, and the dates.
func (s *EncryptedLeaseSet) Verify(now time.Time) error {
	if err := s.checkDates(now); err != nil {
		return err
	}
	if s.offline != nil && !s.offline.VerifyBy(s.blinded) {
		return fmt.Errorf("%w: that of the transient key", ErrSignature)
	}
	return verifyTyped(s.signer(s.blinded), TypeEncryptedLeaseSet, s.raw, s.signed)
}
