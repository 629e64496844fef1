package naming

import (
	"fmt"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

// Reverse finds the names of a destination, in all books.
func (n *Names) Reverse(hash i2p.Hash) (found []Entry, err error) {
	for _, b := range n.books {
		lines, err := b.called(hash)
		if err != nil {
			return nil, fmt.Errorf("the %s address book: %w", b.name, err)
		}
		for _, l := range lines {
			name, _, _, _ := cut(words.Unmarked([]byte(l.text)))
			if dest, err := l.destination(); err == nil && dest.Hash() == hash {
				found = append(found, Entry{Book: b.name, Name: string(name), Destination: dest})
			}
		}
	}
	return found, nil
}

// called gives the lines whose destination has a hash.
func (b *book) called(hash i2p.Hash) (found []line, err error) {
	if _, err := b.reversed(); err != nil {
		return nil, err
	}
	t, err := b.store.open()
	if err != nil {
		return nil, err
	}
	defer t.Close()
	for _, at := range b.at(byDest, string(hash[:])) {
		text, err := lineAt(t, at)
		if err != nil {
			return nil, err
		}
		found = append(found, line{at, string(text)})
	}
	return found, nil
}

func byDest(ix *index) *table {
	if ix.dests == nil {
		return &table{}
	}
	return ix.dests
}

// reversed is current, with an index by destination. That costs a hash of each: only who has
// asked once pays for it.
func (b *book) reversed() (stamp, error) {
	now, err := b.current()
	if err != nil {
		return now, err
	}
	b.mu.RLock()
	done, count := b.index != nil && b.index.dests != nil, 0
	if b.index != nil {
		count = len(b.index.names.first)
	}
	b.mu.RUnlock()
	if done {
		return now, nil
	}
	b.reading.take()
	defer b.reading.give()
	t, err := b.store.open()
	if err != nil {
		return now, err
	}
	defer t.Close()
	dests := newTable(count)
	err = lines(t, 0, func(at int64, text []byte) bool {
		b.enterDest(&dests, at, text)
		return true
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.index != nil && b.index.stamp.is(now) {
		b.index.dests = &dests
	}
	return now, err
}

func (b *book) enterDest(dests *table, at int64, text []byte) {
	name, dest, _, ok := cut(words.Unmarked(text))
	if !ok || i2p.CheckHost(string(name)) != nil {
		return
	}
	if d, err := i2p.ParseDestinationBase64(string(dest)); err == nil {
		hash := d.Hash()
		dests.add(b.hash(hash[:]), at)
	}
}

// All calls each with every entry of a book, in the order of its text, until it returns false.
// Lines that are none are passed over.
func (n *Names) All(book string, each func(Entry) bool) error {
	b, err := n.book(book)
	if err != nil {
		return err
	}
	t, err := b.store.open()
	if err != nil {
		return err
	}
	defer t.Close()
	return lines(t, 0, func(_ int64, text []byte) bool {
		name, dest, _, ok := cut(words.Unmarked(text))
		if !ok || i2p.CheckHost(string(name)) != nil {
			return true
		}
		d, err := i2p.ParseDestinationBase64(string(dest))
		return err != nil || each(Entry{Book: book, Name: string(name), Destination: d})
	})
}
