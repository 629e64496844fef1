// Package datagram encodes what travels end to end between destinations: the
// gzip frame of I2CP payloads, whose unused header fields carry a protocol
// number and two ports, and in it datagrams of four kinds.
package datagram

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The protocol numbers of I2CP payloads.
const (
	Any       = 0
	Streaming = 6
	Repliable = 17 // Datagram1
	Raw       = 18
	Datagram2 = 19
	Datagram3 = 20
)

// MaxPayload is the most that Decode unpacks when it is asked for no smaller
// bound: I2CP messages are limited to about 64 KB.
const MaxPayload = 64 << 10

// Errors that callers tell apart.
var (
	ErrFormat   = errors.New("datagram: not a gzip payload")
	ErrTooLarge = errors.New("datagram: payload unpacks to more than is allowed")
	ErrChecksum = errors.New("datagram: checksum does not match")
)

// Header is what the gzip header of an I2CP payload says (I2CP Overview,
// "Payload Data Format and Multiplexing").
//
//	+----+----+----+----+----+----+----+----+----+----+----+-//-+----+-//-+----+-//
//	| 1f | 8b | 08 |flg | from    | to      | xf |prot| deflate stream | crc32  | size
//	+----+----+----+----+----+----+----+----+----+----+----+-//-+----+-//-+----+-//
//	from, to :: 2 bytes, big-endian, in the place of gzip's mtime
//	xf       :: 2, as Java I2P writes it
//	prot     :: 1 byte, in the place of gzip's OS
//	crc32, size :: 4 bytes each, little-endian, of the unpacked payload (RFC 1952)
type Header struct {
	Protocol byte
	From, To uint16 // ports; 0 is unspecified
}

const (
	headerLen  = 10
	blockLen   = 5 // header of a stored block (RFC 1951, 3.2.4)
	trailerLen = 8
	maxBlock   = 65535

	// StoredOverhead is what a stored payload of at most 65535 bytes costs.
	StoredOverhead = headerLen + blockLen + trailerLen
)

// gzip's flag bits (RFC 1952, 2.3.1).
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
	flagsReserved = 0xe0
)

// AppendTo appends the 10 bytes of the gzip header.
func (h Header) AppendTo(b []byte) []byte {
	return append(b, 0x1f, 0x8b, 8, 0, byte(h.From>>8), byte(h.From), byte(h.To>>8), byte(h.To), 2, h.Protocol)
}

// ParseHeader reads the header and leaves what follows it, the optional gzip
// fields excepted. It is enough to route a payload without unpacking it.
func ParseHeader(b []byte) (Header, []byte, error) {
	if len(b) < headerLen || b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return Header{}, nil, fmt.Errorf("%w: no gzip header in %d bytes", ErrFormat, len(b))
	}
	h := Header{Protocol: b[9], From: binary.BigEndian.Uint16(b[4:]), To: binary.BigEndian.Uint16(b[6:])}
	rest, ok := skipFields(b[3], b[headerLen:])
	if !ok {
		return Header{}, nil, fmt.Errorf("%w: flags %#02x", ErrFormat, b[3])
	}
	return h, rest, nil
}

// skipFields passes over gzip's optional header fields.
func skipFields(flags byte, b []byte) ([]byte, bool) {
	if flags&flagsReserved != 0 {
		return nil, false
	}
	if flags&flagExtra != 0 {
		if len(b) < 2 {
			return nil, false
		}
		n := 2 + int(binary.LittleEndian.Uint16(b))
		if len(b) < n {
			return nil, false
		}
		b = b[n:]
	}
	for _, f := range [...]byte{flagName, flagComment} {
		if flags&f == 0 {
			continue
		}
		i := 0
		for i < len(b) && b[i] != 0 {
			i++
		}
		if i == len(b) {
			return nil, false
		}
		b = b[i+1:]
	}
	if flags&flagHeaderCRC != 0 {
		if len(b) < 2 {
			return nil, false
		}
		b = b[2:]
	}
	return b, true
}

// BeginStored reserves the front of a stored payload at the end of b. The
// payload, at most 65535 bytes, is then appended in place, and EndStored
// completes the frame.
func BeginStored(b []byte) []byte {
	return append(b, make([]byte, headerLen+blockLen)...)
}

// EndStored completes the stored payload that BeginStored began when b was
// start bytes long.
func (h Header) EndStored(b []byte, start int) []byte {
	p := b[start+headerLen+blockLen:]
	if len(p) > maxBlock {
		panic(fmt.Sprintf("datagram: a stored block of %d bytes", len(p)))
	}
	h.AppendTo(b[start:start])
	stored(b[start+headerLen:], len(p), true)
	return appendTrailer(b, p)
}

// stored writes a stored block's header.
func stored(b []byte, n int, last bool) {
	b[0] = 0
	if last {
		b[0] = 1
	}
	binary.LittleEndian.PutUint16(b[1:], uint16(n))
	binary.LittleEndian.PutUint16(b[3:], ^uint16(n))
}

func appendTrailer(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(payload))
	return binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
}

// AppendStored appends payload framed without compression.
func (h Header) AppendStored(b, payload []byte) []byte {
	b = h.AppendTo(b)
	for rest := payload; ; {
		n := min(len(rest), maxBlock)
		b = append(b, 0, 0, 0, 0, 0)
		stored(b[len(b)-blockLen:], n, n == len(rest))
		b = append(b, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			return appendTrailer(b, payload)
		}
	}
}
