package naming

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"i2ptoolkit/pkg/hostrecord"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

// outcome is what became of a line that somebody else has written.
type outcome int

const (
	known    outcome = iota // it says nothing new
	added                   // a name, or a further destination of one
	changed                 // the name has another destination
	updated                 // what is said beside it
	removed                 //
	conflict                // the name has a destination that did not sign this
	replayed                // what it says was so once
	forged                  // a signature is not that of the destination
	unsigned                // a command without a signature
	invalid                 // no line of a feed, or an incomplete command
	expired                 //
	full                    // the book takes no more
	outcomes                // how many there are
)

// How far a date may be ahead of ours, and how many destinations a name may have.
const (
	maxAhead      = 24 * time.Hour
	maxAlternates = 8
	maxRemovals   = 100_000 // that are remembered
)

// apply does what a line says, as far as the rules have it (Address Subscription Feed Commands):
// a name that nobody has is given to the first; whoever has it gives it away by a signature of the
// destination that it has; and what was so once comes not again, since commands have dates that only
// go on. The book keeps the lines of the commands with their signatures, and so remembers.
func (e *edit) apply(r hostrecord.Record) (outcome, error) {
	_, signed := r.Lookup("sig")
	if r.Action() == hostrecord.ActionAdd && !signed {
		return e.add(hostrecord.Record{Host: r.Host, Destination: r.Destination}) // what is beside it, anybody may have written
	}
	if repeats, err := e.repeats(r); err != nil || repeats {
		return known, err
	}
	if done := e.check(r); done != added {
		return done, nil
	}
	switch r.Action() {
	case hostrecord.ActionChangeDest:
		return e.changeDest(r)
	case hostrecord.ActionAddDest:
		return e.addDest(r)
	case hostrecord.ActionAddName:
		return e.addBelow(r, r.Destination)
	case hostrecord.ActionAddSubdomain:
		return e.addBelow(r, r.Get("olddest"))
	case hostrecord.ActionChangeName:
		return e.changeName(r)
	case hostrecord.ActionUpdate:
		return e.update(r)
	case hostrecord.ActionRemove:
		return e.remove(r, r.Get("name"))
	case hostrecord.ActionRemoveAll:
		return e.removeAll(r)
	}
	return e.add(r)
}

// check tells whether a command holds, by itself and now: then it is added.
func (e *edit) check(r hostrecord.Record) outcome {
	if text, ok := r.Lookup("expires"); ok {
		if at, err := strconv.ParseInt(text, 10, 64); err != nil {
			return invalid
		} else if !e.now.Before(time.Unix(at, 0)) {
			return expired
		}
	}
	if at, dated := dateOf(r); dated && time.Unix(at, 0).After(e.now.Add(maxAhead)) {
		return invalid
	} else if _, ok := r.Lookup("date"); ok && !dated {
		return invalid
	}
	switch err := r.Verify(); {
	case errors.Is(err, hostrecord.ErrUnsigned):
		return unsigned
	case errors.Is(err, hostrecord.ErrSignature):
		return forged
	case err != nil:
		return invalid
	}
	return added
}

// dateOf is when a command was given.
func dateOf(r hostrecord.Record) (at int64, dated bool) {
	at, err := strconv.ParseInt(r.Get("date"), 10, 64)
	return at, err == nil && at > 0
}

// repeats tells whether the book has the very line, or the name and destination that an addition
// gives: most lines of a feed that was read before. It saves the work of signatures.
func (e *edit) repeats(r hostrecord.Record) (bool, error) {
	if r.Host == "" {
		return false, nil
	}
	lines, err := e.get(r.Host)
	i := has(lines, r.Destination)
	if err != nil || i < 0 {
		return false, err
	}
	switch r.Action() {
	case hostrecord.ActionUpdate, hostrecord.ActionChangeName:
		return lines[i].text == r.String(), nil
	case hostrecord.ActionChangeDest:
		return i == 0 && has(lines, r.Get("olddest")) < 0, nil
	}
	return true, nil
}

// has finds a destination among the lines of a name; -1: it is not there.
func has(lines []line, dest string) int {
	return slices.IndexFunc(lines, func(l line) bool {
		_, d, _, _ := cut(words.Unmarked([]byte(l.text)))
		return string(d) == dest
	})
}

// stale tells whether a command is no younger than the line that it would change. Commands without
// dates are taken only where no command has been before: nothing tells which of two came first.
func stale(r hostrecord.Record, by line) bool {
	old, err := by.record()
	if err != nil {
		return false
	}
	now, dated := dateOf(r)
	if was, ok := dateOf(old); ok {
		return !dated || now <= was
	}
	return !dated && old.Action() != hostrecord.ActionAdd
}

func fresh(r hostrecord.Record) line { return line{-1, r.String()} }

// add gives a name to the first who says that it is his.
func (e *edit) add(r hostrecord.Record) (outcome, error) {
	lines, err := e.get(r.Host)
	switch {
	case err != nil:
		return known, err
	case has(lines, r.Destination) == 0, has(lines, r.Destination) > 0 && !e.replace:
		return known, nil
	case len(lines) > 0 && !e.replace:
		return conflict, nil
	case len(lines) > 0:
		e.set(r.Host, []line{fresh(r)})
		return changed, nil
	case e.full():
		return full, nil
	}
	if buried, err := e.buried(r); err != nil || buried && !e.replace {
		return replayed, err
	}
	e.set(r.Host, []line{fresh(r)})
	return added, nil
}

