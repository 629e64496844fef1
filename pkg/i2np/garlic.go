package i2np

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

// Garlic is what an ElGamal/AES garlic message is once decrypted (I2NP specification, Garlic): the ratchet has
// blocks in its place.
//
//	number 1 | cloves | certificate 3 | message ID 4 | expiration 8 (ms)
type Garlic struct {
	Cloves     []GarlicClove
	ID         uint32
	Expiration i2p.Date
}

// GarlicClove is one of its cloves (Garlic Clove): the message has the standard header.
//
//	delivery instructions | message | clove ID 4 | expiration 8 (ms) | certificate 3
type GarlicClove struct {
	Clove
	ID         uint32
	Expiration i2p.Date
}

// nullCertificate is the only one that is ever there.
var nullCertificate = [3]byte{}

// garlicEnd is what follows the cloves, and cloveEnd what follows a clove's message.
const (
	garlicEnd = len(nullCertificate) + 4 + 8
	cloveEnd  = 4 + 8 + len(nullCertificate)
)

// ParseGarlicCloves parses a message that fills b, of up to so many cloves.
func ParseGarlicCloves(b []byte, limit int) (g Garlic, err error) {
	if len(b) < 1+garlicEnd {
		return g, fmt.Errorf("i2np: garlic: %d bytes: %w", len(b), ErrShort)
	}
	n := int(b[0])
	if n > limit {
		return g, fmt.Errorf("i2np: garlic: %d cloves, at most %d", n, limit)
	}
	b = b[1:]
	cloves := make([]GarlicClove, n)
	for i := range cloves {
		if cloves[i], b, err = parseGarlicClove(b); err != nil {
			return g, fmt.Errorf("clove %d: %w", i, err)
		}
	}
	if b, err = cutCertificate(b); err != nil {
		return g, err
	}
	switch rest := len(b) - (4 + 8); {
	case rest < 0:
		return g, fmt.Errorf("i2np: garlic: end: %w", ErrShort)
	case rest > 0:
		return g, fmt.Errorf("i2np: garlic: %d: %w", rest, ErrLong)
	}
	return Garlic{cloves, binary.BigEndian.Uint32(b), i2p.Date(binary.BigEndian.Uint64(b[4:]))}, nil
}

func parseGarlicClove(b []byte) (c GarlicClove, rest []byte, err error) {
	if c.Delivery, b, err = ParseDeliveryInstructions(b); err != nil {
		return GarlicClove{}, nil, err
	}
	if c.Message, b, err = ParseStandard(b); err != nil {
		return GarlicClove{}, nil, err
	}
	if len(b) < cloveEnd {
		return GarlicClove{}, nil, fmt.Errorf("i2np: garlic clove: end: %w", ErrShort)
	}
	c.ID, c.Expiration = binary.BigEndian.Uint32(b), i2p.Date(binary.BigEndian.Uint64(b[4:]))
	if b, err = cutCertificate(b[4+8:]); err != nil {
		return GarlicClove{}, nil, err
	}
	return c, b, nil
}

// cutCertificate takes a certificate that says nothing off b.
func cutCertificate(b []byte) ([]byte, error) {
	if len(b) < len(nullCertificate) {
		return nil, fmt.Errorf("i2np: garlic: certificate: %w", ErrShort)
	}
	if [len(nullCertificate)]byte(b) != nullCertificate {
		return nil, fmt.Errorf("i2np: garlic: certificate %x, expected none", b[:len(nullCertificate)])
	}
	return b[len(nullCertificate):], nil
}

// AppendTo appends the message.
func (g Garlic) AppendTo(b []byte) []byte {
	b = append(b, byte(len(g.Cloves)))
	for _, c := range g.Cloves {
		b = c.Message.AppendStandard(c.Delivery.AppendTo(b))
		b = binary.BigEndian.AppendUint32(b, c.ID)
		b = binary.BigEndian.AppendUint64(b, uint64(c.Expiration))
		b = append(b, nullCertificate[:]...)
	}
	b = append(b, nullCertificate[:]...)
	b = binary.BigEndian.AppendUint32(b, g.ID)
	return binary.BigEndian.AppendUint64(b, uint64(g.Expiration))
}

// Len is the number of bytes that AppendTo appends.
func (g Garlic) Len() int {
	n := 1 + garlicEnd
	for _, c := range g.Cloves {
		n += c.Delivery.Len() + c.Message.StandardLen() + cloveEnd
	}
	return n
}
