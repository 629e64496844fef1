package naming

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/hostrecord"
	"i2ptoolkit/pkg/i2p"
)

// edit is a change of one book, as it comes to be: names whose lines are to be others, and
// removals to be remembered.
type edit struct {
	book    *book
	text    text
	stamp   stamp // of the text
	now     time.Time
	replace bool // the owner's will: names may have other destinations
	limit   int  // names of the book

	names map[string][]line   // at is -1 in new lines
	order []string            // of names
	fresh int                 // names that were not there
	gone  []hostrecord.Record // removals
}

// Bounds of a book.
const (
	maxNames = 2_000_000
	maxBytes = 2 << 30
)

// begin reads what is to be changed.
func (n *Names) begin(b *book, replace bool) (*edit, error) {
	was, err := b.current()
	if err != nil {
		return nil, err
	}
	t, err := b.store.open()
	if err != nil {
		return nil, err
	}
	return &edit{book: b, text: t, stamp: was, now: n.cfg.Now(), replace: replace, limit: n.maxNames, names: make(map[string][]line)}, nil
}

// get are the lines of a name as they are to be.
func (e *edit) get(name string) ([]line, error) {
	if l, touched := e.names[name]; touched {
		return l, nil
	}
	at := e.book.at(byName, name)
	if len(at) == 0 {
		return nil, nil
	}
	return named(e.text, at, name)
}

// set gives a name other lines.
func (e *edit) set(name string, lines []line) {
	if _, touched := e.names[name]; !touched {
		e.order = append(e.order, name)
		if len(lines) > 0 && len(e.book.at(byName, name)) == 0 {
			e.fresh++
		}
	}
	e.names[name] = lines
}

// full tells whether the book takes no further name.
func (e *edit) full() bool { return e.book.len()+e.fresh >= e.limit || e.stamp.size >= maxBytes }

// removals is how many are remembered.
func (e *edit) removals() int {
	e.book.mu.RLock()
	defer e.book.mu.RUnlock()
	if e.book.index == nil {
		return len(e.gone)
	}
	return len(e.book.index.gone.first) + len(e.gone)
}

// errBusy: somebody else has changed the book meanwhile.
var errBusy = errors.New("somebody else is changing the address book")

// write does what is to be done. Lines that stay are as they were, with comments and all.
func (e *edit) write() error {
	drop := make(map[int64]bool)
	var add strings.Builder
	for _, name := range e.order {
		was, err := named(e.text, e.book.at(byName, name), name)
		if err != nil {
			return err
		}
		keep := e.names[name]
		same := 0 // that stay where they are; behind a new line all are new, as the first is what a name means
		for same < len(keep) && keep[same].at >= 0 {
			same++
		}
		for _, l := range was {
			drop[l.at] = !slices.ContainsFunc(keep[:same], func(k line) bool { return k.at == l.at })
		}
		for _, l := range keep[same:] {
			add.WriteString(l.text + "\n")
		}
	}
	for _, r := range e.gone {
		if err := e.supersede(r, drop); err != nil {
			return err
		}
		add.WriteString(r.String() + "\n")
	}
	maps.DeleteFunc(drop, func(_ int64, drop bool) bool { return !drop })
	if now, err := e.book.store.stamp(); err != nil || !now.is(e.stamp) {
		return errors.Join(err, errBusy)
	}
	switch {
	case len(drop) > 0:
		err := e.book.store.replace(func(w io.Writer) error { return e.copy(w, drop, add.String()) })
		e.book.forget()
		return err
	case add.Len() > 0:
		return e.append(add.String())
	}
	return nil
}

// supersede drops what was remembered of the same removal before.
func (e *edit) supersede(r hostrecord.Record, drop map[int64]bool) error {
	for _, at := range e.book.at(byRemoval, goneKey(r)) {
		text, err := lineAt(e.text, at)
		if err != nil {
			return err
		}
		old, err := line{text: string(text)}.record()
		drop[at] = drop[at] || err == nil && old.Action() == r.Action() && goneKey(old) == goneKey(r) && old.Get("dest") == r.Get("dest")
	}
	return nil
}

