package ssu2

import (
	"bytes"
	"fmt"
)

// A Session Confirmed that does not fit a packet goes in up to 15 (SSU2,
// Session Confirmed Fragmentation): the sealed message is cut, each piece gets
// a short header with packet number 0, and each header is protected with the
// last 24 bytes of its own packet. The header of fragment 0 is mixed into the
// hash, before the message is sealed.
const (
	maxConfirmedParts = 15
	minConfirmedPart  = 24
)

// confirmedSizes cuts n bytes for packets with room for so many behind their
// headers. All parts have the least size that the protection needs.
func confirmedSizes(n, room int) ([]int, error) {
	count := max((n+room-1)/room, 1)
	if count > maxConfirmedParts {
		return nil, fmt.Errorf("ssu2: Session Confirmed of %d bytes in packets of %d", n, room)
	}
	sizes := make([]int, count)
	for i := range sizes {
		sizes[i] = min(n, room)
		n -= sizes[i]
	}
	if last := &sizes[count-1]; count > 1 && *last < minConfirmedPart {
		sizes[count-2] -= minConfirmedPart - *last
		*last = minConfirmedPart
	}
	return sizes, nil
}

func confirmedHeader(dest ConnectionID, part, of int) (h [ShortHeaderLen]byte) {
	ShortHeader{Dest: dest, Type: TypeSessionConfirmed, Flags: [3]byte{byte(part<<4 | of)}}.AppendTo(h[:0])
	return h
}

// cutConfirmed makes the packets of a sealed message.
func cutConfirmed(dest ConnectionID, keys HeaderKeys, body []byte, sizes []int) [][]byte {
	packets := make([][]byte, len(sizes))
	for i, n := range sizes {
		h := confirmedHeader(dest, i, len(sizes))
		packets[i] = append(append(make([]byte, 0, ShortHeaderLen+n), h[:]...), body[:n]...)
		keys.Mask(packets[i])
		body = body[n:]
	}
	return packets
}

// confirmedParts collects the packets of a Session Confirmed, in any order. A
// part that comes once more replaces the first: one of them may be forged, and
// if together they do not open, the peer will send all of them again.
type confirmedParts struct{ parts [][]byte }

// add takes the part behind an unprotected header, and returns the message
// when all of it is there. A header that names another number of parts than
// those before starts anew.
func (c *confirmedParts) add(h ShortHeader, part []byte) (body []byte, ok bool) {
	number, total := int(h.Flags[0]>>4), int(h.Flags[0]&0x0f)
	if h.Number != 0 || total == 0 || number >= total {
		return nil, false
	}
	if total == 1 {
		return part, true
	}
	if len(c.parts) != total {
		c.parts = make([][]byte, total)
	}
	c.parts[number] = bytes.Clone(part)
	for _, p := range c.parts {
		if p == nil {
			return nil, false
		}
	}
	return bytes.Join(c.parts, nil), true
}
