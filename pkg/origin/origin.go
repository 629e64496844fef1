// Package origin tells where an address comes from, in the steps in which addresses cost
// something: who has one has all of a /64, mostly of a /56, often of a /48; of IPv4 whoever has
// many has them side by side. Limits on strangers count by these networks, never by what is had
// for nothing: an identity, a port, an address within a /64.
package origin

import "net/netip"

// Networks are those that an address lies in, the narrowest first: /32, /24 and /16 of IPv4,
// /64, /56 and /48 of IPv6. The zero value is of an address that is not known, or not counted.
type Networks [Steps]netip.Prefix

// Steps is how many networks an address lies in.
const Steps = 3

var bits4, bits6 = [Steps]int{32, 24, 16}, [Steps]int{64, 56, 48}

// Of returns the networks of an address, none where it is invalid. IPv4 in IPv6 is IPv4, and a
// zone is left out.
func Of(a netip.Addr) (n Networks) {
	a = a.Unmap()
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	for i := range n {
		n[i], _ = a.Prefix(bits[i]) // fails for the invalid one only, and is zero then
	}
	return n
}

// Host is the narrowest: one IPv4 host, or one link of IPv6 on which hosts pick addresses.
func (n Networks) Host() netip.Prefix { return n[0] }

// Known reports whether there are any.
func (n Networks) Known() bool { return n[0].IsValid() }
