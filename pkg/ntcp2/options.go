package ntcp2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// optionsLen is the size of the options in messages 1 and 2.
const optionsLen = 16

// Version is the protocol version in message 1.
const Version = 2

// RequestOptions are the options of message 1 (NTCP2, SessionRequest):
//
//	0  id       network ID, 0 is any
//	1  ver      protocol version, 2
//	2  padLen   2 bytes, padding behind the message
//	4  m3p2len  2 bytes, size of message 3 part 2 with its MAC
//	6  0        2 bytes
//	8  tsA      4 bytes, seconds since 1970
//	12 0        4 bytes
//
// All are big-endian. The reserved fields are kept, for options to come.
type RequestOptions struct {
	NetID        byte
	Version      byte
	PaddingLen   uint16
	ConfirmedLen uint16
	Reserved1    uint16
	Timestamp    uint32
	Reserved2    uint32
}

var errShort = errors.New("too short")

// ParseRequestOptions reads the 16 bytes at the start of b.
func ParseRequestOptions(b []byte) (o RequestOptions, rest []byte, err error) {
	if len(b) < optionsLen {
		return o, nil, fmt.Errorf("ntcp2: request options of %d bytes: %w", len(b), errShort)
	}
	return RequestOptions{
		NetID:        b[0],
		Version:      b[1],
		PaddingLen:   binary.BigEndian.Uint16(b[2:]),
		ConfirmedLen: binary.BigEndian.Uint16(b[4:]),
		Reserved1:    binary.BigEndian.Uint16(b[6:]),
		Timestamp:    binary.BigEndian.Uint32(b[8:]),
		Reserved2:    binary.BigEndian.Uint32(b[12:]),
	}, b[optionsLen:], nil
}

// AppendTo appends the 16 bytes.
func (o RequestOptions) AppendTo(b []byte) []byte {
	b = append(b, o.NetID, o.Version)
	b = binary.BigEndian.AppendUint16(b, o.PaddingLen)
	b = binary.BigEndian.AppendUint16(b, o.ConfirmedLen)
	b = binary.BigEndian.AppendUint16(b, o.Reserved1)
	b = binary.BigEndian.AppendUint32(b, o.Timestamp)
	return binary.BigEndian.AppendUint32(b, o.Reserved2)
}

// CreatedOptions are the options of message 2 (NTCP2, SessionCreated):
//
//	0  0       2 bytes
//	2  padLen  2 bytes, padding behind the message
//	4  0       4 bytes
//	8  tsB     4 bytes, seconds since 1970
//	12 0       4 bytes
type CreatedOptions struct {
	Reserved1  uint16
	PaddingLen uint16
	Reserved2  uint32
	Timestamp  uint32
	Reserved3  uint32
}

// ParseCreatedOptions reads the 16 bytes at the start of b.
func ParseCreatedOptions(b []byte) (o CreatedOptions, rest []byte, err error) {
	if len(b) < optionsLen {
		return o, nil, fmt.Errorf("ntcp2: created options of %d bytes: %w", len(b), errShort)
	}
	return CreatedOptions{
		Reserved1:  binary.BigEndian.Uint16(b),
		PaddingLen: binary.BigEndian.Uint16(b[2:]),
		Reserved2:  binary.BigEndian.Uint32(b[4:]),
		Timestamp:  binary.BigEndian.Uint32(b[8:]),
		Reserved3:  binary.BigEndian.Uint32(b[12:]),
	}, b[optionsLen:], nil
}

// AppendTo appends the 16 bytes.
func (o CreatedOptions) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, o.Reserved1)
	b = binary.BigEndian.AppendUint16(b, o.PaddingLen)
	b = binary.BigEndian.AppendUint32(b, o.Reserved2)
	b = binary.BigEndian.AppendUint32(b, o.Timestamp)
	return binary.BigEndian.AppendUint32(b, o.Reserved3)
}

// timestamp rounds to the nearest second, as the specification wants it so
// that the network's clocks do not drift.
func timestamp(t time.Time) uint32 { return uint32((t.UnixMilli() + 500) / 1000) }

// skewOf is how far the clock that wrote ts runs ahead of the one that reads
// t. The 32-bit seconds wrap in 2106, and so does the difference.
func skewOf(ts uint32, t time.Time) time.Duration {
	seconds := int32(ts - uint32(t.Unix()))
	return time.Duration(seconds)*time.Second - time.Duration(t.Nanosecond())
}
