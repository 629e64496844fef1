package access

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
)

// Threshold is how many attempts to connect are one too many within some seconds: the last of Attempts is
// refused. Zero Seconds are of Allow and Deny.
type Threshold struct {
	Attempts int
	Seconds  int
}

// The thresholds that are words.
var (
	Allow = Threshold{}            // never breached
	Deny  = Threshold{Attempts: 1} // always
)

// The bounds of what is counted: each attempt is remembered for so long.
const (
	maxAttempts = 1000
	maxSeconds  = 24 * 60 * 60
	maxRules    = 1000
)

func (t Threshold) String() string {
	switch t {
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	}
	return fmt.Sprintf("%d/%d", t.Attempts, t.Seconds)
}

// parseThreshold reads "N/SECONDS", "allow" or "deny" (Access Filter Format, "Thresholds").
func parseThreshold(text string) (Threshold, error) {
	switch text {
	case "allow":
		return Allow, nil
	case "deny":
		return Deny, nil
	}
	n, s, ok := strings.Cut(text, "/")
	attempts, err := strconv.Atoi(n)
	seconds, err2 := strconv.Atoi(s)
	if !ok || err != nil || err2 != nil || attempts < 1 || seconds < 1 {
		return Threshold{}, fmt.Errorf("%q is no threshold: allow, deny, or ATTEMPTS/SECONDS", text)
	}
	if attempts > maxAttempts || seconds > maxSeconds {
		return Threshold{}, fmt.Errorf("%q is more than is counted: %d attempts, %d seconds", text, maxAttempts, maxSeconds)
	}
	return Threshold{attempts, seconds}, nil
}

// Rule has a threshold for one peer, or for those that a file lists.
type Rule struct {
	Threshold
	Peer i2p.Hash
	File string // empty: Peer's
}

// Recorder writes into a file who goes beyond a threshold.
type Recorder struct {
	Threshold
	File string
}

// Definition is what a filter does: the first rule that has a peer says its threshold, Default that of
// others.
type Definition struct {
	Default   Threshold
	Rules     []Rule
	Recorders []Recorder
}

// Parse reads a definition. An error names the line.
func Parse(text []byte) (Definition, error) {
	var d Definition
	hasDefault, n := false, 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		isDefault, err := d.add(s)
		switch {
		case err == nil && isDefault && hasDefault:
			err = errors.New("a second default")
		case err == nil && len(d.Rules)+len(d.Recorders) > maxRules:
			err = fmt.Errorf("more than %d rules", maxRules)
		}
		if err != nil {
			return Definition{}, fmt.Errorf("line %d: %w", n, err)
		}
		hasDefault = hasDefault || isDefault
	}
	return d, nil
}

// add takes one line.
func (d *Definition) add(line string) (isDefault bool, err error) {
	first, rest := word(line)
	t, err := parseThreshold(first)
	if err != nil {
		return false, err
	}
	what, rest := word(rest)
	switch what {
	case "default":
		if rest != "" {
			return false, fmt.Errorf("%q is behind default", rest)
		}
		d.Default = t
		return true, nil
	case "explicit":
		peer, err := parsePeer(rest)
		if err != nil {
			return false, err
		}
		d.Rules = append(d.Rules, Rule{Threshold: t, Peer: peer})
		return false, nil
	case "file", "record":
		if !filepath.IsAbs(rest) || strings.ContainsAny(rest, "\x00\n\r") {
			return false, fmt.Errorf("%q is no absolute path", rest)
		}
		if what == "file" {
			d.Rules = append(d.Rules, Rule{Threshold: t, File: rest})
			return false, nil
		}
		if t == Allow {
			return false, errors.New("nobody goes beyond allow: there would be nothing to record")
		}
		d.Recorders = append(d.Recorders, Recorder{t, rest})
		return false, nil
	}
	return false, fmt.Errorf("%q is none of default, explicit, file and record", what)
}

// word cuts off the first word.
func word(s string) (first, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

// parsePeer reads an address: of b32, as the format has it, or a hash or destination.
func parsePeer(text string) (i2p.Hash, error) {
	n, err := i2p.ParseName(text)
	switch {
	case err != nil:
		return i2p.Hash{}, err
	case n.Hash.IsZero() || n.Port != 0:
		return i2p.Hash{}, fmt.Errorf("%q is no b32 address: a peer is known by nothing else", text)
	}
	return n.Hash, nil
}

// AppendTo writes the definition as Parse reads it.
func (d Definition) AppendTo(b []byte) []byte {
	b = fmt.Appendf(b, "%v default\n", d.Default)
	for _, r := range d.Rules {
		if r.File != "" {
			b = fmt.Appendf(b, "%v file %s\n", r.Threshold, r.File)
		} else {
			b = fmt.Appendf(b, "%v explicit %s\n", r.Threshold, r.Peer.B32())
		}
	}
	for _, r := range d.Recorders {
		b = fmt.Appendf(b, "%v record %s\n", r.Threshold, r.File)
	}
	return b
}

// all are the thresholds that there are.
func (d Definition) all() []Threshold {
	all := []Threshold{d.Default}
	for _, r := range d.Rules {
		all = append(all, r.Threshold)
	}
	for _, r := range d.Recorders {
		all = append(all, r.Threshold)
	}
	return all
}
