package ntcp2

import (
	"encoding/binary"
	"fmt"
	"i2ptoolkit/pkg/draw"
)

// Options is the data of an Options block (NTCP2, Options): what its sender
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

// DefaultOptions ask for little padding: one part in sixteen at most.
var DefaultOptions = Options{TransmitMax: 1, ReceiveMax: 1}

const paddingOptionsLen = 12

// ParseOptions reads the data of an Options block; all of it belongs to it.
func ParseOptions(b []byte) (Options, error) {
	if len(b) < paddingOptionsLen {
		return Options{}, fmt.Errorf("ntcp2: options block of %d bytes: %w", len(b), errShort)
	}
	return Options{
		TransmitMin: b[0], TransmitMax: b[1], ReceiveMin: b[2], ReceiveMax: b[3],
		TransmitDummy: binary.BigEndian.Uint16(b[4:]),
		ReceiveDummy:  binary.BigEndian.Uint16(b[6:]),
		TransmitDelay: binary.BigEndian.Uint16(b[8:]),
		ReceiveDelay:  binary.BigEndian.Uint16(b[10:]),
		More:          b[paddingOptionsLen:],
	}, nil
}

// AppendTo appends the whole block, header included.
func (o Options) AppendTo(b []byte) []byte {
	b = append(b, byte(BlockOptions))
	b = binary.BigEndian.AppendUint16(b, uint16(paddingOptionsLen+len(o.More)))
	b = append(b, o.TransmitMin, o.TransmitMax, o.ReceiveMin, o.ReceiveMax)
	b = binary.BigEndian.AppendUint16(b, o.TransmitDummy)
	b = binary.BigEndian.AppendUint16(b, o.ReceiveDummy)
	b = binary.BigEndian.AppendUint16(b, o.TransmitDelay)
	b = binary.BigEndian.AppendUint16(b, o.ReceiveDelay)
	return append(b, o.More...)
}

// The sizes on which padding depends: a frame counts as paddingBase bytes at
// least, so that short ones vary too, and no frame gets more than paddingMost.
const (
	paddingBase = 256
	paddingMost = 64
)

// padder draws padding lengths for the data phase.
type padder struct {
	rand     *draw.Source
	min, max int // sixteenths
}

func newPadder(rand *draw.Source, ours Options) padder {
	return padder{rand: rand, min: int(ours.TransmitMin), max: int(ours.TransmitMax)}
}

// negotiate honours what the peer wants to receive: its maximum always, its
// minimum as far as our own maximum allows.
func (p *padder) negotiate(ours, theirs Options) {
	p.max = min(int(ours.TransmitMax), int(theirs.ReceiveMax))
	p.min = min(max(int(ours.TransmitMin), int(theirs.ReceiveMin)), p.max)
}

// length is the number of padding bytes for a payload of n bytes.
func (p *padder) length(n int) int {
	n = max(n, paddingBase)
	low, high := min(n*p.min/16, paddingMost), min(n*p.max/16, paddingMost)
	if high <= low {
		return low
	}
	return low + p.rand.Below(high-low+1)
}
