package wan

import (
	"encoding/binary"
	"net/netip"
)

// addresses reads those of an IPv4 or IPv6 packet.
func addresses(b []byte) (src, dst netip.Addr, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), true
	case len(b) >= 40 && b[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), true
	}
	return src, dst, false
}

// tooBig answers a packet that does not fit: "fragmentation needed" of
// RFC 1191 or "packet too big" of RFC 4443. Nil: the sender would not
// understand it, as it let IPv4 fragment.
func tooBig(b []byte, mtu int, router netip.Addr) []byte {
	src, _, _ := addresses(b)
	if src.Is4() {
		const dontFragment = 0x40
		if b[6]&dontFragment == 0 {
			return nil
		}
		quoted := b[:min(len(b), 548)]
		p := make([]byte, 28, 28+len(quoted))
		p[0], p[8], p[9] = 0x45, 64, 1 // header of 5 words, TTL, ICMP
		binary.BigEndian.PutUint16(p[2:], uint16(28+len(quoted)))
		copy(p[12:], router.AsSlice())
		copy(p[16:], src.AsSlice())
		p[20], p[21] = 3, 4 // destination unreachable, fragmentation needed
		binary.BigEndian.PutUint16(p[26:], uint16(mtu))
		p = append(p, quoted...)
		binary.BigEndian.PutUint16(p[10:], ^sum(0, p[:20]))
		binary.BigEndian.PutUint16(p[22:], ^sum(0, p[20:]))
		return p
	}
	quoted := b[:min(len(b), 1280-48)]
	p := make([]byte, 48, 48+len(quoted))
	p[0], p[6], p[7] = 0x60, 58, 64 // version, ICMPv6, hop limit
	binary.BigEndian.PutUint16(p[4:], uint16(8+len(quoted)))
	copy(p[8:], router.AsSlice())
	copy(p[24:], src.AsSlice())
	p[40] = 2 // packet too big
	binary.BigEndian.PutUint32(p[44:], uint32(mtu))
	p = append(p, quoted...)
	pseudo := sum(uint32(8+len(quoted))+58, p[8:40]) // addresses, length, next header
	binary.BigEndian.PutUint16(p[42:], ^sum(uint32(pseudo), p[40:]))
	return p
}

// sum is the Internet checksum, not yet inverted.
func sum(s uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
