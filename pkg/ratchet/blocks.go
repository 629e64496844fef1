package ratchet

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
)

// The block types (ECIES, Payload). A block is its type (1), the size of its
// data (2) and the data.
const (
	blockDateTime    = 0
	blockTermination = 4
	blockOptions     = 5
	blockPN          = 6
	blockNextKey     = 7
	blockAck         = 8
	blockAckRequest  = 9
	blockClove       = 11
	blockPadding     = 254

	blockHeaderLen = 3
	macLen         = 16
	tagLen         = 8

	// maxPayload leaves room for the largest overhead in an I2NP body.
	maxPayload = i2np.MaxBody - 4 - 2048
	// optimalPayload fills two tunnel messages; padding does not cross it.
	optimalPayload = 1912
	maxPadding     = 15
)

// The flags of a Next Key block.
const (
	keyPresent     = 1 << 0
	keyReverse     = 1 << 1
	keyWantReverse = 1 << 2
)

// nextKey is a Next Key block (Next DH Ratchet Public Key).
//
//	offset 0 flags (1), 1 key ID (2), 3 public key (32) if present
type nextKey struct {
	flags byte
	id    uint16
	key   [32]byte
}

func (k nextKey) appendTo(b []byte) []byte {
	n := 3
	if k.flags&keyPresent != 0 {
		n += 32
	}
	b = append(b, blockNextKey, 0, byte(n), k.flags)
	b = binary.BigEndian.AppendUint16(b, k.id)
	if k.flags&keyPresent != 0 {
		b = append(b, k.key[:]...)
	}
	return b
}

func parseNextKey(d []byte) (k nextKey, ok bool) {
	if len(d) < 3 {
		return k, false
	}
	k.flags, k.id = d[0], binary.BigEndian.Uint16(d[1:])
	if k.flags&keyPresent == 0 {
		return k, true
	}
	if len(d) < 3+32 {
		return nextKey{}, false
	}
	copy(k.key[:], d[3:])
	return k, true
}

// ackID names a message of a session in an Ack block.
type ackID struct{ set, n uint16 }

func appendAcks(b []byte, acks []ackID) []byte {
	b = append(b, blockAck)
	b = binary.BigEndian.AppendUint16(b, uint16(4*len(acks)))
	for _, a := range acks {
		b = binary.BigEndian.AppendUint16(b, a.set)
		b = binary.BigEndian.AppendUint16(b, a.n)
	}
	return b
}

func appendDateTime(b []byte, now time.Time) []byte {
	return binary.BigEndian.AppendUint32(append(b, blockDateTime, 0, 4), uint32(now.Unix()))
}

func appendCloves(b []byte, cloves []i2np.Clove) []byte {
	for _, c := range cloves {
		b = append(appendCloveHead(b, c), c.Message.Body...)
	}
	return b
}

// appendCloveHead appends what comes before the body of a clove's message.
func appendCloveHead(b []byte, c i2np.Clove) []byte {
	b = append(b, blockClove)
	b = binary.BigEndian.AppendUint16(b, uint16(c.Len()))
	return c.AppendHead(b)
}

func clovesLen(cloves []i2np.Clove) int {
	n := 0
	for _, c := range cloves {
		n += blockHeaderLen + c.Len()
	}
	return n
}

// appendPadding ends a payload that starts at from with up to maxPadding
// bytes of padding, drawn being random. It does not push the payload over the
// size that fills tunnel messages.
func appendPadding(b []byte, from int, drawn byte) []byte {
	n := int(drawn & maxPadding)
	if room := optimalPayload - (len(b) - from); room >= 0 && room < blockHeaderLen+n {
		if room < blockHeaderLen {
			return b
		}
		n = room - blockHeaderLen
	}
	b = append(b, blockPadding, 0, byte(n))
	var zero [maxPadding]byte
	return append(b, zero[:n]...)
}

// payload is what a payload section says.
type payload struct {
	time       time.Time
	timeFirst  bool // the first block was a DateTime
	cloves     []i2np.Clove
	nextKeys   [2]nextKey
	keyCount   int
	acks       []byte // pairs of tag set ID and number
	ackRequest bool
	pn         int // -1 when not given
	terminated bool
	reason     byte
	badCloves  uint64
	unknown    uint64
	cloveLimit int
}

// parse reads the blocks of b. Unknown blocks are skipped, and so are cloves
// that cannot be parsed. room is where the cloves go.
func (p *payload) parse(b []byte, room []i2np.Clove) error {
	p.cloves, p.pn = room[:0], -1
	for first := true; len(b) > 0; first = false {
		if len(b) < blockHeaderLen {
			return fmt.Errorf("%w: %d bytes where a block should be", ErrMalformed, len(b))
		}
		typ, n := b[0], int(binary.BigEndian.Uint16(b[1:]))
		b = b[blockHeaderLen:]
		if n > len(b) {
			return fmt.Errorf("%w: block %d of %d bytes in %d", ErrMalformed, typ, n, len(b))
		}
		if first && typ == blockDateTime {
			p.timeFirst = true
		}
		if err := p.block(typ, b[:n:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (p *payload) block(typ byte, d []byte) error {
	switch typ {
	case blockClove:
		if len(p.cloves) >= p.cloveLimit {
			return fmt.Errorf("%w: more than %d cloves", ErrMalformed, p.cloveLimit)
		}
		c, err := i2np.ParseClove(d)
		if err != nil {
			p.badCloves++
			return nil
		}
		p.cloves = append(p.cloves, c)
	case blockDateTime:
		if len(d) < 4 {
			return fmt.Errorf("%w: date of %d bytes", ErrMalformed, len(d))
		}
		p.time = time.Unix(int64(binary.BigEndian.Uint32(d)), 0)
	case blockNextKey:
		k, ok := parseNextKey(d)
		if !ok {
			return fmt.Errorf("%w: next key of %d bytes", ErrMalformed, len(d))
		}
		if p.keyCount == len(p.nextKeys) {
			return fmt.Errorf("%w: more than two next keys", ErrMalformed)
		}
		p.nextKeys[p.keyCount] = k
		p.keyCount++
	case blockAck:
		p.acks = d
	case blockAckRequest:
		p.ackRequest = true
	case blockPN:
		if len(d) >= 2 {
			p.pn = int(binary.BigEndian.Uint16(d))
		}
	case blockTermination:
		p.terminated = true
		if len(d) > 0 {
			p.reason = d[0]
		}
	case blockPadding, blockOptions:
	default:
		p.unknown++
	}
	return nil
}
