package socks

import (
	"bytes"
	"fmt"
)

// parsePacket reads a datagram between a client and a proxy (RFC 1928, section 7).
//
//	reserved 2 | fragment 1 | kind 1 | address | port 2 | payload
//
// Fragments are refused, as the RFC lets those do who do not put them together.
func parsePacket(b []byte) (to address, payload []byte, err error) {
	if len(b) < 3 {
		return address{}, nil, fmt.Errorf("%w: a datagram of %d bytes", errProtocol, len(b))
	}
	if b[2] != 0 {
		return address{}, nil, fmt.Errorf("%w: a fragment", errProtocol)
	}
	r := bytes.NewReader(b[3:])
	if to, err = readAddress(r); err != nil {
		return address{}, nil, err
	}
	return to, b[len(b)-r.Len():], nil
}

// appendPacket is what parsePacket reads.
func appendPacket(b []byte, from address, payload []byte) []byte {
	return append(from.appendTo(append(b, 0, 0, 0)), payload...)
}
