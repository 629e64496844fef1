package i2np

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

// The kinds of entries that a DatabaseStore carries.
const (
	StoreRouterInfo        byte = 0
	StoreLeaseSet          byte = 1
	StoreLeaseSet2         byte = 3
	StoreEncryptedLeaseSet byte = 5
	StoreMetaLeaseSet      byte = 7
)

// MaxExclude and MaxReplyTags bound a DatabaseLookup.
const (
	MaxExclude   = 512
	MaxReplyTags = 32
)

// DatabaseStore carries a netDb entry.
//
//	offset 0 key (32), 32 type (1), 33 reply token (4),
//	      37 reply tunnel (4) and gateway (32), unless the token is 0,
//	         data; a RouterInfo is gzipped and has a length (2) before it
type DatabaseStore struct {
	Key          i2p.Hash
	Type         byte // bits 3-0 only
	ReplyToken   uint32
	ReplyTunnel  uint32   // 0: reply directly to ReplyGateway
	ReplyGateway i2p.Hash // only with a token
	Data         []byte   // gzip bytes of a RouterInfo, or a lease set
}

// ParseDatabaseStore parses a body.
func ParseDatabaseStore(b []byte) (DatabaseStore, error) {
	var s DatabaseStore
	if len(b) < 37 {
		return s, fmt.Errorf("i2np: DatabaseStore: %d bytes: %w", len(b), ErrShort)
	}
	copy(s.Key[:], b)
	s.Type = b[32] & 0x0f
	s.ReplyToken = binary.BigEndian.Uint32(b[33:])
	b = b[37:]
	if s.ReplyToken != 0 {
		if len(b) < 36 {
			return DatabaseStore{}, fmt.Errorf("i2np: DatabaseStore: reply gateway: %w", ErrShort)
		}
		s.ReplyTunnel = binary.BigEndian.Uint32(b)
		copy(s.ReplyGateway[:], b[4:])
		b = b[36:]
	}
	if s.Type == StoreRouterInfo {
		if len(b) < 2 {
			return DatabaseStore{}, fmt.Errorf("i2np: DatabaseStore: RouterInfo length: %w", ErrShort)
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) != n {
			return DatabaseStore{}, fmt.Errorf("i2np: DatabaseStore: RouterInfo of %d bytes announced, %d there", n, len(b))
		}
	}
	s.Data = b
	return s, nil
}

// AppendTo appends the body.
func (s DatabaseStore) AppendTo(b []byte) []byte {
	b = append(append(b, s.Key[:]...), s.Type)
	b = binary.BigEndian.AppendUint32(b, s.ReplyToken)
	if s.ReplyToken != 0 {
		b = binary.BigEndian.AppendUint32(b, s.ReplyTunnel)
		b = append(b, s.ReplyGateway[:]...)
	}
	if s.Type == StoreRouterInfo {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s.Data)))
	}
	return append(b, s.Data...)
}

// LookupKind says what a DatabaseLookup looks for.
type LookupKind byte

// The lookup types (flag bits 3-2).
const (
	LookupAny         LookupKind = 0 // deprecated
	LookupLeaseSet    LookupKind = 1
	LookupRouterInfo  LookupKind = 2
	LookupExploration LookupKind = 3
)

// ReplyEncryption says how the reply to a DatabaseLookup is encrypted.
type ReplyEncryption byte

// The values of flag bits 4 and 1 that are in use.
const (
	ReplyPlain   ReplyEncryption = 0
	ReplyElGamal ReplyEncryption = 1 // AES with 32-byte session tags
	ReplyECIES   ReplyEncryption = 2 // ChaCha20-Poly1305 with one 8-byte tag
)

// DatabaseLookup asks for a netDb entry.
//
//	offset 0 key (32), 32 from (32), 64 flags (1), 65 reply tunnel (4) if
//	flag bit 0, count (2), excluded hashes, then reply key (32), number of
//	tags (1) and tags if flag bit 1 or 4
type DatabaseLookup struct {
	Key         i2p.Hash
	From        i2p.Hash // the asking router, or the reply tunnel's gateway
	Kind        LookupKind
	ViaTunnel   bool   // deliveryFlag
	ReplyTunnel uint32 // with ViaTunnel
	Exclude     []i2p.Hash

	Encryption  ReplyEncryption
	ReplyKey    [32]byte
	ReplyTag    [8]byte    // ReplyECIES
	SessionTags [][32]byte // ReplyElGamal
}

