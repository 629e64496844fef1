package i2np

import (
	"encoding/binary"
	"fmt"
)

// TunnelDataLen is the length of a TunnelData body: a tunnel ID (4) and 1024
// bytes, an IV (16) and the encrypted part (1008).
const TunnelDataLen = 4 + 1024

// TunnelData is a message between two hops of a tunnel.
type TunnelData struct {
	Tunnel uint32
	Data   []byte // 1024 bytes
}

// ParseTunnelData parses a body.
func ParseTunnelData(b []byte) (TunnelData, error) {
	if len(b) != TunnelDataLen {
		return TunnelData{}, fmt.Errorf("i2np: TunnelData: %d bytes, not %d", len(b), TunnelDataLen)
	}
	return TunnelData{Tunnel: binary.BigEndian.Uint32(b), Data: b[4:]}, nil
}

// AppendTo appends the body.
func (d TunnelData) AppendTo(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, d.Tunnel), d.Data...)
}

// TunnelGatewayHeaderLen is the number of bytes before the wrapped message.
const TunnelGatewayHeaderLen = 6

// TunnelGateway hands a message to an inbound tunnel's gateway.
//
//	offset 0 tunnel ID (4), 4 length (2), 6 message with a standard header
type TunnelGateway struct {
	Tunnel  uint32
	Message []byte
}

// ParseTunnelGateway parses a body; the message inside stays bytes.
func ParseTunnelGateway(b []byte) (TunnelGateway, error) {
	if len(b) < TunnelGatewayHeaderLen {
		return TunnelGateway{}, fmt.Errorf("i2np: TunnelGateway: %d bytes: %w", len(b), ErrShort)
	}
	g := TunnelGateway{Tunnel: binary.BigEndian.Uint32(b), Message: b[TunnelGatewayHeaderLen:]}
	if n := int(binary.BigEndian.Uint16(b[4:])); n != len(g.Message) {
		return TunnelGateway{}, fmt.Errorf("i2np: TunnelGateway: %d bytes announced, %d there", n, len(g.Message))
	}
	return g, nil
}

// AppendTo appends the body.
func (g TunnelGateway) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, g.Tunnel)
	b = binary.BigEndian.AppendUint16(b, uint16(len(g.Message)))
	return append(b, g.Message...)
}

// AppendTunnelGateway appends a TunnelGateway body that wraps m.
func AppendTunnelGateway(b []byte, tunnel uint32, m Message) []byte {
	b = binary.BigEndian.AppendUint32(b, tunnel)
	b = binary.BigEndian.AppendUint16(b, uint16(m.StandardLen()))
	return m.AppendStandard(b)
}

// The sizes of build records, and the largest number of them in a message.
const (
	LongRecordLen   = 528
	ShortRecordLen  = 218
	MaxBuildRecords = 8
)

// BuildRecords are the records of a tunnel build message or of its reply: a
// count (1), which the two oldest messages lack, and the records.
type BuildRecords struct {
	Type    Type
	Records []byte // a multiple of RecordLen
}

// RecordLen is the size of one record in messages of this type, or 0 if it
// is not a build message.
func (t Type) RecordLen() int {
	switch t {
	case TunnelBuildType, TunnelBuildReplyType, VariableTunnelBuildType, VariableTunnelBuildReplyType:
		return LongRecordLen
	case ShortTunnelBuildType, OutboundTunnelBuildReplyType:
		return ShortRecordLen
	}
	return 0
}

// counted reports whether the body begins with the number of records.
func (t Type) counted() bool { return t != TunnelBuildType && t != TunnelBuildReplyType }

// ParseBuildRecords parses the body of a build message or reply.
func ParseBuildRecords(t Type, b []byte) (BuildRecords, error) {
	size := t.RecordLen()
	if size == 0 {
		return BuildRecords{}, fmt.Errorf("i2np: %v is no tunnel build message", t)
	}
	n := MaxBuildRecords
	if t.counted() {
		if len(b) < 1 {
			return BuildRecords{}, fmt.Errorf("i2np: %v: %w", t, ErrShort)
		}
		n, b = int(b[0]), b[1:]
	}
	if n < 1 || n > MaxBuildRecords {
		return BuildRecords{}, fmt.Errorf("i2np: %v: %d records, not 1 to %d", t, n, MaxBuildRecords)
	}
	if len(b) != n*size {
		return BuildRecords{}, fmt.Errorf("i2np: %v: %d records announced in %d bytes", t, n, len(b))
	}
	return BuildRecords{Type: t, Records: b}, nil
}

// Len is the number of records.
func (r BuildRecords) Len() int {
	if size := r.Type.RecordLen(); size > 0 {
		return len(r.Records) / size
	}
	return 0
}

// Record returns record i, aliasing Records.
func (r BuildRecords) Record(i int) []byte {
	size := r.Type.RecordLen()
	return r.Records[i*size : (i+1)*size : (i+1)*size]
}

// AppendTo appends the body.
func (r BuildRecords) AppendTo(b []byte) []byte {
	if r.Type.counted() {
		b = append(b, byte(r.Len()))
	}
	return append(b, r.Records...)
}
