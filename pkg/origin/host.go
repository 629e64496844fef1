package origin

import (
	"encoding/binary"
	"net/netip"
)

// Host names the narrowest network of an address without a pointer, for tables of tens of
// thousands: an IPv4 address, or the first half of an IPv6 one. The zero Host is nobody's.
type Host uint64

// HostOf gives the host of an address; none where it is invalid.
func HostOf(a netip.Addr) Host {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return Host(binary.BigEndian.Uint32(b[:]))
	}
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	half := binary.BigEndian.Uint64(b[:8])
	if half>>32 == 0 { // of ::/32, where nobody is: not to be taken for IPv4
		half |= 1 << 32
	}
	return Host(half)
}

// Is4 tells whether it is an IPv4 address.
func (h Host) Is4() bool { return h != 0 && h>>32 == 0 }

// Within names the network of that step, 0 being the narrowest, that a host lies in. Names of
// different steps are not to be compared.
func (h Host) Within(step int) Host { return h &^ (1<<(8*step) - 1) }

// Networks are those that it lies in.
func (h Host) Networks() Networks {
	switch {
	case h == 0:
		return Networks{}
	case h.Is4():
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(h))
		return Of(netip.AddrFrom4(b))
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(h))
	return Of(netip.AddrFrom16(b))
}
