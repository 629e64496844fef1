package ntcp2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// BlockType is the first byte of a block (NTCP2, Unencrypted data).
type BlockType byte

// The block types of the specification.
const (
	BlockDateTime    BlockType = 0
	BlockOptions     BlockType = 1
	BlockRouterInfo  BlockType = 2
	BlockI2NP        BlockType = 3
	BlockTermination BlockType = 4
	BlockPadding     BlockType = 254
)

// A block:
//
//	0  1 byte   type
//	1  2 bytes  big-endian size of the data
//	3  data
const blockHeaderLen = 3

// ErrPayload means blocks that do not fit the format or its order.
var ErrPayload = errors.New("ntcp2: malformed payload")

// ErrPaddingOrder means a block behind the padding.
var ErrPaddingOrder = errors.New("ntcp2: block behind the padding")

// Block is one block; Data borrows from the payload.
type Block struct {
	Type BlockType
	Data []byte
}

// ParseBlock reads one block from the start of b.
func ParseBlock(b []byte) (block Block, rest []byte, err error) {
	if len(b) < blockHeaderLen {
		return Block{}, nil, fmt.Errorf("%w: block header of %d bytes", ErrPayload, len(b))
	}
	n := int(binary.BigEndian.Uint16(b[1:])) + blockHeaderLen
	if len(b) < n {
		return Block{}, nil, fmt.Errorf("%w: block %d of %d bytes, %d are there", ErrPayload, b[0], n, len(b))
	}
	return Block{BlockType(b[0]), b[blockHeaderLen:n:n]}, b[n:], nil
}

// AppendTo appends the block.
func (b Block) AppendTo(out []byte) []byte {
	out = append(out, byte(b.Type))
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Data)))
	return append(out, b.Data...)
}

// Blocks walks the blocks of a data phase payload and holds them to the order
// of the specification: nothing follows Padding, only Padding follows
// Termination. The zero value with a payload is ready.
type Blocks struct {
	Payload []byte
	last    BlockType
	any     bool
}

// Next returns the next block; ok is false at the end.
func (bs *Blocks) Next() (block Block, ok bool, err error) {
	if len(bs.Payload) == 0 {
		return Block{}, false, nil
	}
	block, rest, err := ParseBlock(bs.Payload)
	switch {
	case err != nil:
		return Block{}, false, err
	case bs.any && bs.last == BlockPadding:
		return Block{}, false, ErrPaddingOrder
	case bs.any && bs.last == BlockTermination && block.Type != BlockPadding:
		return Block{}, false, fmt.Errorf("%w: block %d behind the termination", ErrPayload, block.Type)
	}
	bs.Payload, bs.last, bs.any = rest, block.Type, true
	return block, true, nil
}

// AppendPadding appends a Padding block of n zero bytes; the encryption makes
// them random. Fewer are appended when the block could not hold them.
func AppendPadding(out []byte, n int) []byte {
	n = min(max(n, 0), MaxPayload-blockHeaderLen)
	out = append(out, byte(BlockPadding), byte(n>>8), byte(n))
	for n > 0 {
		k := min(n, len(zeros))
		out = append(out, zeros[:k]...)
		n -= k
	}
	return out
}

var zeros [256]byte

// AppendDateTime appends a DateTime block, rounded to the nearest second.
func AppendDateTime(out []byte, now time.Time) []byte {
	out = append(out, byte(BlockDateTime), 0, 4)
	return binary.BigEndian.AppendUint32(out, timestamp(now))
}

// ParseDateTime reads the data of a DateTime block, and returns how far the
// peer's clock runs ahead of now.
func ParseDateTime(data []byte, now time.Time) (skew time.Duration, err error) {
	if len(data) != 4 {
		return 0, fmt.Errorf("%w: date of %d bytes", ErrPayload, len(data))
	}
	return skewOf(binary.BigEndian.Uint32(data), now), nil
}

// RouterInfo is the data of a RouterInfo block: a flag byte, whose bit 0 asks
// a floodfill to flood, and the RouterInfo, uncompressed.
type RouterInfo struct {
	Flags byte
	Info  []byte
}

// FlagFlood asks the receiving floodfill to flood the RouterInfo.
const FlagFlood = 1

// ParseRouterInfo reads the data of a RouterInfo block; Info borrows.
func ParseRouterInfo(data []byte) (RouterInfo, error) {
	if len(data) < 1 {
		return RouterInfo{}, fmt.Errorf("%w: empty RouterInfo block", ErrPayload)
	}
	return RouterInfo{data[0], data[1:]}, nil
}

// AppendTo appends the whole block, header included.
func (r RouterInfo) AppendTo(out []byte) []byte {
	out = append(out, byte(BlockRouterInfo))
	out = binary.BigEndian.AppendUint16(out, uint16(1+len(r.Info)))
	out = append(out, r.Flags)
	return append(out, r.Info...)
}

// Termination is the data of a Termination block:
//
//	0  8 bytes  valid data phase frames received
//	8  1 byte   reason
//	9  more, unspecified
type Termination struct {
	Frames uint64
	Reason Reason
	More   []byte
}

const terminationLen = 9

// ParseTermination reads the data of a Termination block; More borrows.
func ParseTermination(data []byte) (Termination, error) {
	if len(data) < terminationLen {
		return Termination{}, fmt.Errorf("%w: termination of %d bytes", ErrPayload, len(data))
	}
	return Termination{binary.BigEndian.Uint64(data), Reason(data[8]), data[terminationLen:]}, nil
}

// AppendTo appends the whole block, header included.
func (t Termination) AppendTo(out []byte) []byte {
	out = append(out, byte(BlockTermination))
	out = binary.BigEndian.AppendUint16(out, uint16(terminationLen+len(t.More)))
	out = binary.BigEndian.AppendUint64(out, t.Frames)
	out = append(out, byte(t.Reason))
	return append(out, t.More...)
}

// BeginI2NP starts an I2NP block at the end of out: append the message with
// its short header to what it returns, then call EndI2NP with the old length.
func BeginI2NP(out []byte) []byte { return append(out, byte(BlockI2NP), 0, 0) }

// EndI2NP writes the size of the I2NP block that starts at out[at:].
func EndI2NP(out []byte, at int) []byte {
	binary.BigEndian.PutUint16(out[at+1:], uint16(len(out)-at-blockHeaderLen))
	return out
}
