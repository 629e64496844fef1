package i2cp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

var errLeft = errors.New("bytes are left over")

// reader takes the fields of a body one after the other. The first error sticks, and what is
// read behind it is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// bytes are the next n, as a part of the body.
func (r *reader) bytes(n int) []byte {
	if n < 0 || len(r.b) < n {
		r.fail(i2p.ErrTruncated)
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// number is a big-endian one of n bytes, at most 8.
func (r *reader) number(n int) (v uint64) {
	for _, b := range r.bytes(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (r *reader) byte() byte         { return byte(r.number(1)) }
func (r *reader) session() SessionID { return SessionID(r.number(2)) }
func (r *reader) uint32() uint32     { return uint32(r.number(4)) }
func (r *reader) date() i2p.Date     { return i2p.Date(r.number(8)) }

func (r *reader) hash() (h i2p.Hash) {
	copy(h[:], r.bytes(i2p.HashLen))
	return h
}

// text is a String: its length in one byte, and UTF-8.
func (r *reader) text() string { return string(r.bytes(int(r.byte()))) }

// payload is a Payload: its length in four bytes, and the bytes.
func (r *reader) payload() []byte {
	n := r.uint32()
	if uint64(n) > uint64(len(r.b)) {
		r.fail(i2p.ErrTruncated)
		return nil
	}
	return r.bytes(int(n))
}

func (r *reader) destination() (d i2p.Destination) {
	if r.err != nil {
		return d
	}
	d, rest, err := i2p.ParseDestination(r.b)
	if err != nil {
		r.fail(err)
		return i2p.Destination{}
	}
	r.b = rest
	return d
}

func (r *reader) mapping() i2p.Mapping {
	if r.err != nil {
		return nil
	}
	m, rest, err := i2p.ParseMapping(r.b)
	if err != nil {
		r.fail(err)
		return nil
	}
	r.b = rest
	return m
}

// end is what is wrong with the body, all of which is to have been read.
func (r *reader) end(t Type) error {
	if len(r.b) > 0 {
		r.fail(errLeft)
	}
	if r.err != nil {
		return fmt.Errorf("i2cp: %v: %w", t, r.err)
	}
	return nil
}

func appendText(b []byte, text string) []byte {
	text = text[:min(len(text), 255)]
	return append(append(b, byte(len(text))), text...)
}

func appendPayload(b, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...)
}

func (s SessionID) appendTo(b []byte) []byte { return binary.BigEndian.AppendUint16(b, uint16(s)) }
