package vanity

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strings"
)

// addressLen is the length of an address without ".b32.i2p": 51 characters of five bits,
// and one of the last bit.
const addressLen = 52

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// Patterns are what an address may look like to be found; one of them is enough.
type Patterns struct {
	list []pattern
}

type pattern struct {
	text           string // as it was given
	prefix, suffix string
	regex          *regexp.Regexp // nil where prefix and suffix say it all
	exact          bool           // the odds of prefix and suffix are the pattern's
}

// maxPatterns bounds how many patterns one search takes.
const maxPatterns = 4096

// NewPatterns compiles prefixes, suffixes and regular expressions of addresses without
// ".b32.i2p". Where there are prefixes and suffixes, an address must have one of each.
func NewPatterns(prefixes, suffixes, regexes []string) (*Patterns, error) {
	p := &Patterns{}
	var begins, ends []pattern
	for _, s := range prefixes {
		text := strings.ToLower(s)
		if err := checkText("prefix", text); err != nil {
			return nil, err
		}
		begins = append(begins, pattern{text: s, prefix: text, exact: true})
	}
	for _, s := range suffixes {
		text := strings.TrimSuffix(strings.ToLower(s), ".b32.i2p")
		if err := checkText("suffix", text); err != nil {
			return nil, err
		}
		if end := text[len(text)-1]; end != 'a' && end != 'q' {
			return nil, fmt.Errorf("vanity: suffix %q: an address ends in a or q, since its last character has one bit only", s)
		}
		ends = append(ends, pattern{text: s, suffix: text, exact: true})
	}
	both, err := combine(begins, ends)
	if err != nil {
		return nil, err
	}
	p.list = both
	for _, s := range regexes {
		one, err := newRegex(s)
		if err != nil {
			return nil, err
		}
		p.list = append(p.list, one)
	}
	if len(p.list) == 0 {
		return nil, errors.New("vanity: no pattern")
	}
	if len(p.list) > maxPatterns {
		return nil, fmt.Errorf("vanity: %d patterns, at most %d", len(p.list), maxPatterns)
	}
	return p, nil
}

// combine makes patterns that are each a prefix and a suffix, where both are wanted.
func combine(begins, ends []pattern) ([]pattern, error) {
	if len(begins) == 0 || len(ends) == 0 {
		return append(begins, ends...), nil
	}
	if n := len(begins) * len(ends); n > maxPatterns {
		return nil, fmt.Errorf("vanity: %d pairs of a prefix and a suffix, at most %d", n, maxPatterns)
	}
	var all []pattern
	for _, b := range begins {
		for _, e := range ends {
			if len(b.prefix)+len(e.suffix) > addressLen {
				return nil, fmt.Errorf("vanity: prefix %q and suffix %q: an address has %d characters", b.text, e.text, addressLen)
			}
			all = append(all, pattern{text: b.text + "…" + e.text, prefix: b.prefix, suffix: e.suffix, exact: true})
		}
	}
	return all, nil
}

func checkText(kind, s string) error {
	if s == "" || len(s) > addressLen {
		return fmt.Errorf("vanity: a %s of %d characters, expected 1 to %d", kind, len(s), addressLen)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(alphabet, r) }); i >= 0 {
		return fmt.Errorf("vanity: %s %q: addresses have the letters a to z and the digits 2 to 7 only", kind, s)
	}
	return nil
}

// newRegex compiles an expression, and finds the literal text that every match begins or
// ends with: that much is left to the kernel.
func newRegex(s string) (pattern, error) {
	re, err := regexp.Compile(s)
	if err != nil {
		return pattern{}, fmt.Errorf("vanity: %w", err)
	}
	p := pattern{text: s, regex: re}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return pattern{}, fmt.Errorf("vanity: %w", err)
	}
	tree = tree.Simplify()
	switch can, err := possible(tree); {
	case err != nil:
		return pattern{}, fmt.Errorf("vanity: %w", err)
	case !can:
		return pattern{}, fmt.Errorf("vanity: no address matches %q: addresses are %d of the letters a to z and the digits 2 to 7, the last of them a or q, without .b32.i2p", s, addressLen)
	}
	if tree.Op != syntax.OpConcat {
		return p, nil
	}
	parts := tree.Sub
	if len(parts) >= 2 && parts[0].Op == syntax.OpBeginText {
		p.prefix = literal(parts[1])
	}
	if n := len(parts); n >= 2 && parts[n-1].Op == syntax.OpEndText {
		p.suffix = literal(parts[n-2])
	}
	if p.prefix != "" && p.suffix != "" && len(parts) == 3 { // one literal is both
		p.suffix = ""
	}
	return p, nil
}

func literal(re *syntax.Regexp) string {
	if re.Op != syntax.OpLiteral || re.Flags&syntax.FoldCase != 0 {
		return ""
	}
	return string(re.Rune)
}

// Match tells which pattern, as it was given, an address without ".b32.i2p" has.
func (p *Patterns) Match(address []byte) (text string, ok bool) {
	for i := range p.list {
		one := &p.list[i]
		if len(address) < len(one.prefix) || string(address[:len(one.prefix)]) != one.prefix {
			continue
		}
		if !bytes.HasSuffix(address, []byte(one.suffix)) {
			continue
		}
		if one.regex == nil || one.regex.Match(address) {
			return one.text, true
		}
	}
	return "", false
}

// Odds is the probability that a candidate is found, 0 where an expression makes it
// unknown.
func (p *Patterns) Odds() float64 {
	miss := 0.0 // logarithm of the probability that no pattern matches
	for _, one := range p.list {
		if !one.exact {
			return 0
		}
		miss += math.Log1p(-math.Exp2(-float64(bitsOf(one.prefix, false) + bitsOf(one.suffix, true))))
	}
	return -math.Expm1(miss)
}

// bitsOf counts the bits that a text decides: the last of an address's 52 characters has
// only one.
func bitsOf(s string, atEnd bool) int {
	if s == "" {
		return 0
	}
	if atEnd || len(s) == addressLen {
		return 5*len(s) - 4
	}
	return 5 * len(s)
}

// filter is what a pattern says about a hash's first and last word.
type filter struct {
	firstMask, first uint32
	lastMask, last   uint32
}

// filters returns one for each pattern; whole tells that some pattern has none, so that
// every candidate's whole address is needed.
func (p *Patterns) filters() (all []filter, whole bool) {
	for _, one := range p.list {
		var f filter
		f.firstMask, f.first = prefixFilter(one.prefix)
		f.lastMask, f.last = suffixFilter(one.suffix)
		if f.firstMask|f.lastMask == 0 {
			return nil, true
		}
		all = append(all, f)
	}
	return all, false
}

// prefixFilter places a text's bits from the top of a word on.
func prefixFilter(s string) (mask, value uint32) {
	for i := range min(len(s), 7) {
		v := uint64(strings.IndexByte(alphabet, s[i])) << 59 >> (5 * i) >> 32
		mask |= uint32(uint64(31) << 59 >> (5 * i) >> 32)
		value |= uint32(v)
	}
	return mask, value
}

// suffixFilter places a text's bits from the bottom of a word on: the last character is the
// lowest bit.
func suffixFilter(s string) (mask, value uint32) {
	shift := 0
	for i := len(s) - 1; i >= 0 && shift < 32; i-- {
		v := uint32(strings.IndexByte(alphabet, s[i]))
		if shift == 0 {
			mask, value, shift = 1, v>>4, 1
			continue
		}
		mask |= 31 << shift
		value |= v << shift
		shift += 5
	}
	return mask, value
}
