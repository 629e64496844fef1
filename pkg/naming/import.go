package naming

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"i2ptoolkit/pkg/hostrecord"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

// Report says what became of the lines of a file or a feed.
type Report struct {
	Lines     int      // that are no comments
	Added     int      // names
	Changed   int      // names that mean another destination, or are another name's now
	Updated   int      // names of which something beside is known now
	Removed   int      // names, or all of a destination
	Known     int      // nothing new
	Conflicts int      // names that have a destination which did not sign
	Replayed  int      // what was so once
	Forged    int      // signatures that do not verify
	Unsigned  int      // commands without one
	Invalid   int      // no lines of the format, names against the rules, incomplete commands
	Expired   int      //
	Full      int      // for which there is no room
	Changes   []Change // the first of what is behind Changed and Removed
	Examples  []string // the first few lines that were refused, and why
}

// Change is that a name means something else.
type Change struct {
	Name, Action string
	Old, New     string // b32; empty: nothing
}

// Refused is how many lines were of no effect for what they are.
func (r Report) Refused() int {
	return r.Conflicts + r.Replayed + r.Forged + r.Unsigned + r.Invalid + r.Expired + r.Full
}

// What a report tells in words, at most.
const (
	maxChanges  = 100
	maxExamples = 5
)

func (r *Report) count(done outcome) {
	*[outcomes]*int{
		known: &r.Known, added: &r.Added, changed: &r.Changed, updated: &r.Updated, removed: &r.Removed,
		conflict: &r.Conflicts, replayed: &r.Replayed, forged: &r.Forged, unsigned: &r.Unsigned, invalid: &r.Invalid,
		expired: &r.Expired, full: &r.Full,
	}[done]++
}

// why says what a refusal is, after the line.
func (done outcome) why() string {
	return [outcomes]string{
		conflict: "the name has another destination, which has not signed this", replayed: "it is older than what is known",
		forged: "a signature is not that of the destination", unsigned: "it needs a signature", invalid: "it is no line of an address book, or incomplete",
		expired: "it has expired", full: "there is no room for more",
	}[done]
}

// Import adds the lines of a file, names and commands, to a book. Where replace is not set a name
// that the book has keeps its destination, unless that has signed the change.
func (n *Names) Import(ctx context.Context, book string, from io.Reader, replace bool) (Report, error) {
	in := &importer{names: n, book: book, replace: replace}
	err := in.run(ctx, from)
	n.counts.imported(in.report)
	return in.report, err
}

// importer takes lines some at a time, so that no file is too large for the memory. Removals come
// last: a feed is in no order, and what one of its lines removes another may give.
type importer struct {
	names   *Names
	book    string
	replace bool
	pending []hostrecord.Record
	last    []hostrecord.Record
	at      int // lines read, for who looks for one that was refused
	report  Report
}

const batch = 4096 // lines

func (in *importer) run(ctx context.Context, from io.Reader) error {
	r := bufio.NewReaderSize(from, hostrecord.MaxLine+2)
	for {
		text, err := r.ReadSlice('\n')
		long := false
		in.at++
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			text, err = r.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return errors.Join(err, in.flush())
		}
		if long {
			in.report.Lines++
			in.refuse(invalid, "a line of more than 8192 bytes")
		} else {
			in.line(text)
		}
		if len(in.pending) >= batch {
			if err := in.flush(); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return in.finish()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
}

// finish does what is left, removals at the end.
func (in *importer) finish() error {
	if err := in.flush(); err != nil {
		return err
	}
	in.pending, in.last = in.last, nil
	return in.flush()
}

// line reads one.
func (in *importer) line(text []byte) {
	text = bytes.TrimSpace(words.Unmarked(text))
	if len(text) == 0 || text[0] == '#' && !bytes.HasPrefix(text, []byte("#!")) {
		return
	}
	in.report.Lines++
	line := string(text)
	if name, rest, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") { // "Names are converted to lower case on import"
		line = strings.ToLower(strings.TrimSpace(name)) + "=" + strings.TrimSpace(rest)
	}
	r, err := hostrecord.Parse(line)
	if err != nil && strings.Contains(line, "#") && !strings.Contains(line, "#!") { // a comment behind a name
		line, _, _ = strings.Cut(line, "#")
		r, err = hostrecord.Parse(strings.TrimSpace(line))
	}
	switch {
	case err != nil:
		in.refuse(invalid, err.Error())
	case r.Host != "":
		in.pending = append(in.pending, r)
	case len(in.last) < maxRemovals:
		in.last = append(in.last, r)
	default:
		in.refuse(full, "a removal")
	}
}

func (in *importer) refuse(done outcome, what string) {
	in.report.count(done)
	if len(in.report.Examples) < maxExamples {
		in.report.Examples = append(in.report.Examples, fmt.Sprintf("%s (line %d)", what, in.at))
	}
}

// flush does what is pending. What was done before it is broken off stays done.
func (in *importer) flush() error {
	if len(in.pending) == 0 {
		return nil
	}
	var report Report
	err := in.names.change(in.book, in.replace, func(e *edit) error {
		report = in.report
		for _, r := range in.pending {
			if err := e.note(&report, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	in.pending = in.pending[:0]
	in.report = report
	return nil
}

// note applies a line, and tells of it.
func (e *edit) note(report *Report, r hostrecord.Record) error {
	name := r.Host
	if name == "" {
		name = r.Get("name")
	}
	before, err := e.get(name)
	if err != nil {
		return err
	}
	done, err := e.apply(r)
	if err != nil {
		return err
	}
	report.count(done)
	switch {
	case (done == changed || done == removed) && len(report.Changes) < maxChanges:
		after, err := e.get(name)
		if err != nil {
			return err
		}
		report.Changes = append(report.Changes, Change{Name: name, Action: r.Action(), Old: b32(before), New: b32(after)})
	case done.why() != "" && len(report.Examples) < maxExamples:
		report.Examples = append(report.Examples, name+": "+done.why())
	}
	return nil
}

// b32 is what a name means.
func b32(lines []line) string {
	if len(lines) == 0 {
		return ""
	}
	var d i2p.Destination
	d, err := lines[0].destination()
	if err != nil {
		return ""
	}
	return d.B32()
}
