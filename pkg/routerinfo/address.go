package routerinfo

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
)

// Transport styles.
const (
	StyleNTCP2 = "NTCP2"
	StyleNTCP  = "NTCP" // with v=2, the same as NTCP2 (NTCP2, Published Router Info)
	StyleSSU2  = "SSU2"
	StyleSSU   = "SSU"
)

// Address says how a router is reached over one transport (common structures,
// RouterAddress).
//
//	cost 1 | expiration 8 | transport style, a string | options, a mapping
type Address struct {
	Cost       byte
	Expiration i2p.Date // always 0 today
	Style      string
	Options    i2p.Mapping
}

// ParseAddress reads an address.
func ParseAddress(b []byte) (Address, []byte, error) {
	if len(b) < 10 || len(b) < 10+int(b[9]) {
		return Address{}, nil, fmt.Errorf("routerinfo: address: %w", i2p.ErrTruncated)
	}
	n := int(b[9])
	options, rest, err := i2p.ParseMapping(b[10+n:])
	if err != nil {
		return Address{}, nil, fmt.Errorf("routerinfo: address options: %w", err)
	}
	return Address{
		Cost:       b[0],
		Expiration: i2p.Date(binary.BigEndian.Uint64(b[1:])),
		Style:      styleOf(b[10 : 10+n]),
		Options:    options,
	}, rest, nil
}

// styleOf shares the memory of the usual names among all addresses.
func styleOf(b []byte) string {
	switch string(b) {
	case StyleNTCP2:
		return StyleNTCP2
	case StyleSSU2:
		return StyleSSU2
	case StyleSSU:
		return StyleSSU
	}
	return string(b)
}

// AppendTo appends the address.
func (a Address) AppendTo(b []byte) []byte {
	b = append(b, a.Cost)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Expiration))
	b = append(b, byte(len(a.Style)))
	b = append(b, a.Style...)
	return a.Options.AppendTo(b)
}

// Host is the address' IP, invalid where it is missing or is a name.
func (a Address) Host() netip.Addr {
	ip, err := netip.ParseAddr(a.Options.Get("host"))
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// Port is the address' port, 0 where it is missing.
func (a Address) Port() uint16 {
	p, err := strconv.ParseUint(a.Options.Get("port"), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(p)
}

// AddrPort is Host and Port; it is invalid unless both are there.
func (a Address) AddrPort() netip.AddrPort {
	if a.Port() == 0 || !a.Host().IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Host(), a.Port())
}

// StaticKey is the transport's static X25519 key, option s.
func (a Address) StaticKey() ([32]byte, bool) {
	b, err := i2p.DecodeBase64(a.Options.Get("s"))
	if err != nil || len(b) != 32 {
		return [32]byte{}, false
	}
	return [32]byte(b), true
}

// IV is NTCP2's AES IV, option i.
func (a Address) IV() ([16]byte, bool) {
	b, err := i2p.DecodeBase64(a.Options.Get("i"))
	if err != nil || len(b) != 16 {
		return [16]byte{}, false
	}
	return [16]byte(b), true
}

// Hybrids are the post-quantum hybrids that the address takes, the preferred first: option pq
// (proposal 169, Published Addresses). Of what is unknown in it nothing is said.
func (a Address) Hybrids() (kinds []kem.Kind) {
	for n := range strings.SplitSeq(a.Options.Get("pq"), ",") {
		if i := slices.Index(hybridNumbers, n); i > 0 {
			kinds = append(kinds, kem.Kind(i))
		}
	}
	return kinds
}

// HybridOption is the value of option pq of an address that takes these hybrids, the preferred
// first.
func HybridOption(kinds ...kem.Kind) string {
	numbers := make([]string, len(kinds))
	for i, k := range kinds {
		numbers[i] = hybridNumbers[k]
	}
	return strings.Join(numbers, ",")
}

// hybridNumbers are the values of option pq.
var hybridNumbers = []string{kem.None: "", kem.MLKEM512: "3", kem.MLKEM768: "4", kem.MLKEM1024: "5"}

// Caps is the address' own capabilities, option caps: 4, 6, B, C.
func (a Address) Caps() string { return a.Options.Get("caps") }

// IsNTCP2 reports whether the address speaks NTCP2, version 2.
func (a Address) IsNTCP2() bool {
	if a.Style != StyleNTCP2 && a.Style != StyleNTCP {
		return false
	}
	v := a.Options.Get("v")
	return v == "2" || (len(v) > 1 && v[:2] == "2,")
}
