package routerinfo

import (
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
)

// SSU2's bounds of the MTU (SSU2, MTU).
const (
	MinSSU2MTU = 1280
	MaxSSU2MTU = 1500
)

// IsSSU2 reports whether the address speaks SSU2, version 2 (SSU2, Published
// Router Info).
func (a Address) IsSSU2() bool {
	if a.Style != StyleSSU2 && a.Style != StyleSSU {
		return false
	}
	v, _, _ := strings.Cut(a.Options.Get("v"), ",")
	return v == "2"
}

// IntroKey is SSU2's introduction key, option i.
func (a Address) IntroKey() ([32]byte, bool) {
	b, err := i2p.DecodeBase64(a.Options.Get("i"))
	if err != nil || len(b) != 32 {
		return [32]byte{}, false
	}
	return [32]byte(b), true
}

// MTU is SSU2's option mtu, within its bounds; 1500 where it is missing.
func (a Address) MTU() int {
	n, err := strconv.Atoi(a.Options.Get("mtu"))
	if err != nil {
		return MaxSSU2MTU
	}
	return min(max(n, MinSSU2MTU), MaxSSU2MTU)
}

// Introducer is a router that can introduce others to one that cannot be
// reached (SSU2, Introducers).
type Introducer struct {
	Hash    i2p.Hash
	Tag     uint32
	Expires int64 // seconds since 1970, 0 where it is not said
}

// Introducers are the introducers of an SSU2 address: options ih, itag and
// iexp, numbered from 0 to 2.
func (a Address) Introducers() []Introducer {
	var all []Introducer
	for _, n := range []string{"0", "1", "2"} {
		hash, err := i2p.ParseHash(a.Options.Get("ih" + n))
		tag, err2 := strconv.ParseUint(a.Options.Get("itag"+n), 10, 32)
		if err != nil || err2 != nil || tag == 0 {
			continue
		}
		expires, _ := strconv.ParseInt(a.Options.Get("iexp"+n), 10, 64)
		all = append(all, Introducer{hash, uint32(tag), expires})
	}
	return all
}

// SSU2 are the addresses over which the router speaks SSU2, published or not:
// those with static key and intro key.
func (r *RouterInfo) SSU2() []Address {
	var all []Address
	for _, a := range r.addresses {
		_, static := a.StaticKey()
		_, intro := a.IntroKey()
		if a.IsSSU2() && static && intro {
			all = append(all, a)
		}
	}
	return all
}
