package ssu2

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Ack is the data of an ACK block (SSU2, Ack):
//
//	0  4 bytes  big-endian highest packet number that is acknowledged
//	4  1 byte   how many below it are acknowledged too
//	5  ranges, 2 bytes each: how many below are not, and how many below those are
//
// Below the last range nothing is said.
type Ack struct {
	Through uint32
	Count   byte
	Ranges  []byte
}

const ackLen = 5

// AckBlockLen is the size of an ACK block with n ranges.
func AckBlockLen(n int) int { return BlockHeaderLen + ackLen + 2*n }

// ParseAck reads the data of an ACK block.
func ParseAck(data []byte) (Ack, error) {
	if len(data) < ackLen || (len(data)-ackLen)%2 != 0 {
		return Ack{}, sizeError("ack", len(data))
	}
	a := Ack{binary.BigEndian.Uint32(data), data[4], data[ackLen:]}
	for r := a.Ranges; len(r) > 0; r = r[2:] {
		if r[0] == 0 && r[1] == 0 {
			return Ack{}, fmt.Errorf("%w: empty range in an ack", ErrPayload)
		}
	}
	return a, nil
}

// AppendTo appends the block.
func (a Ack) AppendTo(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(appendHeader(out, BlockAck, ackLen+len(a.Ranges)), a.Through)
	return append(append(out, a.Count), a.Ranges...)
}

// Range is a run of packet numbers, both ends included.
type Range struct{ Low, High uint32 }

// All walks the acknowledged runs, the highest first; neighbours may touch.
// It ends where a range would go below packet 0.
func (a Ack) All() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		low := int64(a.Through) - int64(a.Count)
		if !yield(Range{uint32(max(low, 0)), a.Through}) {
			return
		}
		for r := a.Ranges; len(r) > 0 && low > 0; r = r[2:] {
			high := low - 1 - int64(r[0])
			low = high + 1 - int64(r[1])
			if low < 0 {
				return
			}
			if r[1] > 0 && !yield(Range{uint32(low), uint32(high)}) {
				return
			}
		}
	}
}

// AppendAck appends an ACK block of at most room bytes for runs of packet
// numbers, the highest first, that neither touch nor overlap; the oldest are
// left out where they do not fit. Without runs, or without room for the
// highest packet, nothing is appended.
func AppendAck(out []byte, runs []Range, room int) []byte {
	ranges := (room - AckBlockLen(0)) / 2
	if room < AckBlockLen(0) || len(runs) == 0 {
		return out
	}
	at := len(out)
	a := Ack{Through: runs[0].High}
	acked := runs[0].High - runs[0].Low
	a.Count = byte(min(acked, 255))
	out = a.AppendTo(out)
	out, ranges = appendRange(out, ranges, 0, acked-uint32(a.Count))
	for i := 1; i < len(runs) && ranges > 0; i++ {
		gap := runs[i-1].Low - runs[i].High - 1
		out, ranges = appendRange(out, ranges, gap, runs[i].High-runs[i].Low+1)
	}
	binary.BigEndian.PutUint16(out[at+1:], uint16(len(out)-at-BlockHeaderLen))
	return out
}

// appendRange appends a gap and the run below it, as ranges of at most 255
// each, as far as there is room; it returns how many more have room. A gap
// that does not fit as a whole takes the rest of the room: nothing may follow.
func appendRange(out []byte, room int, gap, acked uint32) ([]byte, int) {
	if int64(gap) > 255*int64(room) {
		return out, 0
	}
	for ; (gap > 0 || acked > 0) && room > 0; room-- {
		n := min(gap, 255)
		gap -= n
		var k uint32
		if gap == 0 {
			k = min(acked, 255)
			acked -= k
		}
		out = append(out, byte(n), byte(k))
	}
	if gap > 0 || acked > 0 {
		return out, 0
	}
	return out, room
}
