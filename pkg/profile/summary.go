package profile

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

// Version is an API level (router.version): major, minor and patch, 8 bits each.
type Version uint32

// MinVersion is the oldest that is used at all.
const MinVersion = Version(0<<16 | 9<<8 | 58)

// ParseVersion reads "0.9.68"; a missing or odd version is 0.
func ParseVersion(s string) Version {
	var v Version
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return 0
	}
	for i := range 3 {
		n := uint64(0)
		if i < len(parts) {
			var err error
			if n, err = strconv.ParseUint(parts[i], 10, 8); err != nil {
				return 0
			}
		}
		v = v<<8 | Version(n)
	}
	return v
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xff, v&0xff) }

// Flags are what selection has to know of a router.
type Flags uint16

// The flags.
const (
	Reachable   Flags = 1 << iota // R; for Look alone
	Unreachable                   // U
	Hidden                        // H
	Floodfill                     // f
	CongestionD                   // proposal 162
	CongestionE                   //
	CongestionG                   //
	Addressed                     // an address with host and port
	X25519                        // its encryption key is X25519
	IPv4                          // an address of that family
	IPv6                          //
	Scattered                     // more hosts than a Summary names
	Hearsay                       // nobody whom we asked knows of it, and we have not met it where it says it is
)

// Summary is the small part of a RouterInfo that selection needs. It holds no
// pointers, so that tens of thousands of them are no burden.
type Summary struct {
	Hash      i2p.Hash
	Published i2p.Date
	Version   Version
	Flags     Flags
	Bandwidth byte      // class letter, 0 for none
	Family    uint32    // hash of the name; 0 for none
	Prefixes  [3]uint32 // its address ranges, an IPv4 /16 or an IPv6 /32; 0 for none
	Hosts     [3]origin.Host
}

// At tells whether a router publishes an address of a host.
func (s *Summary) At(host origin.Host) bool { return host != 0 && slices.Contains(s.Hosts[:], host) }

// Summarize reads a RouterInfo.
func Summarize(ri *routerinfo.RouterInfo) Summary {
	caps := ri.Caps()
	s := Summary{
		Hash: ri.Hash(), Published: ri.Published(), Version: ParseVersion(ri.Version()), Bandwidth: caps.Bandwidth,
	}
	set := func(on bool, f Flags) {
		if on {
			s.Flags |= f
		}
	}
	set(caps.Reachable, Reachable)
	set(caps.Unreachable, Unreachable)
	set(caps.Hidden, Hidden)
	set(caps.Floodfill && ri.Identity().SigType() != sign.DSA_SHA1, Floodfill)
	set(caps.Congestion == 'D', CongestionD)
	set(caps.Congestion == 'E', CongestionE)
	set(caps.Congestion == 'G', CongestionG)
	set(ri.Identity().CryptoType() == i2p.CryptoX25519, X25519)
	if f := ri.Family(); f != "" {
		h := fnv.New32a()
		h.Write([]byte(f))
		s.Family = h.Sum32() | 1
	}
	for _, a := range ri.Addresses() {
		s.address(&a)
	}
	return s
}

func (s *Summary) address(a *routerinfo.Address) {
	at := a.AddrPort().Addr().Unmap()
	if !at.IsValid() || yggdrasil.Contains(at) {
		return
	}
	s.Flags |= Addressed
	if at.Is4() {
		s.Flags |= IPv4
	} else {
		s.Flags |= IPv6
	}
	note(&s.Prefixes, prefix(at))
	if !note(&s.Hosts, origin.HostOf(at)) {
		s.Flags |= Scattered
	}
}

// yggdrasil is another network on top of the Internet: whoever likes has addresses there.
var yggdrasil = netip.MustParsePrefix("200::/7")

// note adds what is not in a list; there may be no place for it.
func note[T comparable](list *[3]T, x T) bool {
	var none T
	for i := range list {
		if list[i] == x || list[i] == none {
			list[i] = x
			return true
		}
	}
	return false
}

// prefix names an address range: the IPv4 /16, or a hash of the IPv6 /32.
func prefix(ip netip.Addr) uint32 {
	b := ip.As16()
	if ip.Is4() {
		return 1<<24 | uint32(b[12])<<8 | uint32(b[13])
	}
	h := fnv.New32a()
	h.Write(b[:4])
	return h.Sum32() | 1<<31
}

// Related tells whether two routers may belong to one operator: of one address
// range or one family. Such never share a tunnel.
func (s *Summary) Related(o *Summary) bool {
	if s.Family != 0 && s.Family == o.Family {
		return true
	}
	for _, p := range s.Prefixes {
		if p != 0 && (p == o.Prefixes[0] || p == o.Prefixes[1] || p == o.Prefixes[2]) {
			return true
		}
	}
	return false
}

// Look is what routers made by one program with one configuration have in
// common: version, bandwidth class and what they publish. Forged crowds share it.
func (s *Summary) Look() uint32 {
	return uint32(s.Version&0xffff)<<16 ^ uint32(s.Bandwidth)<<13 ^ uint32(s.Flags&^Hearsay)
}
