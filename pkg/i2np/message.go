// Package i2np holds the codecs of I2NP, the messages that routers send to
// each other: headers, bodies, garlic cloves. Bytes only, no keys.
//
// Parsed values alias the bytes that they were parsed from, and are valid as
// long as those are.
package i2np

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2p"
)

// Type is the type of an I2NP message.
type Type byte

// The message types (I2NP specification, Messages).
const (
	DatabaseStoreType            Type = 1
	DatabaseLookupType           Type = 2
	DatabaseSearchReplyType      Type = 3
	DeliveryStatusType           Type = 10
	GarlicType                   Type = 11
	TunnelDataType               Type = 18
	TunnelGatewayType            Type = 19
	DataType                     Type = 20
	TunnelBuildType              Type = 21
	TunnelBuildReplyType         Type = 22
	VariableTunnelBuildType      Type = 23
	VariableTunnelBuildReplyType Type = 24
	ShortTunnelBuildType         Type = 25
	OutboundTunnelBuildReplyType Type = 26
	TunnelTestType               Type = 231 // i2pd's, in the experimental range
)

// String returns the specification's name of the type.
func (t Type) String() string {
	switch t {
	case DatabaseStoreType:
		return "DatabaseStore"
	case DatabaseLookupType:
		return "DatabaseLookup"
	case DatabaseSearchReplyType:
		return "DatabaseSearchReply"
	case DeliveryStatusType:
		return "DeliveryStatus"
	case GarlicType:
		return "Garlic"
	case TunnelDataType:
		return "TunnelData"
	case TunnelGatewayType:
		return "TunnelGateway"
	case DataType:
		return "Data"
	case TunnelBuildType:
		return "TunnelBuild"
	case TunnelBuildReplyType:
		return "TunnelBuildReply"
	case VariableTunnelBuildType:
		return "VariableTunnelBuild"
	case VariableTunnelBuildReplyType:
		return "VariableTunnelBuildReply"
	case ShortTunnelBuildType:
		return "ShortTunnelBuild"
	case OutboundTunnelBuildReplyType:
		return "OutboundTunnelBuildReply"
	case TunnelTestType:
		return "TunnelTest"
	}
	return fmt.Sprintf("type %d", byte(t))
}

// The lengths of the two headers in use, and the largest body. A message
// that goes through a tunnel is further bounded by its 64 fragments.
const (
	ShortHeaderLen    = 9
	StandardHeaderLen = 16
	MaxBody           = 0xffff - StandardHeaderLen
	MaxTunnelMessage  = 62708 // standard header included
)

// The tolerance towards the clocks of others: a message is dropped when it
// expired longer ago than MaxAge, or would expire later than MaxAhead from now.
const (
	MaxAge   = 60 * time.Second
	MaxAhead = 180 * time.Second
)

// Errors that a caller may want to tell apart.
var (
	ErrShort   = errors.New("too short")
	ErrLong    = errors.New("trailing bytes")
	ErrExpired = errors.New("message expired")
	ErrFuture  = errors.New("message expires too far in the future")
)

// Message is an I2NP message: what the headers say, and the body.
//
// When Owner is not nil, Body is a part of its contents. A call that "takes
// ownership" of a message moves the buffer with it; the last holder calls
// Release exactly once.
type Message struct {
	Type       Type
	ID         uint32
	Expiration i2p.Date
	Body       []byte
	Owner      *buf.Buf
}

// Release gives the buffer back, if there is one. Body is invalid afterwards.
func (m Message) Release() {
	if m.Owner != nil {
		m.Owner.Release()
	}
}

// Memory is how many bytes the body takes, with the buffer that it lies in.
func (m Message) Memory() int {
	if m.Owner != nil {
		return m.Owner.Cap()
	}
	return len(m.Body)
}

// Own returns a message that owns a copy of m's body; m stays as it was.
func (m Message) Own() Message {
	m.Owner = buf.Copy(m.Body)
	m.Body = m.Owner.Bytes()
	return m
}

// Expiration is when a message made now expires: after life at most, and three
// quarters of it at least, by what was drawn. A message has to be dropped once it has
// expired (I2NP, "Standard (16 bytes)"); nothing says how long it lives. With the same
// life for all, each message would tell our clock to the millisecond, by which what a
// destination sends could be told from what others send, and be linked to its router.
func Expiration(now time.Time, life time.Duration, random uint64) i2p.Date {
	less, _ := bits.Mul64(random, uint64(life/4))
	return i2p.DateOf(now.Add(life - time.Duration(less)))
}

