package leaseset

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// LeaseSet is the first kind, of ElGamal destinations. It is only read.
//
//	destination | ElGamal key 256 | signing key (unused) |
//	number 1 | { gateway 32 | tunnel id 4 | end date 8 (ms) } … | signature
type LeaseSet struct {
	raw    []byte
	signed int
	dest   i2p.Destination
	key    EncryptionKey
	leases []Lease
}

func parse1(b []byte) (_ *LeaseSet, after []byte, err error) {
	const leaseLen, keyLen = 44, 256
	s := &LeaseSet{}
	rest := b
	if s.dest, rest, err = i2p.ParseDestination(rest); err != nil {
		return nil, nil, fmt.Errorf("leaseset: %w", err)
	}
	fixed := keyLen + s.dest.SigType().PublicKeyLen()
	if len(rest) < fixed+1 {
		return nil, nil, fmt.Errorf("leaseset: keys: %w", i2p.ErrTruncated)
	}
	s.key = EncryptionKey{i2p.CryptoElGamal, rest[:keyLen:keyLen]}
	n := int(rest[fixed])
	rest = rest[fixed+1:]
	if n > MaxLeases {
		return nil, nil, fmt.Errorf("leaseset: %d leases, at most %d", n, MaxLeases)
	}
	if len(rest) < n*leaseLen {
		return nil, nil, fmt.Errorf("leaseset: leases: %w", i2p.ErrTruncated)
	}
	s.leases = make([]Lease, n)
	for i := range s.leases {
		s.leases[i] = Lease{i2p.Hash(rest), binary.BigEndian.Uint32(rest[32:]), i2p.Date(binary.BigEndian.Uint64(rest[36:]))}
		rest = rest[leaseLen:]
	}
	if s.raw, s.signed, after, err = cutSignature(b, rest, s.dest.SigType()); err != nil {
		return nil, nil, err
	}
	return s, after, nil
}

// StoreType is TypeLeaseSet.
func (s *LeaseSet) StoreType() byte { return TypeLeaseSet }

// Hash is the destination's.
func (s *LeaseSet) Hash() i2p.Hash { return s.dest.Hash() }

// Destination is the owner.
func (s *LeaseSet) Destination() i2p.Destination { return s.dest }

// Published is the first lease's end: the kind has no date of its own, and
// that is what tells an older set from a newer one.
func (s *LeaseSet) Published() i2p.Date {
	var first i2p.Date
	for i, l := range s.leases {
		if i == 0 || l.Expires < first {
			first = l.Expires
		}
	}
	return first
}

// Expires is the last lease's end.
func (s *LeaseSet) Expires() i2p.Date {
	var last i2p.Date
	for _, l := range s.leases {
		last = max(last, l.Expires)
	}
	return last
}

// Leases are in the order of the record.
func (s *LeaseSet) Leases() []Lease { return s.leases }

// EncryptionKeys is the one ElGamal key.
func (s *LeaseSet) EncryptionKeys() []EncryptionKey { return []EncryptionKey{s.key} }

// Options are none.
func (s *LeaseSet) Options() i2p.Mapping { return nil }

// Bytes is the signed record.
func (s *LeaseSet) Bytes() []byte { return s.raw }

// Verify checks the signature and the dates.
func (s *LeaseSet) Verify(now time.Time) error {
	if s.Expires() <= i2p.DateOf(now) {
		return fmt.Errorf("%w: at %v", ErrExpired, s.Expires().Time())
	}
	if s.Expires() > i2p.DateOf(now.Add(maxFuture+maxLease)) {
		return fmt.Errorf("%w: lease until %v", ErrFuture, s.Expires().Time())
	}
	if !s.dest.Verify(s.raw[:s.signed], s.raw[s.signed:]) {
		return ErrSignature
	}
	return nil
}
