// Package leaseset reads, checks and makes lease sets: the records in the
// netDb that say through which tunnels a destination is reached, and with
// which keys (common structures, LeaseSet to EncryptedLeaseSet).
package leaseset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// The DatabaseStore types of lease sets.
const (
	TypeLeaseSet          = 1
	TypeLeaseSet2         = 3
	TypeEncryptedLeaseSet = 5
	TypeMetaLeaseSet      = 7
)

// Limits of what is accepted.
const (
	MaxLen    = 16 << 10
	MaxLeases = 16 // LeaseSet2, num
	maxKeys   = 8
	maxFuture = time.Minute      // a record from a clock that is ahead
	maxLease  = 15 * time.Minute // tunnels live ten, but clocks differ
)

// Lease is a tunnel that leads to the destination until it expires.
type Lease struct {
	Gateway  i2p.Hash
	TunnelID uint32
	Expires  i2p.Date
}

// EncryptionKey is a key with which garlic for the destination is encrypted.
type EncryptionKey struct {
	Type i2p.EncryptionType
	Key  []byte
}

// Record is a lease set of any kind, as the netDb stores it: what can be said
// of it without looking inside. Records are immutable.
type Record interface {
	StoreType() byte
	// Hash is the key under which the record is stored.
	Hash() i2p.Hash
	Published() i2p.Date
	Expires() i2p.Date
	// Verify checks the signature, and that the dates fit now.
	Verify(now time.Time) error
	// Bytes is the exact record; it must not be changed.
	Bytes() []byte
}

// Set is a record that says how its destination is reached: a LeaseSet or
// LeaseSet2. An EncryptedLeaseSet has to be opened, and a MetaLeaseSet followed,
// before there is one: neither is a Set without leases.
type Set interface {
	Record
	Destination() i2p.Destination
	Leases() []Lease
	// EncryptionKeys are in the owner's order of preference.
	EncryptionKeys() []EncryptionKey
	Options() i2p.Mapping
}

var (
	_ Set    = (*LeaseSet)(nil)
	_ Set    = (*LeaseSet2)(nil)
	_ Record = (*EncryptedLeaseSet)(nil)
	_ Record = (*MetaLeaseSet)(nil)
)

// Reasons for which Verify refuses.
var (
	ErrSignature = errors.New("leaseset: signature does not verify")
	ErrExpired   = errors.New("leaseset: expired")
	ErrFuture    = errors.New("leaseset: dates too far in the future")
)

// Parse reads a lease set of a DatabaseStore type that takes up all of b.
func Parse(storeType byte, b []byte) (Record, error) {
	if len(b) > MaxLen {
		return nil, fmt.Errorf("leaseset: %d bytes, at most %d", len(b), MaxLen)
	}
	s, rest, err := ParseFirst(storeType, b)
	if err == nil && len(rest) > 0 {
		return nil, fmt.Errorf("leaseset: %d bytes are left over", len(rest))
	}
	return s, err
}

// ParseFirst is Parse for a lease set that something else follows.
func ParseFirst(storeType byte, b []byte) (Record, []byte, error) {
	own := bytes.Clone(b[:min(len(b), MaxLen)])
	var (
		s    Record
		rest []byte
		err  error
	)
	switch storeType {
	case TypeLeaseSet:
		s, rest, err = parse1(own)
	case TypeLeaseSet2:
		s, rest, err = parse2(own)
	case TypeEncryptedLeaseSet:
		s, rest, err = parseEncrypted(own)
	case TypeMetaLeaseSet:
		s, rest, err = parseMeta(own)
	default:
		return nil, nil, fmt.Errorf("leaseset: store type %d is not a lease set's", storeType)
	}
	if err != nil {
		return nil, nil, err // not s, which would be a non-nil interface
	}
	return s, b[len(own)-len(rest):], nil
}

// cutSignature takes the signature that ends a record off what is left of it: signed bytes are before it.
func cutSignature(raw, rest []byte, by sign.Type) (record []byte, signed int, after []byte, err error) {
	n := by.SignatureLen()
	if len(rest) < n {
		return nil, 0, nil, fmt.Errorf("leaseset: signature of %d bytes, expected %d: %w", len(rest), n, i2p.ErrTruncated)
	}
	signed = len(raw) - len(rest)
	return raw[: signed+n : signed+n], signed, rest[n:], nil
}

// header is what all kinds but the first share (LeaseSet2Header):
//
//	published 4 (s) | expires 2 (s after published) | flags 2 | offline signature, if flagged
type header struct {
	published uint32
	expires   uint16
	flags     uint16
	offline   *i2p.OfflineSignature
}