// ParseDatabaseLookup parses a body.
func ParseDatabaseLookup(b []byte) (DatabaseLookup, error) {
	var l DatabaseLookup
	if len(b) < 65 {
		return l, fmt.Errorf("i2np: DatabaseLookup: %d bytes: %w", len(b), ErrShort)
	}
	copy(l.Key[:], b)
	copy(l.From[:], b[32:])
	flags := b[64]
	l.ViaTunnel = flags&1 != 0
	l.Kind = LookupKind(flags >> 2 & 3)
	l.Encryption = ReplyEncryption(flags>>1&1 | flags>>3&2)
	b = b[65:]
	if l.ViaTunnel {
		if len(b) < 4 {
			return DatabaseLookup{}, fmt.Errorf("i2np: DatabaseLookup: reply tunnel: %w", ErrShort)
		}
		l.ReplyTunnel = binary.BigEndian.Uint32(b)
		b = b[4:]
	}
	if len(b) < 2 {
		return DatabaseLookup{}, fmt.Errorf("i2np: DatabaseLookup: number of excluded peers: %w", ErrShort)
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > MaxExclude || len(b) < 32*n {
		return DatabaseLookup{}, fmt.Errorf("i2np: DatabaseLookup: %d excluded peers in %d bytes, at most %d allowed", n, len(b), MaxExclude)
	}
	if n > 0 {
		l.Exclude = make([]i2p.Hash, n)
		for i := range l.Exclude {
			copy(l.Exclude[i][:], b[32*i:])
		}
	}
	if err := l.parseReply(b[32*n:]); err != nil {
		return DatabaseLookup{}, err
	}
	return l, nil
}

func (l *DatabaseLookup) parseReply(b []byte) error {
	if l.Encryption == ReplyPlain {
		if len(b) > 0 {
			return fmt.Errorf("i2np: DatabaseLookup: %d bytes after the excluded peers: %w", len(b), ErrLong)
		}
		return nil
	}
	if len(b) < 33 {
		return fmt.Errorf("i2np: DatabaseLookup: reply key: %w", ErrShort)
	}
	copy(l.ReplyKey[:], b)
	n, b := int(b[32]), b[33:]
	switch l.Encryption {
	case ReplyECIES:
		if n != 1 || len(b) != 8 {
			return fmt.Errorf("i2np: DatabaseLookup: one reply tag of 8 bytes expected, %d tags in %d bytes came", n, len(b))
		}
		copy(l.ReplyTag[:], b)
	case ReplyElGamal:
		if n < 1 || n > MaxReplyTags || len(b) != 32*n {
			return fmt.Errorf("i2np: DatabaseLookup: %d session tags in %d bytes", n, len(b))
		}
		l.SessionTags = make([][32]byte, n)
		for i := range l.SessionTags {
			copy(l.SessionTags[i][:], b[32*i:])
		}
	default:
		return fmt.Errorf("i2np: DatabaseLookup: reply encryption %d is not in use", l.Encryption)
	}
	return nil
}

// AppendTo appends the body.
func (l DatabaseLookup) AppendTo(b []byte) []byte {
	b = append(append(b, l.Key[:]...), l.From[:]...)
	flags := byte(l.Kind&3)<<2 | byte(l.Encryption)&1<<1 | byte(l.Encryption)&2<<3
	if l.ViaTunnel {
		b = binary.BigEndian.AppendUint32(append(b, flags|1), l.ReplyTunnel)
	} else {
		b = append(b, flags)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Exclude)))
	for i := range l.Exclude {
		b = append(b, l.Exclude[i][:]...)
	}
	switch l.Encryption {
	case ReplyECIES:
		b = append(append(b, l.ReplyKey[:]...), 1)
		b = append(b, l.ReplyTag[:]...)
	case ReplyElGamal:
		b = append(append(b, l.ReplyKey[:]...), byte(len(l.SessionTags)))
		for i := range l.SessionTags {
			b = append(b, l.SessionTags[i][:]...)
		}
	}
	return b
}

// DatabaseSearchReply names routers that may know what was asked for.
//
//	offset 0 key (32), 32 count (1), 33 hashes, from (32)
type DatabaseSearchReply struct {
	Key   i2p.Hash
	Peers []i2p.Hash // at most 255
	From  i2p.Hash   // not authenticated
}

// ParseDatabaseSearchReply parses a body.
func ParseDatabaseSearchReply(b []byte) (DatabaseSearchReply, error) {
	var r DatabaseSearchReply
	if len(b) < 65 {
		return r, fmt.Errorf("i2np: DatabaseSearchReply: %d bytes: %w", len(b), ErrShort)
	}
	n := int(b[32])
	if len(b) != 65+32*n {
		return r, fmt.Errorf("i2np: DatabaseSearchReply: %d hashes announced in %d bytes", n, len(b))
	}
	copy(r.Key[:], b)
	b = b[33:]
	if n > 0 {
		r.Peers = make([]i2p.Hash, n)
		for i := range r.Peers {
			copy(r.Peers[i][:], b[32*i:])
		}
	}
	copy(r.From[:], b[32*n:])
	return r, nil
}

// AppendTo appends the body.
func (r DatabaseSearchReply) AppendTo(b []byte) []byte {
	b = append(append(b, r.Key[:]...), byte(len(r.Peers)))
	for i := range r.Peers {
		b = append(b, r.Peers[i][:]...)
	}
	return append(b, r.From[:]...)
}