// CheckExpiration returns ErrExpired or ErrFuture for a message that must
// not be handled any more, or not yet.
func (m Message) CheckExpiration(now time.Time) error { return CheckExpiration(now, m.Expiration) }

// CheckExpiration is that of a message, for what has an expiration of its own: a garlic clove.
func CheckExpiration(now time.Time, expiration i2p.Date) error {
	at, t := int64(expiration), now.UnixMilli()
	switch {
	case at < 0 || at > t+MaxAhead.Milliseconds():
		return ErrFuture
	case at < t-MaxAge.Milliseconds():
		return ErrExpired
	}
	return nil
}

// ParseShort parses a message with the header of NTCP2, SSU2 and ECIES
// garlic cloves; the body is all that follows.
//
//	offset 0 type (1), 1 message ID (4), 5 expiration in seconds (4), 9 body
func ParseShort(b []byte) (Message, error) {
	if len(b) < ShortHeaderLen {
		return Message{}, fmt.Errorf("i2np: short header: %d of %d bytes: %w", len(b), ShortHeaderLen, ErrShort)
	}
	return Message{
		Type:       Type(b[0]),
		ID:         binary.BigEndian.Uint32(b[1:]),
		Expiration: i2p.Date(binary.BigEndian.Uint32(b[5:])) * 1000,
		Body:       b[ShortHeaderLen:],
	}, nil
}

// PutShortHeader writes the header into b, which has room for ShortHeaderLen
// bytes. The expiration is cut to whole seconds.
func (m Message) PutShortHeader(b []byte) {
	_ = b[ShortHeaderLen-1]
	b[0] = byte(m.Type)
	binary.BigEndian.PutUint32(b[1:], m.ID)
	binary.BigEndian.PutUint32(b[5:], uint32(m.Expiration/1000))
}

// AppendShort appends header and body.
func (m Message) AppendShort(b []byte) []byte {
	var h [ShortHeaderLen]byte
	m.PutShortHeader(h[:])
	return append(append(b, h[:]...), m.Body...)
}

// ShortLen is the number of bytes that AppendShort appends.
func (m Message) ShortLen() int { return ShortHeaderLen + len(m.Body) }

// ParseStandard parses a message with the header that messages have inside
// tunnels, and returns what follows it. The checksum is not verified: others
// leave it out where an outer layer authenticates, as the specification lets
// them.
//
//	offset 0 type (1), 1 message ID (4), 5 expiration in ms (8), 13 size (2),
//	15 first byte of SHA-256(body) (1), 16 body
func ParseStandard(b []byte) (m Message, rest []byte, err error) {
	if len(b) < StandardHeaderLen {
		return Message{}, nil, fmt.Errorf("i2np: standard header: %d of %d bytes: %w", len(b), StandardHeaderLen, ErrShort)
	}
	size := int(binary.BigEndian.Uint16(b[13:]))
	if len(b)-StandardHeaderLen < size {
		return Message{}, nil, fmt.Errorf("i2np: message body: %d of %d bytes: %w", len(b)-StandardHeaderLen, size, ErrShort)
	}
	m = Message{
		Type:       Type(b[0]),
		ID:         binary.BigEndian.Uint32(b[1:]),
		Expiration: i2p.Date(binary.BigEndian.Uint64(b[5:])),
		Body:       b[StandardHeaderLen : StandardHeaderLen+size],
	}
	return m, b[StandardHeaderLen+size:], nil
}

// PutStandardHeader writes the header into b, which has room for
// StandardHeaderLen bytes. The body is at most MaxBody bytes long.
func (m Message) PutStandardHeader(b []byte) {
	_ = b[StandardHeaderLen-1]
	b[0] = byte(m.Type)
	binary.BigEndian.PutUint32(b[1:], m.ID)
	binary.BigEndian.PutUint64(b[5:], uint64(m.Expiration))
	binary.BigEndian.PutUint16(b[13:], uint16(len(m.Body)))
	sum := sha256.Sum256(m.Body)
	b[15] = sum[0]
}

// AppendStandard appends header and body.
func (m Message) AppendStandard(b []byte) []byte {
	var h [StandardHeaderLen]byte
	m.PutStandardHeader(h[:])
	return append(append(b, h[:]...), m.Body...)
}

// StandardLen is the number of bytes that AppendStandard appends.
func (m Message) StandardLen() int { return StandardHeaderLen + len(m.Body) }
