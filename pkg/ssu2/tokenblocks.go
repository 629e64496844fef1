package ssu2

import (
	"encoding/binary"
	"fmt"
)

// Token proves to who issued it that it came to the address that shows it
// (SSU2, Tokens). Zero is none.
type Token uint64

// NewToken is the data of a New Token block (SSU2, New Token):
//
//	0  4 bytes  big-endian seconds since 1970 at which the token expires
//	4  8 bytes  big-endian token
type NewToken struct {
	Expires uint32
	Token   Token
}

// NewTokenBlockLen is the size of a New Token block.
const NewTokenBlockLen = BlockHeaderLen + 12

// ParseNewToken reads the data of a New Token block.
func ParseNewToken(data []byte) (NewToken, error) {
	if len(data) != 12 {
		return NewToken{}, sizeError("new token", len(data))
	}
	return NewToken{binary.BigEndian.Uint32(data), Token(binary.BigEndian.Uint64(data[4:]))}, nil
}

// AppendTo appends the block.
func (n NewToken) AppendTo(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(appendHeader(out, BlockNewToken, 12), n.Expires)
	return binary.BigEndian.AppendUint64(out, uint64(n.Token))
}

// RelayTag names, at its introducer, a router that wants to be introduced
// (SSU2, Relay Tag). It is never zero.
type RelayTag uint32

// AppendRelayTagRequest appends a Relay Tag Request block, which has no data.
func AppendRelayTagRequest(out []byte) []byte { return appendHeader(out, BlockRelayTagRequest, 0) }

// ParseRelayTagRequest checks the data of a Relay Tag Request block.
func ParseRelayTagRequest(data []byte) error {
	if len(data) != 0 {
		return sizeError("relay tag request", len(data))
	}
	return nil
}

// AppendRelayTag appends a Relay Tag block.
func AppendRelayTag(out []byte, tag RelayTag) []byte {
	return appendNumber(out, BlockRelayTag, uint32(tag))
}

// ParseRelayTag reads the data of a Relay Tag block.
func ParseRelayTag(data []byte) (RelayTag, error) {
	n, err := parseNumber("relay tag", data)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: relay tag 0", ErrPayload)
	}
	return RelayTag(n), err
}
