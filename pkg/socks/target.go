package socks

import (
	"fmt"
	"net/netip"
	"strings"

	"i2ptoolkit/pkg/i2p"
)

// place is where an address is.
type place int

const (
	inI2P    place = iota + 1
	clearnet       // for an outproxy
)

// locate tells where an address is, and gives the host in its usual spelling. What is neither in
// I2P nor for an outproxy is an error.
func (a address) locate() (where place, host string, err error) {
	if a.host == "" {
		return locateIP(a.ip)
	}
	if ip, err := netip.ParseAddr(strings.Trim(a.host, "[]")); err == nil {
		return locateIP(ip)
	}
	name := strings.TrimSuffix(strings.ToLower(a.host), ".")
	if n, err := i2p.ParseName(a.host); err == nil && n.Port == 0 && !strings.ContainsAny(a.host, "/:") {
		switch n.Kind {
		case i2p.NameHost, i2p.NameAddress, i2p.NameBlinded, i2p.NameDestination:
			return inI2P, n.String(), nil
		}
	}
	if strings.HasSuffix(name, ".i2p") || name == "i2p" {
		return 0, "", errName
	}
	if !isHostName(name) {
		return 0, "", fmt.Errorf("%w: no host name", errForbidden)
	}
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case name, "localhost", "local", "internal", "lan", "home", "arpa":
		return 0, "", fmt.Errorf("%w: a name of a local network", errForbidden)
	}
	return clearnet, name, nil
}

// locateIP is locate for an IP address: an outproxy has no business with its own machine, or with
// what is beside it.
func locateIP(ip netip.Addr) (place, string, error) {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" {
		return 0, "", fmt.Errorf("%w: not a public one", errForbidden)
	}
	return clearnet, ip.String(), nil
}

// isHostName reports whether a name can be one of the DNS: it goes into the request to an outproxy.
func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