// Header flags.
const (
	flagOffline     = 1 << 0
	flagUnpublished = 1 << 1
	flagBlinded     = 1 << 2
)

func parseHeader(b []byte, by sign.Type) (header, []byte, error) {
	if len(b) < 8 {
		return header{}, nil, fmt.Errorf("leaseset: header: %w", i2p.ErrTruncated)
	}
	h := header{
		published: binary.BigEndian.Uint32(b),
		expires:   binary.BigEndian.Uint16(b[4:]),
		flags:     binary.BigEndian.Uint16(b[6:]),
	}
	b = b[8:]
	if h.flags&flagOffline != 0 {
		o, rest, err := i2p.ParseOfflineSignature(b, by)
		if err != nil {
			return header{}, nil, err
		}
		h.offline, b = &o, rest
	}
	return h, b, nil
}

// front is what the lease sets that name their destination begin with, and
// raw[signed:] the signature that they end with.
type front struct {
	header
	raw     []byte
	signed  int
	dest    i2p.Destination
	options i2p.Mapping
}

func parseFront(b []byte) (f front, rest []byte, err error) {
	f.raw = b
	if f.dest, rest, err = i2p.ParseDestination(b); err != nil {
		return f, nil, fmt.Errorf("leaseset: %w", err)
	}
	if f.header, rest, err = parseHeader(rest, f.dest.SigType()); err != nil {
		return f, nil, err
	}
	if f.options, rest, err = i2p.ParseMapping(rest); err != nil {
		return f, nil, fmt.Errorf("leaseset: options: %w", err)
	}
	return f, rest, nil
}

// end takes the signature, and leaves what follows it.
func (f *front) end(rest []byte) (after []byte, err error) {
	f.raw, f.signed, after, err = cutSignature(f.raw, rest, f.signer(f.dest.SigningKey()).Type())
	return after, err
}

// verify checks the signature, the offline one too, of a record of this type.
func (f *front) verify(storeType byte) error {
	if f.offline != nil && !f.offline.Verify(f.dest.Identity) {
		return fmt.Errorf("%w: that of the transient key", ErrSignature)
	}
	return verifyTyped(f.signer(f.dest.SigningKey()), storeType, f.raw, f.signed)
}

// Hash is the destination's.
func (f *front) Hash() i2p.Hash { return f.dest.Hash() }

// Destination is the owner.
func (f *front) Destination() i2p.Destination { return f.dest }

// Options are the set's options, service records among them.
func (f *front) Options() i2p.Mapping { return f.options }

// Bytes is the signed record.
func (f *front) Bytes() []byte { return f.raw }

func (h header) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, h.published)
	b = binary.BigEndian.AppendUint16(b, h.expires)
	b = binary.BigEndian.AppendUint16(b, h.flags)
	if h.offline != nil {
		b = h.offline.AppendTo(b)
	}
	return b
}

func (h header) Published() i2p.Date { return seconds(h.published) }

func (h header) Expires() i2p.Date {
	return i2p.Date((uint64(h.published) + uint64(h.expires)) * 1000)
}

// Unpublished reports that the owner does not want the set in the netDb.
func (h header) Unpublished() bool { return h.flags&flagUnpublished != 0 }

// Blinded reports that the set is published in encrypted form.
func (h header) Blinded() bool { return h.flags&flagBlinded != 0 }

// Offline is the signature that allows the transient key, nil without one.
func (h header) Offline() *i2p.OfflineSignature { return h.offline }

// signer is the key that signs the set: the transient one if there is one.
func (h header) signer(owner sign.PublicKey) sign.PublicKey {
	if h.offline != nil {
		return h.offline.Transient
	}
	return owner
}

func (h header) checkDates(now time.Time) error {
	if h.Published() > i2p.DateOf(now.Add(maxFuture)) {
		return fmt.Errorf("%w: published %v", ErrFuture, h.Published().Time())
	}
	if h.Expires() <= i2p.DateOf(now) {
		return fmt.Errorf("%w: at %v", ErrExpired, h.Expires().Time())
	}
	if h.offline != nil && seconds(h.offline.Expires) <= i2p.DateOf(now) {
		return fmt.Errorf("%w: transient key, at %v", ErrExpired, seconds(h.offline.Expires).Time())
	}
	return nil
}

func seconds(s uint32) i2p.Date { return i2p.Date(s) * 1000 }

// verifyTyped checks a signature over the store type and the set.
func verifyTyped(k sign.PublicKey, storeType byte, raw []byte, signed int) error {
	msg := append(append(make([]byte, 0, signed+1), storeType), raw[:signed]...)
	if !k.Verify(msg, raw[signed:]) {
		return ErrSignature
	}
	return nil
}
