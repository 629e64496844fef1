package i2np

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

// DeliveryStatusLen is the length of a DeliveryStatus body.
const DeliveryStatusLen = 12

// DeliveryStatus acknowledges a message.
//
//	offset 0 message ID (4), 4 time stamp (8)
type DeliveryStatus struct {
	MessageID uint32
	Timestamp i2p.Date
}

// ParseDeliveryStatus parses a body.
func ParseDeliveryStatus(b []byte) (DeliveryStatus, error) {
	if len(b) != DeliveryStatusLen {
		return DeliveryStatus{}, fmt.Errorf("i2np: DeliveryStatus: %d bytes, not %d", len(b), DeliveryStatusLen)
	}
	return DeliveryStatus{
		MessageID: binary.BigEndian.Uint32(b),
		Timestamp: i2p.Date(binary.BigEndian.Uint64(b[4:])),
	}, nil
}

// AppendTo appends the body.
func (s DeliveryStatus) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, s.MessageID)
	return binary.BigEndian.AppendUint64(b, uint64(s.Timestamp))
}

// ParseData returns the payload of a Data body: a length (4), then the bytes.
func ParseData(b []byte) ([]byte, error) { return parsePrefixed(DataType, b) }

// AppendData appends a Data body.
func AppendData(b, payload []byte) []byte { return appendPrefixed(b, payload) }

// ParseGarlic returns the encrypted part of a Garlic body: a length (4), then
// the bytes.
func ParseGarlic(b []byte) ([]byte, error) { return parsePrefixed(GarlicType, b) }

// AppendGarlic appends a Garlic body.
func AppendGarlic(b, encrypted []byte) []byte { return appendPrefixed(b, encrypted) }

func parsePrefixed(t Type, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("i2np: %v: length: %w", t, ErrShort)
	}
	if n := binary.BigEndian.Uint32(b); uint64(n) != uint64(len(b)-4) {
		return nil, fmt.Errorf("i2np: %v: %d bytes announced, %d there", t, n, len(b)-4)
	}
	return b[4:], nil
}

func appendPrefixed(b, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...)
}
