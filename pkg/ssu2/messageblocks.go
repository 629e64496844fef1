package ssu2

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/routerinfo"
)

// RouterInfo is the data of a RouterInfo block (SSU2, RouterInfo):
//
//	0  1 byte  flags
//	1  1 byte  fragment number and total, always 0 of 1
//	2  the RouterInfo, gzip where the flags say so
type RouterInfo struct {
	Flags byte
	Info  []byte
}

// The flags of a RouterInfo block.
const (
	FlagFlood byte = 1 << 0 // the receiving floodfill is asked to flood it
	FlagGzip  byte = 1 << 1
)

const (
	routerInfoHeaderLen = 2
	wholeRouterInfo     = 0x01 // fragment 0 of 1
)

// ParseRouterInfo reads the data of a RouterInfo block.
func ParseRouterInfo(data []byte) (RouterInfo, error) {
	if len(data) < routerInfoHeaderLen {
		return RouterInfo{}, sizeError("RouterInfo", len(data))
	}
	if data[1] != wholeRouterInfo {
		return RouterInfo{}, fmt.Errorf("%w: fragment %#x of a RouterInfo", ErrPayload, data[1])
	}
	return RouterInfo{data[0], data[routerInfoHeaderLen:]}, nil
}

// AppendTo appends the block.
func (r RouterInfo) AppendTo(out []byte) []byte {
	out = appendHeader(out, BlockRouterInfo, routerInfoHeaderLen+len(r.Info))
	out = append(out, r.Flags, wholeRouterInfo)
	return append(out, r.Info...)
}

// Len is the size of the block.
func (r RouterInfo) Len() int { return BlockHeaderLen + routerInfoHeaderLen + len(r.Info) }

// CompressRouterInfo makes the block of a RouterInfo, compressed where that
// makes it smaller.
func CompressRouterInfo(info []byte) RouterInfo {
	if packed := i2np.CompressRouterInfo(info); len(packed) < len(info) {
		return RouterInfo{FlagGzip, packed}
	}
	return RouterInfo{0, info}
}

// Decompress returns the RouterInfo proper, of at most routerinfo.MaxLen bytes.
func (r RouterInfo) Decompress() ([]byte, error) {
	if r.Flags&FlagGzip == 0 {
		if len(r.Info) > routerinfo.MaxLen {
			return nil, sizeError("RouterInfo", len(r.Info))
		}
		return r.Info, nil
	}
	info, err := i2np.DecompressRouterInfo(r.Info, routerinfo.MaxLen)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return info, nil
}

// An I2NP block and a First Fragment block both hold the short I2NP header,
// the same as NTCP2's, and the message or its first part (SSU2, I2NP Message
// and First Fragment):
//
//	0  1 byte   I2NP type
//	1  4 bytes  big-endian message id
//	5  4 bytes  big-endian seconds since 1970 at which the message expires
//	9  the message
//
// The parts of a message are that first data and those of the follow-on
// fragments, one behind the other.

// ParseI2NP checks the data of an I2NP block, which is a message with its
// short header.
func ParseI2NP(data []byte) ([]byte, error) {
	if len(data) < i2np.ShortHeaderLen {
		return nil, sizeError("I2NP message", len(data))
	}
	return data, nil
}

// AppendI2NP appends an I2NP block of a message with its short header.
func AppendI2NP(out, message []byte) []byte { return Block{BlockI2NP, message}.AppendTo(out) }

// FirstFragment is the data of a First Fragment block: the short header and
// at least one byte of the message.
type FirstFragment struct{ Data []byte }

// ParseFirstFragment reads the data of a First Fragment block.
func ParseFirstFragment(data []byte) (FirstFragment, error) {
	if len(data) <= i2np.ShortHeaderLen {
		return FirstFragment{}, sizeError("first fragment", len(data))
	}
	return FirstFragment{data}, nil
}

// ID is the id of the message.
func (f FirstFragment) ID() uint32 { return binary.BigEndian.Uint32(f.Data[1:]) }

// AppendTo appends the block.
func (f FirstFragment) AppendTo(out []byte) []byte {
	return Block{BlockFirstFragment, f.Data}.AppendTo(out)
}

// FollowOn is the data of a Follow-on Fragment block (SSU2, Follow-on
// Fragment):
//
//	0  1 byte   fragment number, 1 to 127, in bits 7-1; bit 0 says that it is the last
//	1  4 bytes  big-endian message id
//	5  one byte of the message at least
type FollowOn struct {
	Number byte
	Last   bool
	ID     uint32
	Data   []byte
}

const (
	followOnHeaderLen = 5
	// MaxFragment is the highest number of a fragment.
	MaxFragment = 127
	// FollowOnLen is the size of a Follow-on Fragment block without its part
	// of the message.
	FollowOnLen = BlockHeaderLen + followOnHeaderLen
)

// ParseFollowOn reads the data of a Follow-on Fragment block.
func ParseFollowOn(data []byte) (FollowOn, error) {
	if len(data) <= followOnHeaderLen {
		return FollowOn{}, sizeError("follow-on fragment", len(data))
	}
	f := FollowOn{
		Number: data[0] >> 1,
		Last:   data[0]&1 != 0,
		ID:     binary.BigEndian.Uint32(data[1:]),
		Data:   data[followOnHeaderLen:],
	}
	if f.Number == 0 {
		return FollowOn{}, fmt.Errorf("%w: follow-on fragment 0", ErrPayload)
	}
	return f, nil
}

// AppendTo appends the block.
func (f FollowOn) AppendTo(out []byte) []byte {
	out = appendHeader(out, BlockFollowOnFragment, followOnHeaderLen+len(f.Data))
	number := f.Number << 1
	if f.Last {
		number |= 1
	}
	out = binary.BigEndian.AppendUint32(append(out, number), f.ID)
	return append(out, f.Data...)
}
