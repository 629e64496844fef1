// Package hostrecord reads, makes, signs and verifies the lines of address books and their
// subscription feeds: host names with destinations, and signed commands that change them
// (Address Subscription Feed Commands).
package hostrecord

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// MaxLine bounds a line: two destinations with the longest keys, and two of the longest
// signatures, are well below.
const MaxLine = 8192

// The commands that a record may hold in its "action" option; an Add has none.
const (
	ActionAdd          = ""
	ActionChangeName   = "changename"
	ActionChangeDest   = "changedest"
	ActionAddName      = "addname"
	ActionAddDest      = "adddest"
	ActionAddSubdomain = "addsubdomain"
	ActionUpdate       = "update"
	ActionRemove       = "remove"
	ActionRemoveAll    = "removeall"
)

// Option is one key=value of a command.
type Option struct{ Key, Value string }

// Record is one line:
//
//	example.i2p=b64destination
//	example.i2p=b64destination#!key1=val1#key2=val2
//	#!key1=val1#key2=val2
//
// Its text is kept as it is, options in their order; signatures cover them sorted.
type Record struct {
	Host        string // "" in a removal
	Destination string // base64, as written
	Command     bool   // there is a "#!"
	Options     []Option
}

// Parse reads a line without its end.
func Parse(line string) (Record, error) {
	if len(line) > MaxLine {
		return Record{}, fmt.Errorf("hostrecord: line of %d bytes, at most %d", len(line), MaxLine)
	}
	if strings.ContainsAny(line, "\r\n") {
		return Record{}, errors.New("hostrecord: more than one line")
	}
	var r Record
	head, options, command := strings.Cut(line, "#!")
	r.Command = command
	if head != "" || !command {
		host, dest, ok := strings.Cut(head, "=")
		if !ok {
			return Record{}, errors.New("hostrecord: expected name=destination")
		}
		if err := i2p.CheckHost(host); err != nil {
			return Record{}, err
		}
		if _, err := i2p.ParseDestinationBase64(dest); err != nil {
			return Record{}, fmt.Errorf("hostrecord: destination of %s: %w", host, err)
		}
		r.Host, r.Destination = host, dest
	}
	if !command {
		return r, nil
	}
	seen := make(map[string]bool)
	for text := range strings.SplitSeq(options, "#") {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return Record{}, fmt.Errorf("hostrecord: %q is no key=value", text)
		}
		if seen[key] {
			return Record{}, fmt.Errorf("hostrecord: %s is there twice", key)
		}
		seen[key] = true
		r.Options = append(r.Options, Option{key, value})
	}
	return r, nil
}

// String is the line, as it was parsed.
func (r Record) String() string {
	var b strings.Builder
	if r.Host != "" {
		b.WriteString(r.Host + "=" + r.Destination)
	}
	if r.Command {
		b.WriteString("#!")
	}
	for i, o := range r.Options {
		if i > 0 {
			b.WriteByte('#')
		}
		b.WriteString(o.Key + "=" + o.Value)
	}
	return b.String()
}

// Lookup returns an option's value.
func (r Record) Lookup(key string) (string, bool) {
	for _, o := range r.Options {
		if o.Key == key {
			return o.Value, true
		}
	}
	return "", false
}

// Get is Lookup's value, "" where there is none.
func (r Record) Get(key string) string {
	v, _ := r.Lookup(key)
	return v
}

// With returns the record with an option set; new ones go to the place that sorting gives.
func (r Record) With(key, value string) Record {
	options := make([]Option, 0, len(r.Options)+1)
	for _, o := range r.Options {
		if o.Key != key {
			options = append(options, o)
		}
	}
	r.Options = append(options, Option{key, value})
	r.Command = true
	sort.SliceStable(r.Options, func(i, j int) bool { return r.Options[i].Key < r.Options[j].Key })
	return r
}

// Action is the record's command.
func (r Record) Action() string { return r.Get("action") }

// signedText is what a signature covers ("Input for signatures"): without the signature
// itself, and for the inner one, oldsig, without the outer one too.
func (r Record) signedText(inner bool) []byte {
	options := make([]Option, 0, len(r.Options))
	for _, o := range r.Options {
		if o.Key != "sig" && (!inner || o.Key != "oldsig") {
			options = append(options, o)
		}
	}
	sort.SliceStable(options, func(i, j int) bool { return options[i].Key < options[j].Key })
	return []byte(Record{Host: r.Host, Destination: r.Destination, Command: len(options) > 0, Options: options}.String())
}

// Sign adds "sig", made with the key of the destination that is added or kept.
func (r Record) Sign(k sign.PrivateKey) (Record, error) { return r.sign(k, "sig", false) }

// SignOld adds "oldsig", made with the key of the old destination; Sign comes after it.
func (r Record) SignOld(k sign.PrivateKey) (Record, error) { return r.sign(k, "oldsig", true) }

func (r Record) sign(k sign.PrivateKey, key string, inner bool) (Record, error) {
	sig, err := k.Sign(r.signedText(inner))
	if err != nil {
		return Record{}, fmt.Errorf("hostrecord: %w", err)
	}
	return r.With(key, i2p.EncodeBase64(sig)), nil
}
