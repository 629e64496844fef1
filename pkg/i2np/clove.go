package i2np

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

// DeliveryKind says where a garlic clove goes.
type DeliveryKind byte

// The delivery types of garlic cloves. Those of tunnel messages differ.
const (
	DeliverLocal       DeliveryKind = 0
	DeliverDestination DeliveryKind = 1
	DeliverRouter      DeliveryKind = 2
	DeliverTunnel      DeliveryKind = 3
)

// String returns a word for the kind.
func (k DeliveryKind) String() string {
	switch k {
	case DeliverLocal:
		return "local"
	case DeliverDestination:
		return "destination"
	case DeliverRouter:
		return "router"
	case DeliverTunnel:
		return "tunnel"
	}
	return fmt.Sprintf("delivery %d", byte(k))
}

// DeliveryInstructions say where a garlic clove goes (Garlic Clove Delivery
// Instructions). To and Tunnel are set where the kind needs them.
//
//	offset 0 flag (1): bit 7 encrypted, 6-5 kind, 4 delay included
//	       1 hash (32), unless local
//	      33 tunnel ID (4), for a tunnel
type DeliveryInstructions struct {
	Kind   DeliveryKind
	To     i2p.Hash
	Tunnel uint32
}

// ParseDeliveryInstructions parses the instructions at the start of b. Clove
// encryption and delay, which nobody implements, are refused; the reserved
// bits are ignored.
func ParseDeliveryInstructions(b []byte) (d DeliveryInstructions, rest []byte, err error) {
	if len(b) < 1 {
		return d, nil, fmt.Errorf("i2np: delivery instructions: %w", ErrShort)
	}
	flag, b := b[0], b[1:]
	if flag&0x90 != 0 {
		return d, nil, fmt.Errorf("i2np: delivery instructions: flag %#02x asks for encryption or delay", flag)
	}
	d.Kind = DeliveryKind(flag >> 5 & 3)
	if d.Kind == DeliverLocal {
		return d, b, nil
	}
	n := len(d.To)
	if d.Kind == DeliverTunnel {
		n += 4
	}
	if len(b) < n {
		return DeliveryInstructions{}, nil, fmt.Errorf("i2np: delivery instructions: %d of %d bytes: %w", len(b), n, ErrShort)
	}
	copy(d.To[:], b)
	if d.Kind == DeliverTunnel {
		d.Tunnel = binary.BigEndian.Uint32(b[len(d.To):])
	}
	return d, b[n:], nil
}

// AppendTo appends the instructions.
func (d DeliveryInstructions) AppendTo(b []byte) []byte {
	b = append(b, byte(d.Kind)<<5)
	if d.Kind == DeliverLocal {
		return b
	}
	b = append(b, d.To[:]...)
	if d.Kind == DeliverTunnel {
		b = binary.BigEndian.AppendUint32(b, d.Tunnel)
	}
	return b
}

// Len is the number of bytes that AppendTo appends.
func (d DeliveryInstructions) Len() int {
	switch d.Kind {
	case DeliverLocal:
		return 1
	case DeliverTunnel:
		return 37
	}
	return 33
}

// Clove is the contents of a garlic clove block of the ECIES ratchet:
// delivery instructions, then a message with the short header.
type Clove struct {
	Delivery DeliveryInstructions
	Message  Message
}

// ParseClove parses a clove that fills b.
func ParseClove(b []byte) (Clove, error) {
	d, rest, err := ParseDeliveryInstructions(b)
	if err != nil {
		return Clove{}, err
	}
	m, err := ParseShort(rest)
	if err != nil {
		return Clove{}, fmt.Errorf("i2np: garlic clove: %w", err)
	}
	return Clove{Delivery: d, Message: m}, nil
}

// AppendTo appends the clove, without a block header.
func (c Clove) AppendTo(b []byte) []byte { return c.Message.AppendShort(c.Delivery.AppendTo(b)) }

// AppendHead appends what AppendTo does before the message's body.
func (c Clove) AppendHead(b []byte) []byte {
	head := c.Message
	head.Body = nil
	return head.AppendShort(c.Delivery.AppendTo(b))
}

// Len is the number of bytes that AppendTo appends.
func (c Clove) Len() int { return c.Delivery.Len() + c.Message.ShortLen() }
