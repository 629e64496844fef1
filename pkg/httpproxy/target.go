package httpproxy

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/httpmsg"
	"i2ptoolkit/pkg/i2p"
)

// kind is where a host is.
type kind byte

const (
	eepsite  kind = iota // *.i2p
	own                  // the pages of this proxy
	clearnet             // by an outproxy, if by anything
	private              // this machine and networks around it: never
)

// ownHost is the name of this proxy's own pages.
const ownHost = "proxy.i2p"

// target is whom a request is for.
type target struct {
	kind kind
	host string // in lower case
	port uint16
	path []byte // with the query
}

// find reads a request's target (RFC 9112 section 3.2): the absolute form that proxies are sent,
// the authority form of CONNECT, or the origin form with Host, of clients that take this proxy
// for the server. The Host beside an absolute form is not looked at (section 3.2.2).
func (t *target) find(r *httpmsg.Request) error {
	*t = target{port: 80}
	authority, rest := r.Target, []byte(nil)
	switch {
	case r.Is("CONNECT"):
		t.port = 0
	case r.Target[0] == '/':
		authority, _ = r.Get(httpmsg.Host)
		rest = r.Target
	case hasPrefixFold(r.Target, "http://"):
		authority = r.Target[len("http://"):]
		if i := bytes.IndexAny(authority, "/?#"); i >= 0 {
			authority, rest = authority[:i], authority[i:]
		}
	default:
		return httpmsg.Malformed("this proxy is asked for http:// addresses, or to CONNECT")
	}
	rest, _, _ = bytes.Cut(rest, []byte{'#'})
	if t.path = rest; len(rest) == 0 || rest[0] == '?' {
		t.path = append([]byte{'/'}, rest...)
	}
	return t.locate(authority)
}

// locate reads a host and port, and tells where the host is.
func (t *target) locate(authority []byte) error {
	host := authority
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		port, ok := httpmsg.Decimal(authority[i+1:])
		if !ok || port == 0 || port > 65535 {
			return httpmsg.Malformed("the port is not a number from 1 to 65535")
		}
		host, t.port = authority[:i], uint16(port)
	}
	if t.port == 0 {
		return httpmsg.Malformed("there is no port")
	}
	if len(host) > 0 && host[0] == '[' {
		t.host, t.kind = "an IPv6 address", private
		return nil
	}
	t.host = strings.TrimSuffix(httpmsg.Lower(string(host)), ".")
	if !isHost(t.host) {
		return httpmsg.Malformed("the host is not a name (other letters than a to z are written in the form xn--…)")
	}
	if t.kind = kindOf(t.host); t.kind == eepsite && !named(t.host) && !isAddress(t.host) {
		return httpmsg.Malformed("the address that ends in " + addressEnd + " has a character too many, too few or wrong")
	}
	return nil
}

// addressEnd is how addresses end, which are no names.
const addressEnd = ".b32.i2p"

// isAddress tells an address: of a destination, or of an encrypted lease set.
func isAddress(host string) bool {
	if _, err := i2p.ParseB32(host); err == nil {
		return true
	}
	_, err := i2p.ParseB33(host)
	return err == nil
}

// authority is the host and, unless it is the usual one, the port.
func (t *target) authority() string {
	if t.port == 80 {
		return t.host
	}
	return t.host + ":" + strconv.Itoa(int(t.port))
}

// isOrigin tells whether an address or origin is of the same scheme, host and port.
func (t *target) isOrigin(address []byte) bool {
	if !hasPrefixFold(address, "http://") {
		return false
	}
	authority := address[len("http://"):]
	if i := bytes.IndexAny(authority, "/?#"); i >= 0 {
		authority = authority[:i]
	}
	host, port := authority, uint64(80)
	if i := bytes.IndexByte(authority, ':'); i >= 0 {
		var err error
		if port, err = strconv.ParseUint(string(authority[i+1:]), 10, 16); err != nil {
			return false
		}
		host = authority[:i]
	}
	return uint64(t.port) == port && httpmsg.EqualFold(host, t.host)
}

// isHost tells a name in lower case of labels of letters, digits, hyphens and underscores.
func isHost(name string) bool {
	if len(name) > 255 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// kindOf tells where a host is by its name alone: nobody is asked for its address.
func kindOf(host string) kind {
	top := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case host == ownHost:
		return own
	case top == host:
		return private // localhost, or a neighbour of this machine
	case top == "i2p":
		return eepsite
	case top[0] >= '0' && top[0] <= '9': // an address, in one of the ways that they are written
		if a, err := netip.ParseAddr(host); err == nil && !reserved(a) {
			return clearnet
		}
		return private
	}
	for _, name := range localNames {
		if host == name || strings.HasSuffix(host, "."+name) {
			return private
		}
	}
	return clearnet
}

// localNames are those of this machine and the networks around it (RFC 6761, 6762, 8375, and
// what ICANN has set apart).
var localNames = []string{
	"localhost", "localdomain", "local", "internal", "intranet", "corp", "home", "lan", "private",
	"home.arpa", "in-addr.arpa", "ip6.arpa", "test", "invalid", "example",
}

// reserved tells addresses that are not the Internet's (IANA's registry of special-purpose
// addresses).
func reserved(a netip.Addr) bool {
	for _, p := range reservedNets {
		if p.Contains(a) {
			return true
		}
	}
	return !a.Is4()
}

var reservedNets = func() (nets []netip.Prefix) {
	for _, s := range strings.Fields("0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 " +
		"192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3") {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	return nets
}()
