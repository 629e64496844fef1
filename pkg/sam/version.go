package sam

import (
	"strconv"
	"strings"
)

// version is a version 3.x of the protocol, by its x.
type version int

// The first versions that have something which older clients would not understand.
const (
	withPorts version = 2 // lines that tell of a peer say the ports
	newest    version = 3
)

func (v version) String() string { return "3." + strconv.Itoa(int(v)) }

// parseVersion reads "3.1" or "3". Both numbers are below 1,000.
func parseVersion(s string) (major, minor int, ok bool) {
	first, second, dotted := strings.Cut(s, ".")
	major, ok = number(first, 999)
	if ok && dotted {
		minor, ok = number(second, 999)
	}
	return major, minor, ok
}

// number reads a number without a sign, of at most most.
func number(s string, most int) (n int, ok bool) {
	if s == "" || len(s) > 6 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n <= most
}

// negotiate is the highest version between two, each of which may be empty: no bound. "3" is 3.0, as in Java.
func negotiate(least, most string) (v version, ok bool) {
	for v = newest; v >= 0; v-- {
		if within(v, least, true) && within(v, most, false) {
			return v, true
		}
	}
	return 0, false
}

// within tells whether a version is not below, or not above, a bound.
func within(v version, bound string, lower bool) bool {
	if bound == "" {
		return true
	}
	major, minor, ok := parseVersion(bound)
	switch {
	case !ok:
		return false
	case major != 3:
		return (major < 3) == lower
	case lower:
		return int(v) >= minor
	}
	return int(v) <= minor
}
