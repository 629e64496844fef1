package leaseset

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// LeaseSet2 is the kind in use today.
//
//	destination | header | options mapping |
//	number of keys 1 | { type 2 | length 2 | key } … |
//	number of leases 1 | { gateway 32 | tunnel id 4 | end date 4 (s) } … | signature
type LeaseSet2 struct {
	front
	keys   []EncryptionKey
	leases []Lease
}

const lease2Len = 40

func parse2(b []byte) (*LeaseSet2, []byte, error) {
	f, rest, err := parseFront(b)
	if err != nil {
		return nil, nil, err
	}
	s := &LeaseSet2{front: f}
	if s.keys, rest, err = parseKeys(rest); err != nil {
		return nil, nil, err
	}
	if s.leases, rest, err = parseLeases2(rest); err != nil {
		return nil, nil, err
	}
	if rest, err = s.end(rest); err != nil {
		return nil, nil, err
	}
	return s, rest, nil
}

func parseKeys(b []byte) ([]EncryptionKey, []byte, error) {
	if len(b) < 1 {
		return nil, nil, fmt.Errorf("leaseset: keys: %w", i2p.ErrTruncated)
	}
	n := int(b[0])
	if n < 1 || n > maxKeys {
		return nil, nil, fmt.Errorf("leaseset: %d encryption keys, expected 1 to %d", n, maxKeys)
	}
	b = b[1:]
	keys := make([]EncryptionKey, n)
	for i := range keys {
		if len(b) < 4 || len(b)-4 < int(binary.BigEndian.Uint16(b[2:])) {
			return nil, nil, fmt.Errorf("leaseset: encryption key %d: %w", i, i2p.ErrTruncated)
		}
		t, l := i2p.EncryptionType(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
		if want := t.KeyLen(); want != 0 && l != want {
			return nil, nil, fmt.Errorf("leaseset: encryption key of type %d with %d bytes, expected %d", t, l, want)
		}
		keys[i] = EncryptionKey{t, b[4 : 4+l : 4+l]}
		b = b[4+l:]
	}
	return keys, b, nil
}

func parseLeases2(b []byte) ([]Lease, []byte, error) {
	if len(b) < 1 {
		return nil, nil, fmt.Errorf("leaseset: leases: %w", i2p.ErrTruncated)
	}
	n := int(b[0])
	if n > MaxLeases {
		return nil, nil, fmt.Errorf("leaseset: %d leases, at most %d", n, MaxLeases)
	}
	if b = b[1:]; len(b) < n*lease2Len {
		return nil, nil, fmt.Errorf("leaseset: leases: %w", i2p.ErrTruncated)
	}
	leases := make([]Lease, n)
	for i := range leases {
		leases[i] = Lease{i2p.Hash(b), binary.BigEndian.Uint32(b[32:]), seconds(binary.BigEndian.Uint32(b[36:]))}
		b = b[lease2Len:]
	}
	return leases, b, nil
}

// StoreType is TypeLeaseSet2.
func (s *LeaseSet2) StoreType() byte { return TypeLeaseSet2 }

// Leases are in the order of the record.
func (s *LeaseSet2) Leases() []Lease { return s.leases }

// EncryptionKeys are in the owner's order of preference.
func (s *LeaseSet2) EncryptionKeys() []EncryptionKey { return s.keys }

// Verify checks the signature, the offline one too, and the dates.
func (s *LeaseSet2) Verify(now time.Time) error {
	if err := s.checkDates(now); err != nil {
		return err
	}
	for _, l := range s.leases {
		if l.Expires > i2p.DateOf(now.Add(maxFuture+maxLease)) {
			return fmt.Errorf("%w: lease until %v", ErrFuture, l.Expires.Time())
		}
	}
	return s.verify(TypeLeaseSet2)
}

// Build2Config is what a LeaseSet2 is made of.
type Build2Config struct {
	Keys           *i2p.PrivateKeys // with an offline section, it is put in
	EncryptionKeys []EncryptionKey  // the preferred first
	Leases         []Lease
	Published      i2p.Date // cut to seconds
	Unpublished    bool
	Blinded        bool // it is published in encrypted form
	Options        map[string]string
}

// Build2 makes and signs a LeaseSet2, which expires with its last lease.
func Build2(cfg Build2Config) (*LeaseSet2, error) {
	if len(cfg.Leases) > MaxLeases {
		return nil, fmt.Errorf("leaseset: %d leases, at most %d", len(cfg.Leases), MaxLeases)
	}
	if n := len(cfg.EncryptionKeys); n < 1 || n > maxKeys {
		return nil, fmt.Errorf("leaseset: %d encryption keys, expected 1 to %d", n, maxKeys)
	}
	options, err := i2p.NewMapping(cfg.Options)
	if err != nil {
		return nil, err
	}
	h := header{published: uint32(cfg.Published / 1000)}
	var last uint32
	for _, l := range cfg.Leases {
		last = max(last, uint32(l.Expires/1000))
	}
	if last > h.published {
		h.expires = uint16(min(last-h.published, 0xffff))
	}
	if cfg.Unpublished {
		h.flags |= flagUnpublished
	}
	if cfg.Blinded {
		h.flags |= flagBlinded
	}
	if cfg.Keys.Offline != nil {
		h.flags |= flagOffline
		h.offline = &cfg.Keys.Offline.OfflineSignature
	}
	s := LeaseSet2{front: front{header: h, dest: cfg.Keys.Destination(), options: options}, keys: cfg.EncryptionKeys, leases: cfg.Leases}
	b := s.appendSigned([]byte{TypeLeaseSet2}) // the type is signed, but not part of the record
	sig, err := cfg.Keys.Sign(b)
	if err != nil {
		return nil, fmt.Errorf("leaseset: %w", err)
	}
	made, _, err := parse2(append(b[1:], sig...))
	return made, err
}

// appendSigned appends the record up to its signature.
func (s *LeaseSet2) appendSigned(b []byte) []byte {
	b = s.dest.AppendTo(b)
	b = s.header.appendTo(b)
	b = s.options.AppendTo(b)
	b = append(b, byte(len(s.keys)))
	for _, k := range s.keys {
		b = binary.BigEndian.AppendUint16(b, uint16(k.Type))
		b = binary.BigEndian.AppendUint16(b, uint16(len(k.Key)))
		b = append(b, k.Key...)
	}
	b = append(b, byte(len(s.leases)))
	for _, l := range s.leases {
		b = append(b, l.Gateway[:]...)
		b = binary.BigEndian.AppendUint32(b, l.TunnelID)
		b = binary.BigEndian.AppendUint32(b, uint32(l.Expires/1000))
	}
	return b
}
