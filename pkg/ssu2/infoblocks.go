package ssu2

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// AppendDateTime appends a DateTime block, rounded to the nearest second so
// that the network's clocks do not drift (SSU2, DateTime).
func AppendDateTime(out []byte, now time.Time) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(out, BlockDateTime, 4), timestamp(now))
}

// ParseDateTime reads the data of a DateTime block: seconds since 1970, which
// wrap around in 2106. SkewOf compares them.
func ParseDateTime(data []byte) (seconds uint32, err error) {
	if len(data) != 4 {
		return 0, sizeError("date", len(data))
	}
	return binary.BigEndian.Uint32(data), nil
}

// timestamp rounds to the nearest second.
func timestamp(t time.Time) uint32 { return uint32((t.UnixMilli() + 500) / 1000) }

// SkewOf is how far the clock that wrote seconds runs ahead of the one that
// reads now. The 32-bit seconds wrap in 2106, and so does the difference.
func SkewOf(seconds uint32, now time.Time) time.Duration {
	d := int32(seconds - uint32(now.Unix()))
	return time.Duration(d)*time.Second - time.Duration(now.Nanosecond())
}

// Options is the data of an Options block (SSU2, Options): what its sender
// wants of padding, delay and dummy traffic. The ratios are 4.4 fixed-point,
// 16 being as much padding as data.
type Options struct {
	TransmitMin, TransmitMax byte
	ReceiveMin, ReceiveMax   byte
	TransmitDummy            uint16 // bytes per second
	ReceiveDummy             uint16
	TransmitDelay            uint16 // milliseconds
	ReceiveDelay             uint16
	More                     []byte // not yet specified
}

const optionsLen = 12

// ParseOptions reads the data of an Options block.
func ParseOptions(b []byte) (Options, error) {
	if len(b) < optionsLen {
		return Options{}, sizeError("options", len(b))
	}
	return Options{
		TransmitMin: b[0], TransmitMax: b[1], ReceiveMin: b[2], ReceiveMax: b[3],
		TransmitDummy: binary.BigEndian.Uint16(b[4:]),
		ReceiveDummy:  binary.BigEndian.Uint16(b[6:]),
		TransmitDelay: binary.BigEndian.Uint16(b[8:]),
		ReceiveDelay:  binary.BigEndian.Uint16(b[10:]),
		More:          b[optionsLen:],
	}, nil
}

// AppendTo appends the block.
func (o Options) AppendTo(out []byte) []byte {
	out = appendHeader(out, BlockOptions, optionsLen+len(o.More))
	out = append(out, o.TransmitMin, o.TransmitMax, o.ReceiveMin, o.ReceiveMax)
	out = binary.BigEndian.AppendUint16(out, o.TransmitDummy)
	out = binary.BigEndian.AppendUint16(out, o.ReceiveDummy)
	out = binary.BigEndian.AppendUint16(out, o.TransmitDelay)
	out = binary.BigEndian.AppendUint16(out, o.ReceiveDelay)
	return append(out, o.More...)
}

// AddressBlockLen is the size of the largest Address block, IPv6.
const AddressBlockLen = BlockHeaderLen + 18

// AppendAddress appends an Address block (SSU2, Address), which tells a peer
// how it is seen:
//
//	0  2 bytes        big-endian port
//	2  4 or 16 bytes  IP
func AppendAddress(out []byte, a netip.AddrPort) []byte {
	return appendEndpoint(appendHeader(out, BlockAddress, endpointLen(a)), a)
}

// ParseAddress reads the data of an Address block.
func ParseAddress(data []byte) (netip.AddrPort, error) { return parseEndpoint(data) }

func endpointLen(a netip.AddrPort) int {
	if a.Addr().Is4() {
		return 6
	}
	return 18
}

func appendEndpoint(out []byte, a netip.AddrPort) []byte {
	return append(binary.BigEndian.AppendUint16(out, a.Port()), a.Addr().AsSlice()...)
}

func parseEndpoint(data []byte) (netip.AddrPort, error) {
	if len(data) != 6 && len(data) != 18 {
		return netip.AddrPort{}, sizeError("address", len(data))
	}
	ip, _ := netip.AddrFromSlice(data[2:])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(data)), nil
}

// AppendPathChallenge appends a Path Challenge block. Its data should hold 8
// random bytes at least (SSU2, Path Challenge).
func AppendPathChallenge(out, data []byte) []byte {
	return Block{BlockPathChallenge, data}.AppendTo(out)
}

// AppendPathResponse appends the Path Response to a challenge, with the data
// of which it comes back.
func AppendPathResponse(out, data []byte) []byte {
	return Block{BlockPathResponse, data}.AppendTo(out)
}

// AppendFirstPacketNumber appends a First Packet Number block. Nobody sends
// it yet (SSU2, First Packet Number).
func AppendFirstPacketNumber(out []byte, number uint32) []byte {
	return appendNumber(out, BlockFirstPacketNumber, number)
}

// ParseFirstPacketNumber reads the data of a First Packet Number block.
func ParseFirstPacketNumber(data []byte) (uint32, error) {
	return parseNumber("first packet number", data)
}

func appendNumber(out []byte, t BlockType, n uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(out, t, 4), n)
}

func parseNumber(what string, data []byte) (uint32, error) {
	if len(data) != 4 {
		return 0, sizeError(what, len(data))
	}
	return binary.BigEndian.Uint32(data), nil
}

// Congestion is the data of a Congestion block (SSU2, Congestion): flags, and
// what is not yet specified.
type Congestion struct {
	Flags byte
	More  []byte
}

// The flags of a Congestion block.
const (
	CongestionImmediateAck byte = 1 << 0 // an ACK is wanted at once
	CongestionECN          byte = 1 << 1 // packets came with the mark of congestion
)

// ParseCongestion reads the data of a Congestion block.
func ParseCongestion(data []byte) (Congestion, error) {
	if len(data) < 1 {
		return Congestion{}, sizeError("congestion", len(data))
	}
	return Congestion{data[0], data[1:]}, nil
}

// AppendTo appends the block.
func (c Congestion) AppendTo(out []byte) []byte {
	out = append(appendHeader(out, BlockCongestion, 1+len(c.More)), c.Flags)
	return append(out, c.More...)
}

// NextNonce is the data of a NextNonce block, which the specification has yet
// to define (SSU2, NextNonce).
type NextNonce struct{ Data []byte }

// ParseNextNonce reads the data of a NextNonce block, whatever it is.
func ParseNextNonce(data []byte) (NextNonce, error) { return NextNonce{data}, nil }

// AppendTo appends the block.
func (n NextNonce) AppendTo(out []byte) []byte { return Block{BlockNextNonce, n.Data}.AppendTo(out) }
