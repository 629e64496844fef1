package tunnel

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// The parts of a tunnel message in clear text (Tunnel Message, Decrypted):
// after the IV a checksum (4), padding without zeros, a zero, and then pairs
// of delivery instructions and fragments up to the end.
const (
	checksumLen  = 4
	paddingStart = dataStart + checksumLen
	maxPayload   = i2np.TunnelDataLen - paddingStart - 1

	followOnLen   = 7
	maxFollowOn   = maxPayload - followOnLen
	lastFragment  = 63
	wholeTrailer  = 2 // size
	firstTrailer  = 6 // message ID, size
	flagFollowOn  = 0x80
	flagDelay     = 0x10
	flagFragments = 0x08
	flagExtended  = 0x04
)

// Target says where a message that leaves a tunnel goes.
type Target byte

// The delivery types of tunnel messages (Tunnel Message Specification). Those of
// garlic cloves, i2np.DeliveryKind, have other numbers.
const (
	ToLocal  Target = 0
	ToTunnel Target = 1
	ToRouter Target = 2
)

// String returns a word for the target.
func (t Target) String() string {
	switch t {
	case ToLocal:
		return "local"
	case ToTunnel:
		return "tunnel"
	case ToRouter:
		return "router"
	}
	return fmt.Sprintf("delivery %d", byte(t))
}

// address is the part of first-fragment delivery instructions that says
// where to.
type address struct {
	kind   Target
	router i2p.Hash
	tunnel uint32
}

// len is the number of bytes up to the message ID or size.
func (a *address) len() int {
	switch a.kind {
	case ToTunnel:
		return 1 + 4 + 32
	case ToRouter:
		return 1 + 32
	}
	return 1
}

// put writes the instructions up to the message ID or size.
func (a *address) put(b []byte, fragmented bool) int {
	b[0] = byte(a.kind) << 5
	if fragmented {
		b[0] |= flagFragments
	}
	n := 1
	if a.kind == ToTunnel {
		binary.BigEndian.PutUint32(b[n:], a.tunnel)
		n += 4
	}
	if a.kind != ToLocal {
		n += copy(b[n:], a.router[:])
	}
	return n
}

// fragment is a delivery instruction with its part of a message.
type fragment struct {
	address        // of a first fragment
	number  int    // 0 is the first
	last    bool   // a whole message's only fragment is its last
	id      uint32 // 0 for a whole message
	data    []byte
	at      int // offset of data in the parsed bytes
}

// whole reports whether the fragment is a complete message.
func (f *fragment) whole() bool { return f.number == 0 && f.last }

// parseFragment parses the fragment at offset at of b.
func parseFragment(b []byte, at int) (fragment, int, error) {
	var f fragment
	p := b[at:]
	if len(p) < 3 {
		return f, 0, fmt.Errorf("tunnel: delivery instructions: %w", i2np.ErrShort)
	}
	flag, n := p[0], 1
	switch {
	case flag&flagFollowOn != 0:
		f.number, f.last = int(flag>>1&lastFragment), flag&1 != 0
		if f.number == 0 {
			return fragment{}, 0, fmt.Errorf("tunnel: follow-on fragment with number 0")
		}
	case flag&(flagDelay|flagExtended) != 0 || flag>>5 == 3:
		return fragment{}, 0, fmt.Errorf("tunnel: delivery instructions %#02x, which nobody sends", flag)
	default:
		f.kind, f.last = Target(flag>>5), flag&flagFragments == 0
		if n = f.address.len(); len(p) < n+wholeTrailer {
			return fragment{}, 0, fmt.Errorf("tunnel: delivery instructions: %w", i2np.ErrShort)
		}
		if f.kind == ToTunnel {
			f.tunnel = binary.BigEndian.Uint32(p[1:])
		}
		if f.kind != ToLocal {
			copy(f.router[:], p[n-len(f.router):])
		}
	}
	if !f.whole() {
		if len(p) < n+firstTrailer {
			return fragment{}, 0, fmt.Errorf("tunnel: delivery instructions: %w", i2np.ErrShort)
		}
		f.id = binary.BigEndian.Uint32(p[n:])
		n += 4
	}
	size := int(binary.BigEndian.Uint16(p[n:]))
	n += 2
	if size == 0 || len(p) < n+size {
		return fragment{}, 0, fmt.Errorf("tunnel: fragment of %d bytes where %d are left", size, len(p)-n)
	}
	f.data, f.at = p[n:n+size:n+size], at+n
	return f, at + n + size, nil
}
