package ssu2

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// BlockType is the first byte of a block (SSU2, Noise Payload).
type BlockType byte

// The block types of the specification.
const (
	BlockDateTime          BlockType = 0
	BlockOptions           BlockType = 1
	BlockRouterInfo        BlockType = 2
	BlockI2NP              BlockType = 3
	BlockFirstFragment     BlockType = 4
	BlockFollowOnFragment  BlockType = 5
	BlockTermination       BlockType = 6
	BlockRelayRequest      BlockType = 7
	BlockRelayResponse     BlockType = 8
	BlockRelayIntro        BlockType = 9
	BlockPeerTest          BlockType = 10
	BlockNextNonce         BlockType = 11
	BlockAck               BlockType = 12
	BlockAddress           BlockType = 13
	BlockRelayTagRequest   BlockType = 15
	BlockRelayTag          BlockType = 16
	BlockNewToken          BlockType = 17
	BlockPathChallenge     BlockType = 18
	BlockPathResponse      BlockType = 19
	BlockFirstPacketNumber BlockType = 20
	BlockCongestion        BlockType = 21
	BlockPadding           BlockType = 254
)

// ElicitsAck reports whether a packet with such a block must be acknowledged
// within the delay (SSU2, Generating ACKs).
func (t BlockType) ElicitsAck() bool {
	switch t {
	case BlockAck, BlockAddress, BlockDateTime, BlockPadding, BlockTermination:
		return false
	}
	return true
}

// A block:
//
//	0  1 byte   type
//	1  2 bytes  big-endian size of the data
//	3  data
//
// Parse functions take the data of a block, and what they return borrows from
// it; AppendTo and Append functions append the whole block, header included.
const BlockHeaderLen = 3

// MinPayload is the least number of bytes of blocks in a packet: the header
// protection takes its nonces from the last 24 bytes, 16 of which are the MAC
// (SSU2, Header Encryption KDF).
const MinPayload = 8

// ErrPayload means blocks that do not fit the format or its order.
var ErrPayload = errors.New("ssu2: malformed payload")

// Block is one block; Data borrows from the payload.
type Block struct {
	Type BlockType
	Data []byte
}

// ParseBlock reads one block from the start of b.
func ParseBlock(b []byte) (block Block, rest []byte, err error) {
	if len(b) < BlockHeaderLen {
		return Block{}, nil, fmt.Errorf("%w: block header of %d bytes", ErrPayload, len(b))
	}
	n := int(binary.BigEndian.Uint16(b[1:])) + BlockHeaderLen
	if len(b) < n {
		return Block{}, nil, fmt.Errorf("%w: block %d of %d bytes, %d are there", ErrPayload, b[0], n, len(b))
	}
	return Block{BlockType(b[0]), b[BlockHeaderLen:n:n]}, b[n:], nil
}

// AppendTo appends the block.
func (b Block) AppendTo(out []byte) []byte {
	return append(appendHeader(out, b.Type, len(b.Data)), b.Data...)
}

func appendHeader(out []byte, t BlockType, n int) []byte {
	return append(out, byte(t), byte(n>>8), byte(n))
}

// Blocks walks the blocks of a payload and holds them to the order of the
// specification (SSU2, Block Ordering Rules): nothing follows Padding, only
// Padding follows Termination. The zero value with a payload is ready.
type Blocks struct {
	Payload []byte
	last    BlockType
	any     bool
}

// Next returns the next block; ok is false at the end. Blocks of types that
// are not known must be ignored by whoever asks.
func (bs *Blocks) Next() (block Block, ok bool, err error) {
	if len(bs.Payload) == 0 {
		return Block{}, false, nil
	}
	block, rest, err := ParseBlock(bs.Payload)
	switch {
	case err != nil:
		return Block{}, false, err
	case bs.any && bs.last == BlockPadding:
		return Block{}, false, fmt.Errorf("%w: block %d behind the padding", ErrPayload, block.Type)
	case bs.any && bs.last == BlockTermination && block.Type != BlockPadding:
		return Block{}, false, fmt.Errorf("%w: block %d behind the termination", ErrPayload, block.Type)
	}
	bs.Payload, bs.last, bs.any = rest, block.Type, true
	return block, true, nil
}

// AppendPadding appends a Padding block of n zero bytes; the encryption makes
// them random.
func AppendPadding(out []byte, n int) []byte {
	out = appendHeader(out, BlockPadding, n)
	for n > 0 {
		k := min(n, len(zeros))
		out = append(out, zeros[:k]...)
		n -= k
	}
	return out
}

var zeros [256]byte

// sizeError is a block whose data has a size that it cannot have.
func sizeError(what string, n int) error {
	return fmt.Errorf("%w: %s of %d bytes", ErrPayload, what, n)
}