// copy writes the text without some lines and with others behind it.
func (e *edit) copy(w io.Writer, drop map[int64]bool, add string) error {
	out := bufio.NewWriterSize(w, readSize)
	in := bufio.NewReaderSize(io.NewSectionReader(e.text, 0, e.text.Size()), readSize)
	at, start, ended := int64(0), true, true
	for {
		piece, err := in.ReadSlice('\n')
		if !(start && drop[at]) && len(piece) > 0 {
			out.Write(piece)
			ended = piece[len(piece)-1] == '\n'
		}
		at += int64(len(piece))
		start = !errors.Is(err, bufio.ErrBufferFull)
		if err == io.EOF {
			break
		}
		if err != nil && start {
			return err
		}
	}
	if !ended {
		out.WriteByte('\n')
	}
	out.WriteString(add)
	return out.Flush()
}

// append adds lines, and what they say to the index.
func (e *edit) append(add string) error {
	b := e.book
	if err := b.store.add([]byte(add)); err != nil {
		b.forget()
		return err
	}
	now, err := b.store.stamp()
	if err != nil {
		b.forget()
		return err
	}
	at := now.size - int64(len(add))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.index == nil || at != e.stamp.size && at != e.stamp.size+1 { // a line may have been without its end
		b.index = nil
		return nil
	}
	for text := range strings.SplitAfterSeq(add, "\n") {
		if text != "" {
			b.enter(b.index, at, []byte(text))
			at += int64(len(text))
		}
	}
	b.index.stamp = now
	return nil
}

// change does something to a book, again where its owner edits it at the same time.
func (n *Names) change(book string, replace bool, do func(*edit) error) error {
	b, err := n.book(book)
	if err != nil {
		return err
	}
	n.writing.take()
	defer n.writing.give()
	for range 3 {
		if err = n.changeOnce(b, replace, do); !errors.Is(err, errBusy) {
			break
		}
	}
	return err
}

func (n *Names) changeOnce(b *book, replace bool, do func(*edit) error) error {
	e, err := n.begin(b, replace)
	if err != nil {
		return err
	}
	defer e.text.Close()
	if err := do(e); err != nil {
		return err
	}
	return e.write()
}

// Add gives a name a destination. Where the book has it with another, that is ErrConflict unless
// the old one is to be replaced.
func (n *Names) Add(book, name string, dest i2p.Destination, replace bool) error {
	name = strings.ToLower(name)
	if err := i2p.CheckHost(name); err != nil {
		return err
	}
	return n.change(book, replace, func(e *edit) error {
		done, err := e.add(hostrecord.Record{Host: name, Destination: dest.Base64()})
		switch {
		case err != nil:
			return err
		case done == conflict:
			return fmt.Errorf("%s: %w in the %s address book", name, ErrConflict, book)
		case done == full:
			return fmt.Errorf("the %s address book has %d names, and takes no more", book, e.limit)
		}
		return nil
	})
}

// Remove takes a name out of a book. What feeds say of it does not bring it back.
func (n *Names) Remove(book, name string) error {
	name = strings.ToLower(name)
	return n.change(book, false, func(e *edit) error {
		lines, err := e.get(name)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return fmt.Errorf("%s: %w: it is not in the %s one", name, ErrUnknown, book)
		}
		e.set(name, nil)
		if book != Subscribed {
			return nil
		}
		for _, l := range lines {
			_, dest, _, _ := cut([]byte(l.text))
			e.bury(hostrecord.Record{}.With("action", hostrecord.ActionRemove).With("name", name).
				With("dest", string(dest)).With("date", fmt.Sprint(e.now.Unix())))
		}
		return nil
	})
}
