package i2p

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// Pair is one entry of a Mapping.
type Pair struct{ Key, Value string }

// Mapping is a list of key=value pairs in the order in which they were
// parsed: signatures cover that order. New ones are sorted by key, as the
// specification asks of everything that is signed.
//
//	+--+--+------------------------------------------------+
//	| size | key_string '=' val_string ';' ...             |
//	+--+--+------------------------------------------------+
//	size :: 2 bytes, big-endian, of what follows; strings are a length byte and text
type Mapping []Pair

// ErrTruncated means that bytes are missing at the end.
var ErrTruncated = errors.New("truncated")

// NewMapping sorts m by key. Keys and values must be at most 255 bytes.
func NewMapping(m map[string]string) (Mapping, error) {
	out := make(Mapping, 0, len(m))
	for k, v := range m {
		out = append(out, Pair{k, v})
	}
	if err := out.Check(); err != nil {
		return nil, err
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out, nil
}

// Lookup returns the value of the first pair with the key.
func (m Mapping) Lookup(key string) (string, bool) {
	for _, p := range m {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// Get is Lookup's value, "" where there is none.
func (m Mapping) Get(key string) string {
	v, _ := m.Lookup(key)
	return v
}

// ParseMapping reads a mapping with its size.
func ParseMapping(b []byte) (Mapping, []byte, error) {
	if len(b) < 2 {
		return nil, nil, fmt.Errorf("i2p: mapping size: %w", ErrTruncated)
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b)-2 < n {
		return nil, nil, fmt.Errorf("i2p: mapping of %d bytes, %d are there: %w", n, len(b)-2, ErrTruncated)
	}
	// One copy of the text holds all keys and values.
	m, err := parsePairs(string(b[2 : 2+n]))
	if err != nil {
		return nil, nil, err
	}
	return m, b[2+n:], nil
}

func parsePairs(text string) (Mapping, error) {
	count := 0
	for s := text; s != ""; count++ {
		_, after, err := parsePair(s)
		if err != nil {
			return nil, err
		}
		s = after
	}
	if count == 0 {
		return nil, nil
	}
	m := make(Mapping, count)
	for i := range m {
		m[i], text, _ = parsePair(text)
	}
	return m, nil
}

func parsePair(s string) (Pair, string, error) {
	key, after, err := parseString(s, '=')
	if err != nil {
		return Pair{}, "", fmt.Errorf("i2p: mapping key: %w", err)
	}
	value, after, err := parseString(after, ';')
	if err != nil {
		return Pair{}, "", fmt.Errorf("i2p: mapping value of %q: %w", key, err)
	}
	return Pair{key, value}, after, nil
}

func parseString(s string, end byte) (string, string, error) {
	if s == "" || len(s) < 2+int(s[0]) {
		return "", "", ErrTruncated
	}
	n := int(s[0])
	if s[1+n] != end {
		return "", "", fmt.Errorf("%q where %q was expected", s[1+n], end)
	}
	return s[1 : 1+n], s[2+n:], nil
}

// Check reports whether the mapping can be encoded: strings of at most 255
// bytes, 65535 in all.
func (m Mapping) Check() error {
	size := 0
	for _, p := range m {
		if len(p.Key) > 255 || len(p.Value) > 255 {
			return fmt.Errorf("i2p: mapping: %.32q has a string of more than 255 bytes", p.Key)
		}
		size += len(p.Key) + len(p.Value) + 4
	}
	if size > 0xffff {
		return fmt.Errorf("i2p: mapping of %d bytes, at most 65535", size)
	}
	return nil
}

// AppendTo appends the mapping with its size. It must be one that Check accepts.
func (m Mapping) AppendTo(b []byte) []byte {
	at := len(b)
	b = append(b, 0, 0)
	for _, p := range m {
		b = append(b, byte(len(p.Key)))
		b = append(b, p.Key...)
		b = append(b, '=', byte(len(p.Value)))
		b = append(b, p.Value...)
		b = append(b, ';')
	}
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}
