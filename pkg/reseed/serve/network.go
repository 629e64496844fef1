package serve

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"i2ptoolkit/pkg/words"
)

// key is a client network: the first address of its prefix. IPv4 is mapped into IPv6;
// a peer without an address, on a Unix socket, has the zero key.
type key [16]byte

// networkOf is the network of an address, which is what limits and the choice of a
// bundle go by: within one, addresses cost nothing.
func networkOf(a netip.Addr, v4Bits, v6Bits int) key {
	if !a.IsValid() {
		return key{}
	}
	n := v6Bits
	if a.Is4() {
		n = v4Bits
	}
	p, err := a.Prefix(n)
	if err != nil {
		return key{}
	}
	return p.Addr().As16()
}

// clean takes away what makes two texts of one address differ.
func clean(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// MaxPrefixes is how many prefixes a block list may have.
const MaxPrefixes = 250_000

// prefixes is a set of CIDR prefixes. A look-up costs one of a map for each length of
// prefix in use, however many prefixes there are.
type prefixes struct {
	set    map[netip.Prefix]struct{}
	v4, v6 []int // lengths in use
}

func newPrefixes(all []netip.Prefix) (prefixes, error) {
	p := prefixes{set: make(map[netip.Prefix]struct{}, len(all))}
	if len(all) > MaxPrefixes {
		return p, fmt.Errorf("serve: at most %d prefixes are expected, there are %d", MaxPrefixes, len(all))
	}
	for _, one := range all {
		if !one.IsValid() {
			return p, fmt.Errorf("serve: a prefix such as 192.0.2.0/24 is expected, it is %v", one)
		}
		a, n := one.Addr(), one.Bits()
		if a.Is4In6() {
			if n < 96 {
				return p, fmt.Errorf("serve: an IPv4 prefix in IPv6 of at least 96 bits is expected, it is %v", one)
			}
			a, n = a.Unmap(), n-96
		}
		lengths := &p.v6
		if a.Is4() {
			lengths = &p.v4
		}
		if !slices.Contains(*lengths, n) {
			*lengths = append(*lengths, n)
		}
		p.set[netip.PrefixFrom(a, n).Masked()] = struct{}{}
	}
	return p, nil
}

func (p prefixes) contains(a netip.Addr) bool {
	lengths := p.v6
	if a.Is4() {
		lengths = p.v4
	}
	for _, n := range lengths {
		if one, err := a.Prefix(n); err == nil {
			if _, ok := p.set[one]; ok {
				return true
			}
		}
	}
	return false
}

// ParsePrefixes reads a block list: a prefix or a single address a line; # begins a
// comment.
func ParsePrefixes(r io.Reader) ([]netip.Prefix, error) {
	var all []netip.Prefix
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(string(words.Unmarked(lines.Bytes())), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(all) == MaxPrefixes {
			return nil, fmt.Errorf("serve: at most %d prefixes are expected, there are more", MaxPrefixes)
		}
		all = append(all, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	return all, nil
}

// ParsePrefix reads a prefix, or an address as the prefix of itself alone.
func ParsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("serve: an address or a prefix such as 192.0.2.0/24 is expected, it is %.60q", text)
	}
	return p, nil
}

func readPrefixes(files []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("serve: %w", err)
		}
		some, err := ParsePrefixes(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("serve: %s: %w", name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}
