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

func parseEncrypted(b []byte) (*EncryptedLeaseSet, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("leaseset: encrypted: %w", i2p.ErrTruncated)
	}
	t := sign.Type(binary.BigEndian.Uint16(b))
	if t != sign.RedDSA_SHA512_Ed25519 && t != sign.EdDSA_SHA512_Ed25519 {
		return nil, fmt.Errorf("leaseset: encrypted: blinded key of type %v", t)
	}
	n := t.PublicKeyLen()
	if len(b) < 2+n {
		return nil, fmt.Errorf("leaseset: encrypted: blinded key: %w", i2p.ErrTruncated)
	}
	s := &EncryptedLeaseSet{raw: b}
	var err error
	if s.blinded, err = sign.NewPublicKey(t, b[2:2+n]); err != nil {
		return nil, err
	}
	rest := b[2+n:]
	if s.header, rest, err = parseHeader(rest, t); err != nil {
		return nil, err
	}
	if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
		return nil, fmt.Errorf("leaseset: encrypted data: %w", i2p.ErrTruncated)
	}
	l := int(binary.BigEndian.Uint16(rest))
	s.data, rest = rest[2:2+l:2+l], rest[2+l:]
	if want := s.signer(s.blinded).Type().SignatureLen(); len(rest) != want {
		return nil, fmt.Errorf("leaseset: signature of %d bytes, expected %d", len(rest), want)
	}
	s.signed = len(b) - len(rest)
	return s, nil
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

// MetaLease names another lease set that serves the same destination.
type MetaLease struct {
	Gateway i2p.Hash // of a router, or the hash of another MetaLeaseSet
	Type    byte     // the store type of what is there, 0 unknown
	Cost    byte     // lower is preferred
	Expires i2p.Date
}

// MetaLeaseSet lists further lease sets of one destination.
//
//	destination | header | options | number 1 | { gateway 32 | flags 3 | cost 1 | end date 4 (s) } … |
//	number 1 | revoked hashes … | signature
type MetaLeaseSet struct {
	front
	leases  []MetaLease
	revoked []i2p.Hash
}

func parseMeta(b []byte) (*MetaLeaseSet, error) {
	f, rest, err := parseFront(b)
	if err != nil {
		return nil, err
	}
	s := &MetaLeaseSet{front: f}
	if len(rest) < 1 || int(rest[0]) > maxMeta || len(rest) < 1+int(rest[0])*lease2Len+1 {
		return nil, fmt.Errorf("leaseset: meta leases, at most %d: %w", maxMeta, i2p.ErrTruncated)
	}
	s.leases = make([]MetaLease, rest[0])
	rest = rest[1:]
	for i := range s.leases {
		s.leases[i] = MetaLease{i2p.Hash(rest), rest[34] & 0x0f, rest[35], seconds(binary.BigEndian.Uint32(rest[36:]))}
		rest = rest[lease2Len:]
	}
	if int(rest[0]) > maxMeta || len(rest) < 1+int(rest[0])*i2p.HashLen {
		return nil, fmt.Errorf("leaseset: revocations, at most %d: %w", maxMeta, i2p.ErrTruncated)
	}
	s.revoked = make([]i2p.Hash, rest[0])
	rest = rest[1:]
	for i := range s.revoked {
		s.revoked[i] = i2p.Hash(rest)
		rest = rest[i2p.HashLen:]
	}
	if err := s.end(rest); err != nil {
		return nil, err
	}
	return s, nil
}

// StoreType is TypeMetaLeaseSet.
func (s *MetaLeaseSet) StoreType() byte { return TypeMetaLeaseSet }

// MetaLeases name the further sets.
func (s *MetaLeaseSet) MetaLeases() []MetaLease { return s.leases }

// Revoked are hashes of sets that are not valid any more.
func (s *MetaLeaseSet) Revoked() []i2p.Hash { return s.revoked }

// Verify checks the signature, the offline one too, and the dates.
func (s *MetaLeaseSet) Verify(now time.Time) error {
	if err := s.checkDates(now); err != nil {
		return err
	}
	for _, l := range s.leases {
		if l.Expires > i2p.DateOf(now.Add(maxFuture+maxMetaEnd)) {
			return fmt.Errorf("%w: meta lease until %v", ErrFuture, l.Expires.Time())
		}
	}
	return s.verify(TypeMetaLeaseSet)
}