func (e *edit) changeDest(r hostrecord.Record) (outcome, error) {
	lines, err := e.get(r.Host)
	if err != nil || len(lines) == 0 {
		return e.addUnless(r, err)
	}
	i := has(lines, r.Get("olddest"))
	switch {
	case i < 0:
		return conflict, nil
	case stale(r, lines[i]):
		return replayed, nil
	}
	var next []line
	for j, l := range lines {
		switch {
		case j == i:
			next = append(next, fresh(r))
		case has([]line{l}, r.Destination) < 0: // it was an alternate before
			next = append(next, l)
		}
	}
	e.set(r.Host, next)
	return changed, nil
}

func (e *edit) addUnless(r hostrecord.Record, err error) (outcome, error) {
	if err != nil {
		return known, err
	}
	return e.add(r)
}

// addDest gives a name a further destination; the first stays what the name means.
func (e *edit) addDest(r hostrecord.Record) (outcome, error) {
	lines, err := e.get(r.Host)
	if err != nil || len(lines) == 0 {
		return e.addUnless(r, err)
	}
	i := has(lines, r.Get("olddest"))
	switch {
	case i < 0:
		return conflict, nil
	case stale(r, lines[i]):
		return replayed, nil
	case len(lines) >= maxAlternates:
		return full, nil
	}
	e.set(r.Host, append(slices.Clone(lines), fresh(r)))
	return added, nil
}

// addBelow gives a name that is to be another's owner's: the other is, if it is known.
func (e *edit) addBelow(r hostrecord.Record, owner string) (outcome, error) {
	above, err := e.get(r.Get("oldname"))
	if err == nil && len(above) > 0 && has(above, owner) < 0 {
		return conflict, nil
	}
	return e.addUnless(r, err)
}

func (e *edit) changeName(r hostrecord.Record) (outcome, error) {
	old, err := e.get(r.Get("oldname"))
	if err != nil {
		return known, err
	}
	i := has(old, r.Destination)
	if i >= 0 && stale(r, old[i]) {
		return replayed, nil
	}
	done, err := e.add(r)
	if err != nil || done == conflict || done == full || done == replayed || i < 0 || r.Host == r.Get("oldname") {
		return done, err
	}
	e.set(r.Get("oldname"), slices.Delete(slices.Clone(old), i, i+1))
	return changed, nil
}

// update changes what is said beside a name.
func (e *edit) update(r hostrecord.Record) (outcome, error) {
	lines, err := e.get(r.Host)
	if err != nil || len(lines) == 0 {
		return e.addUnless(r, err)
	}
	i := has(lines, r.Destination)
	switch {
	case i < 0:
		return conflict, nil
	case stale(r, lines[i]):
		return replayed, nil
	}
	lines = slices.Clone(lines)
	lines[i] = fresh(r)
	e.set(r.Host, lines)
	return updated, nil
}

func (e *edit) remove(r hostrecord.Record, name string) (outcome, error) {
	lines, err := e.get(name)
	i := has(lines, r.Get("dest"))
	switch {
	case err != nil || i < 0:
		return known, err
	case stale(r, lines[i]):
		return replayed, nil
	case e.removals() >= maxRemovals:
		return full, nil
	}
	e.set(name, slices.Delete(slices.Clone(lines), i, i+1))
	e.bury(r)
	return removed, nil
}

func (e *edit) removeAll(r hostrecord.Record) (outcome, error) {
	dest, err := i2p.ParseDestinationBase64(r.Get("dest"))
	if err != nil {
		return invalid, nil
	}
	all, err := e.book.called(dest.Hash())
	if err != nil {
		return known, err
	}
	names := slices.Clone(e.order)
	for _, l := range all {
		name, _, _, _ := cut(words.Unmarked([]byte(l.text)))
		names = append(names, string(name))
	}
	worst := known
	for _, name := range names {
		done, err := e.remove(r, name)
		if err != nil {
			return known, err
		}
		if worst != removed && done != known {
			worst = done
		}
	}
	return worst, nil
}

// bury remembers a removal, once.
func (e *edit) bury(r hostrecord.Record) {
	if !slices.ContainsFunc(e.gone, func(g hostrecord.Record) bool { return g.String() == r.String() }) {
		e.gone = append(e.gone, r)
	}
}

// buried tells whether what a line gives was removed later than the line says.
func (e *edit) buried(r hostrecord.Record) (bool, error) {
	all := slices.Clone(e.gone)
	for _, at := range append(e.book.at(byRemoval, r.Host), e.book.at(byRemoval, r.Destination)...) {
		text, err := lineAt(e.text, at)
		if err != nil {
			return false, err
		}
		if gone, err := (line{text: string(text)}).record(); err == nil {
			all = append(all, gone)
		}
	}
	for _, gone := range all {
		if gone.Get("dest") != r.Destination || gone.Action() == hostrecord.ActionRemove && gone.Get("name") != r.Host {
			continue
		}
		at, dated := dateOf(r)
		if when, ok := dateOf(gone); !dated || ok && at <= when {
			return true, nil
		}
	}
	return false, nil
}
