// Package routerinfo reads, checks and makes RouterInfos: what a router
// publishes of itself in the netDb (common structures, RouterInfo).
package routerinfo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// Limits of what is accepted.
const (
	// MaxLen bounds a RouterInfo. SSU2 carries at most 15 fragments of a
	// packet of 1500 bytes; the largest seen are under 4 KB.
	MaxLen = 16 << 10
	// MaxAddresses bounds its addresses.
	MaxAddresses = 16
)

// RouterInfo is a router's signed record. It is immutable and keeps the exact
// bytes that were signed.
//
//	identity | published 8 | count 1 | addresses | peers 1 (0) | options | signature
type RouterInfo struct {
	raw       []byte
	signed    int // bytes of raw that the signature covers
	identity  i2p.RouterIdentity
	published i2p.Date
	addresses []Address
	options   i2p.Mapping
}

// ErrSignature means that a RouterInfo is not signed by its identity.
var ErrSignature = errors.New("routerinfo: signature does not verify")

// Parse reads one RouterInfo that takes up all of b, and keeps a copy. Verify
// checks its signature.
func Parse(b []byte) (*RouterInfo, error) {
	if len(b) > MaxLen {
		return nil, fmt.Errorf("routerinfo: %d bytes, at most %d", len(b), MaxLen)
	}
	r := &RouterInfo{raw: append([]byte(nil), b...)}
	var err error
	rest := r.raw
	if r.identity, rest, err = i2p.ParseRouterIdentity(rest); err != nil {
		return nil, fmt.Errorf("routerinfo: %w", err)
	}
	if len(rest) < 9 {
		return nil, fmt.Errorf("routerinfo: date: %w", i2p.ErrTruncated)
	}
	r.published = i2p.Date(binary.BigEndian.Uint64(rest))
	n := int(rest[8])
	rest = rest[9:]
	if n > MaxAddresses {
		return nil, fmt.Errorf("routerinfo: %d addresses, at most %d", n, MaxAddresses)
	}
	r.addresses = make([]Address, n)
	for i := range r.addresses {
		if r.addresses[i], rest, err = ParseAddress(rest); err != nil {
			return nil, err
		}
	}
	if len(rest) < 1 || len(rest) < 1+i2p.HashLen*int(rest[0]) {
		return nil, fmt.Errorf("routerinfo: peers: %w", i2p.ErrTruncated)
	}
	rest = rest[1+i2p.HashLen*int(rest[0]):] // unused since ever
	if r.options, rest, err = i2p.ParseMapping(rest); err != nil {
		return nil, fmt.Errorf("routerinfo: options: %w", err)
	}
	if want := r.identity.SigType().SignatureLen(); len(rest) != want {
		return nil, fmt.Errorf("routerinfo: signature of %d bytes, %v has %d", len(rest), r.identity.SigType(), want)
	}
	r.signed = len(r.raw) - len(rest)
	return r, nil
}

// Verify checks the signature.
func (r *RouterInfo) Verify() error {
	if !r.identity.Verify(r.raw[:r.signed], r.raw[r.signed:]) {
		return ErrSignature
	}
	return nil
}

// VerifyAll checks the signatures of many, faster than one by one (sign.VerifyAll): each has the error of its Verify.
func VerifyAll(all []*RouterInfo) []error {
	signed := make([]sign.Signed, len(all))
	for i, r := range all {
		signed[i] = sign.Signed{Key: r.identity.SigningKey(), Msg: r.raw[:r.signed], Sig: r.raw[r.signed:]}
	}
	errs := make([]error, len(all))
	for i, good := range sign.VerifyAll(signed) {
		if !good {
			errs[i] = ErrSignature
		}
	}
	return errs
}

// Bytes returns the signed record. It must not be changed.
func (r *RouterInfo) Bytes() []byte { return r.raw }

// Hash is the router's hash.
func (r *RouterInfo) Hash() i2p.Hash { return r.identity.Hash() }

// Identity is the router's identity.
func (r *RouterInfo) Identity() i2p.RouterIdentity { return r.identity }

// Published is when the record was made.
func (r *RouterInfo) Published() i2p.Date { return r.published }

// Addresses are the router's addresses. They must not be changed.
func (r *RouterInfo) Addresses() []Address { return r.addresses }

// Options are the router's options. They must not be changed.
func (r *RouterInfo) Options() i2p.Mapping { return r.options }

// Version is the router's API level, option router.version.
func (r *RouterInfo) Version() string { return r.options.Get("router.version") }

// VersionAtLeast compares the API level; a missing or odd one is 0.0.0.
func (r *RouterInfo) VersionAtLeast(major, minor, patch int) bool {
	var v [3]int
	for i, s := range strings.SplitN(r.Version(), ".", 4) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || i == len(v) {
			break
		}
		v[i] = n
	}
	want := [3]int{major, minor, patch}
	for i := range v {
		if v[i] != want[i] {
			return v[i] > want[i]
		}
	}
	return true
}

// NetID is the network that the router says it belongs to, option netId; 0
// where it is missing.
func (r *RouterInfo) NetID() int {
	n, err := strconv.Atoi(r.options.Get("netId"))
	if err != nil {
		return 0
	}
	return n
}

// Family is the name of the router's family, "" for none. Whether the family
// key signed it is another question.
func (r *RouterInfo) Family() string { return r.options.Get("family") }

// EncryptionKey is the router's X25519 key; false for routers of old types.
func (r *RouterInfo) EncryptionKey() ([32]byte, bool) {
	if r.identity.CryptoType() != i2p.CryptoX25519 {
		return [32]byte{}, false
	}
	return [32]byte(r.identity.CryptoKey()), true
}

// NTCP2 are the addresses at which the router accepts NTCP2: with host, port,
// static key and IV.
func (r *RouterInfo) NTCP2() []Address {
	var out []Address
	for _, a := range r.addresses {
		_, s := a.StaticKey()
		_, i := a.IV()
		if a.IsNTCP2() && a.AddrPort().IsValid() && s && i {
			out = append(out, a)
		}
	}
	return out
}

// Caps are the router's capabilities, option caps.
func (r *RouterInfo) Caps() Caps { return ParseCaps(r.options.Get("caps")) }

// IsFloodfill reports the capability f.
func (r *RouterInfo) IsFloodfill() bool { return r.Caps().Floodfill }

// Caps are a router's capabilities, read from letters (network database,
// Router Capabilities).
type Caps struct {
	Text        string
	Bandwidth   byte // K L M N O P X, the highest named; 0 for none
	Reachable   bool // R
	Unreachable bool // U
	Hidden      bool // H
	Floodfill   bool // f
	Congestion  byte // D E G; 0 for none
}

// ParseCaps reads capability letters and ignores unknown ones.
func ParseCaps(s string) Caps {
	const classes = "KLMNOPX"
	c := Caps{Text: s}
	for i := range len(s) {
		switch s[i] {
		case 'R':
			c.Reachable = true
		case 'U':
			c.Unreachable = true
		case 'H':
			c.Hidden = true
		case 'f':
			c.Floodfill = true
		case 'D', 'E', 'G':
			c.Congestion = s[i]
		default:
			if k := strings.IndexByte(classes, s[i]); k > strings.IndexByte(classes, c.Bandwidth) {
				c.Bandwidth = s[i]
			}
		}
	}
	return c
}
