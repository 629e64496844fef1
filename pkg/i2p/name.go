package i2p

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// NameKind is what a Name names something by.
type NameKind byte

// The kinds of names.
const (
	NameDestination NameKind = iota + 1 // the destination itself, in base64
	NameAddress                         // a destination's hash, in base32 (b32)
	NameHash                            // a hash in base64: a destination's or a router's
	NameBlinded                         // the key of an encrypted lease set (b33)
	NameHost                            // a host name, for an address book
)

// Name is what people and programs write for a destination. It has what its kind says.
type Name struct {
	Kind        NameKind
	Destination Destination
	Hash        Hash // of NameDestination as well
	Blinded     BlindedAddress
	Host        string // in lower case

	// Port is what stood behind a colon, 0 where nothing did. Who has no use for a port refuses
	// a Name with one, or passes over it to tell of what is named.
	Port uint16
}

// ErrName means that a text names nothing: it is of no kind, or a damaged one of some kind.
var ErrName = errors.New("neither a host name that ends in .i2p, nor a b32 address, nor a destination or hash in base64")

var errPort = errors.New("the port is no number from 1 to 65535")

// schemes are cut off in front of a name, as browsers and links have them.
var schemes = []string{"http://", "https://", "i2p://"}

const (
	hostSuffix = ".i2p"
	b32Len     = 52 // characters, without a suffix
	b33TextLen = 56
	hash64Len  = 43 // without padding
	dest64Len  = 516
)

// ParseName reads a name as it is found anywhere: in any case (but for base64, whose letters
// count), with or without a dot at its end or a port behind it, out of a link with its path,
// an address without ".b32.i2p", a destination with or without ".i2p". Errors put the text in
// front of what errors.Unwrap gives, for who has said it already.
func ParseName(text string) (Name, error) {
	s, link := cutScheme(text)
	if link {
		s, _, _ = strings.Cut(s, "/")
		s, _, _ = strings.Cut(s, "?")
		s, _, _ = strings.Cut(s, "#")
	}
	s, port, hasPort := strings.Cut(s, ":")
	n, err := parseName(strings.TrimSuffix(s, "."))
	if err != nil {
		return Name{}, fmt.Errorf("%s: %w", abridged(text), err)
	}
	if hasPort {
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil || p == 0 {
			return Name{}, fmt.Errorf("%s: %w", abridged(text), errPort)
		}
		n.Port = uint16(p)
	}
	return n, nil
}

func cutScheme(text string) (rest string, link bool) {
	for _, scheme := range schemes {
		if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			return text[len(scheme):], true
		}
	}
	return text, false
}

// parseName reads a name that is alone. The length tells what it may be, except that a host
// name may be as long as an address or hash: what is shorter than a destination and ends in
// .i2p is one, unless it is a b32 address.
func parseName(s string) (Name, error) {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f { // strings.ToLower makes ASCII of some others
			return Name{}, ErrName
		}
	}
	lower := strings.ToLower(s)
	address, isAddress := strings.CutSuffix(lower, b32Suffix)
	_, hasSuffix := strings.CutSuffix(lower, hostSuffix)
	switch {
	case isAddress:
		return parseAddress(address)
	case hasSuffix && len(s) >= dest64Len:
		return parseDestination(s[:len(s)-len(hostSuffix)])
	case hasSuffix:
		if err := CheckHost(lower); err != nil {
			return Name{}, err
		}
		return Name{Kind: NameHost, Host: lower}, nil
	case len(s) == b32Len || len(s) == b33TextLen:
		return parseAddress(lower)
	case len(s) >= dest64Len:
		return parseDestination(s)
	case len(s) == hash64Len || len(s) == hash64Len+1:
		h, err := ParseHash(s)
		return Name{Kind: NameHash, Hash: h}, err
	}
	return Name{}, ErrName
}

func parseAddress(s string) (Name, error) {
	if len(s) <= b32Len {
		h, err := ParseB32(s + b32Suffix)
		return Name{Kind: NameAddress, Hash: h}, err
	}
	b, err := ParseB33(s + b32Suffix)
	return Name{Kind: NameBlinded, Blinded: b}, err
}

func parseDestination(s string) (Name, error) {
	d, err := ParseDestinationBase64(s)
	return Name{Kind: NameDestination, Destination: d, Hash: d.Hash()}, err
}

// abridged is a text for an error: destinations are long, and nothing of a stranger's text may
// move a terminal's cursor.
func abridged(text string) string {
	const most = 64
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}

// String is the name in its usual spelling, without the port.
func (n Name) String() string {
	switch n.Kind {
	case NameDestination:
		return EncodeBase64(n.Destination.Bytes())
	case NameAddress:
		return n.Hash.B32()
	case NameHash:
		return n.Hash.String()
	case NameBlinded:
		s, err := n.Blinded.B33()
		if err != nil {
			panic("i2p: " + err.Error()) // what was parsed can be blinded
		}
		return s
	}
	return n.Host
}

// maxHost bounds a host name (naming: "Host names must be 67 characters or less").
const maxHost = 67

// reserved names, and those below them, are no destination's but a router's own pages (naming:
// "Certain hostnames reserved for project use are not allowed").
var reserved = []string{"proxy", "router", "console"}

// ErrHost means that a host name cannot stand in an address book.
var ErrHost = errors.New("no host name")

// CheckHost tells whether a host name may stand in an address book (naming, "Naming Rules"):
// labels of lower-case letters, digits and hyphens, ending in .i2p. Names of other scripts are
// in their ASCII form (xn--), and stay in it: whoever reads one sees that it is no other.
func CheckHost(name string) error {
	base, ok := strings.CutSuffix(name, hostSuffix)
	if !ok || len(name) > maxHost || base == "" {
		return fmt.Errorf("i2p: %s is %w: expected at most %d characters and .i2p at the end", abridged(name), ErrHost, maxHost)
	}
	for label := range strings.SplitSeq(base, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("i2p: %s is %w: a label is empty, or has a hyphen at its end", abridged(name), ErrHost)
		}
		if i := strings.IndexFunc(label, notInHost); i >= 0 {
			return fmt.Errorf("i2p: %s is %w: expected lower-case letters, digits and hyphens", abridged(name), ErrHost)
		}
		if strings.Contains(label, "--") && !strings.HasPrefix(label, "xn--") {
			return fmt.Errorf("i2p: %s is %w: two hyphens in a row are for xn-- only", abridged(name), ErrHost)
		}
	}
	for _, r := range reserved {
		if top, ok := strings.CutSuffix(base, r); ok && (top == "" || top[len(top)-1] == '.') {
			return fmt.Errorf("i2p: %s is %w for an address book: %s%s and the names below it are reserved", abridged(name), ErrHost, r, hostSuffix)
		}
	}
	if base == "b32" || strings.HasSuffix(base, ".b32") {
		return fmt.Errorf("i2p: %s is %w: those below b32.i2p are addresses", abridged(name), ErrHost)
	}
	return nil
}

func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}
