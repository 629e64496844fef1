package leaseset

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// MaxMeta is how many lease sets one MetaLeaseSet names at most.
const MaxMeta = 64

// MaxMetaLife is how long a MetaLeaseSet lasts at most (LeaseSet2Header, expires).
const MaxMetaLife = 65535 * time.Second

// MetaLease names a lease set, by the hash under which it is stored: another destination's, or
// another MetaLeaseSet (proposal 123, Meta LS2; the common structures' text speaks of a gateway).
type MetaLease struct {
	Hash    i2p.Hash
	Type    byte // the store type of what is there, 0 unknown
	Cost    byte // lower is preferred
	Expires i2p.Date
}

// MetaLeaseSet is a destination that is served by others: it has no tunnels, and names their lease sets.
//
//	destination | header | options | number 1 | { hash 32 | flags 3 | cost 1 | end date 4 (s) } … |
//	number 1 | revoked hashes … | signature
type MetaLeaseSet struct {
	front
	leases  []MetaLease
	revoked []i2p.Hash
}

func parseMeta(b []byte) (*MetaLeaseSet, []byte, error) {
	f, rest, err := parseFront(b)
	if err != nil {
		return nil, nil, err
	}
	s := &MetaLeaseSet{front: f}
	if len(rest) < 1 || int(rest[0]) > MaxMeta || len(rest) < 1+int(rest[0])*lease2Len+1 {
		return nil, nil, fmt.Errorf("leaseset: meta leases, at most %d: %w", MaxMeta, i2p.ErrTruncated)
	}
	s.leases = make([]MetaLease, rest[0])
	rest = rest[1:]
	for i := range s.leases {
		s.leases[i] = MetaLease{i2p.Hash(rest), rest[34] & 0x0f, rest[35], seconds(binary.BigEndian.Uint32(rest[36:]))}
		rest = rest[lease2Len:]
	}
	if int(rest[0]) > MaxMeta || len(rest) < 1+int(rest[0])*i2p.HashLen {
		return nil, nil, fmt.Errorf("leaseset: revocations, at most %d: %w", MaxMeta, i2p.ErrTruncated)
	}
	s.revoked = make([]i2p.Hash, rest[0])
	rest = rest[1:]
	for i := range s.revoked {
		s.revoked[i] = i2p.Hash(rest)
		rest = rest[i2p.HashLen:]
	}
	if rest, err = s.end(rest); err != nil {
		return nil, nil, err
	}
	return s, rest, nil
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
		if l.Expires > i2p.DateOf(now.Add(maxFuture+MaxMetaLife)) {
			return fmt.Errorf("%w: meta lease until %v", ErrFuture, l.Expires.Time())
		}
	}
	return s.verify(TypeMetaLeaseSet)
}

// MetaConfig is what a MetaLeaseSet is made of.
type MetaConfig struct {
	Keys      *i2p.PrivateKeys // with an offline section, it is put in
	Leases    []MetaLease
	Revoked   []i2p.Hash
	Published i2p.Date // cut to seconds
	Expires   i2p.Date
}

// BuildMeta makes and signs a MetaLeaseSet.
func BuildMeta(cfg MetaConfig) (*MetaLeaseSet, error) {
	if n := len(cfg.Leases); n < 1 || n > MaxMeta {
		return nil, fmt.Errorf("leaseset: %d meta leases, expected 1 to %d", n, MaxMeta)
	}
	if n := len(cfg.Revoked); n > MaxMeta {
		return nil, fmt.Errorf("leaseset: %d revocations, at most %d", n, MaxMeta)
	}
	h := header{published: uint32(cfg.Published / 1000)}
	if end := uint32(cfg.Expires / 1000); end > h.published {
		h.expires = uint16(min(end-h.published, 0xffff))
	}
	if cfg.Keys.Offline != nil {
		h.flags |= flagOffline
		h.offline = &cfg.Keys.Offline.OfflineSignature
	}
	s := MetaLeaseSet{front: front{header: h, dest: cfg.Keys.Destination()}, leases: cfg.Leases, revoked: cfg.Revoked}
	b := s.appendSigned([]byte{TypeMetaLeaseSet}) // the type is signed, but not part of the record
	sig, err := cfg.Keys.Sign(b)
	if err != nil {
		return nil, fmt.Errorf("leaseset: %w", err)
	}
	made, _, err := parseMeta(append(b[1:], sig...))
	return made, err
}

// appendSigned appends the record up to its signature.
func (s *MetaLeaseSet) appendSigned(b []byte) []byte {
	b = s.dest.AppendTo(b)
	b = s.header.appendTo(b)
	b = s.options.AppendTo(b)
	b = append(b, byte(len(s.leases)))
	for _, l := range s.leases {
		b = append(b, l.Hash[:]...)
		b = append(b, 0, 0, l.Type, l.Cost)
		b = binary.BigEndian.AppendUint32(b, uint32(l.Expires/1000))
	}
	b = append(b, byte(len(s.revoked)))
	for _, h := range s.revoked {
		b = append(b, h[:]...)
	}
	return b
}

// Usable are the leases that hold at a time: those that neither ended nor were revoked.
func (s *MetaLeaseSet) Usable(now time.Time) (leases []MetaLease) {
	for _, l := range s.leases {
		if l.Expires > i2p.DateOf(now) && !slices.Contains(s.revoked, l.Hash) {
			leases = append(leases, l)
		}
	}
	return leases
}
