package naming

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"

	"i2ptoolkit/pkg/hostrecord"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

// book is one file of names. Its text stays where it is: what is held of a name is a hash and
// where its line begins, and a line is read when somebody asks for it.
type book struct {
	name    string
	seed    maphash.Seed // secret: nobody can choose names with one hash
	store   store
	reading semaphore // held by who reads all of the text again

	mu    sync.RWMutex // of what follows; not held while files are read
	index *index
}

// index says where the lines of a text are.
type index struct {
	stamp stamp  // of the text
	names table  // by name
	dests *table // by hash of the destination; nil until somebody asks for it
	gone  table  // removals: by name, and of all of a destination by that
	bad   int    // lines that are none
}

// table finds offsets by 64 bits of a keyed hash. Others with the same hash are told apart by
// what is read there. The first of a name is in a map without anything else: nearly all are
// alone.
type table struct {
	first map[uint64]int64
	more  map[uint64][]int64
}

func newTable(hint int) table { return table{first: make(map[uint64]int64, hint)} }

func (t *table) add(h uint64, at int64) {
	if _, taken := t.first[h]; !taken {
		t.first[h] = at
		return
	}
	if t.more == nil {
		t.more = make(map[uint64][]int64)
	}
	t.more[h] = append(t.more[h], at)
}

// at are the offsets in the order of the text.
func (t *table) at(h uint64) []int64 {
	first, ok := t.first[h]
	if !ok {
		return nil
	}
	return append([]int64{first}, t.more[h]...)
}

// line is one of a book's text.
type line struct {
	at   int64
	text string // without its end
}

// Bounds of what is read.
const (
	meanLine = 540     // bytes, of most lines
	atOnce   = 1 << 10 // bytes that are read for one line at first
	readSize = 1 << 18
)

// destination is what the line says the name's is.
func (l line) destination() (i2p.Destination, error) {
	_, dest, _, ok := cut([]byte(l.text))
	if !ok {
		return i2p.Destination{}, errors.New("not name=destination")
	}
	return i2p.ParseDestinationBase64(string(dest))
}

// record is the line as a command, or as the name that it gives.
func (l line) record() (hostrecord.Record, error) {
	text := bytes.TrimSpace(words.Unmarked([]byte(l.text)))
	return hostrecord.Parse(string(text))
}

// cut takes a line apart: name=destination, and what may stand behind it from a # on.
func cut(text []byte) (name, dest, rest []byte, ok bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] == '#' {
		return nil, nil, text, false
	}
	i := bytes.IndexByte(text, '=')
	if i <= 0 {
		return nil, nil, nil, false
	}
	name, dest = bytes.TrimSpace(text[:i]), text[i+1:]
	if j := bytes.IndexByte(dest, '#'); j >= 0 {
		dest, rest = dest[:j], dest[j:]
	}
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			name = bytes.ToLower(name)
			break
		}
	}
	return name, bytes.TrimSpace(dest), rest, len(dest) > 0
}

// current makes the index that of the text as it is now, and says which text that is.
func (b *book) current() (stamp, error) {
	now, err := b.store.stamp()
	if err != nil || b.indexed(now) {
		return now, err
	}
	b.reading.take()
	defer b.reading.give()
	now, err = b.store.stamp() // another may have read it meanwhile
	if err != nil || b.indexed(now) {
		return now, err
	}
	ix, err := b.read(now)
	if err != nil {
		return stamp{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index = ix
	return now, nil
}

func (b *book) indexed(now stamp) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.index != nil && b.index.stamp.is(now)
}

// forget has the text read again by who needs it next.
func (b *book) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index = nil
}

// at are the offsets of what a key is found by in one of the tables.
func (b *book) at(of func(*index) *table, key string) []int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.index == nil {
		return nil
	}
	return of(b.index).at(b.hash([]byte(key)))
}

func byName(ix *index) *table    { return &ix.names }
func byRemoval(ix *index) *table { return &ix.gone }

// len is how many names there are.
func (b *book) len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.index == nil {
		return 0
	}
	return len(b.index.names.first)
}

// read makes an index of the whole text.
func (b *book) read(now stamp) (*index, error) {
	ix := &index{stamp: now, names: newTable(int(now.size / meanLine)), gone: newTable(0)}
	t, err := b.store.open()
	if err != nil {
		return nil, err
	}
	defer t.Close()
	return ix, lines(t, 0, func(at int64, text []byte) bool {
		b.enter(ix, at, text)
		return true
	})
}

// enter puts a line into an index.
func (b *book) enter(ix *index, at int64, text []byte) {
	text = words.Unmarked(text)
	name, _, rest, ok := cut(text)
	switch {
	case ok && i2p.CheckHost(string(name)) == nil:
		ix.names.add(b.hash(name), at)
		if ix.dests != nil {
			b.enterDest(ix.dests, at, text)
		}
	case ok || len(rest) == 0 && len(bytes.TrimSpace(text)) > 0:
		ix.bad++
	case bytes.HasPrefix(rest, []byte("#!")):
		if r, err := hostrecord.Parse(string(rest)); err == nil {
			ix.gone.add(b.hash([]byte(goneKey(r))), at)
		}
	}
}

// goneKey is what a removal is found by: the name, or the destination of all that were removed.
func goneKey(r hostrecord.Record) string {
	if r.Action() == hostrecord.ActionRemoveAll {
		return r.Get("dest")
	}
	return r.Get("name")
}

func (b *book) hash(name []byte) uint64 { return maphash.Bytes(b.seed, name) }

// lines calls each with every line from an offset on, until it returns false; what is too long
// is no line.
func lines(t text, from int64, each func(at int64, text []byte) bool) error {
	r := bufio.NewReaderSize(io.NewSectionReader(t, from, t.Size()-from), readSize)
	for at := from; ; {
		text, err := r.ReadSlice('\n')
		start := at
		at += int64(len(text))
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			text, err = r.ReadSlice('\n')
			at += int64(len(text))
		}
		if err != nil && err != io.EOF {
			return err
		}
		if !long && len(text) > 0 && len(text) <= hostrecord.MaxLine+2 && !each(start, text) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
	}
}

// errMoved: the text is not the one of which the index is.
var errMoved = errors.New("it changes all the time")

// find gives the lines of a name, in the order of the text.
func (b *book) find(name string) (found []line, err error) {
	for range 3 { // somebody may write just now
		was, err := b.current()
		if err != nil {
			return nil, err
		}
		at := b.at(byName, name)
		if len(at) == 0 {
			return nil, nil
		}
		t, err := b.store.open()
		if err != nil {
			return nil, err
		}
		found, err := named(t, at, name)
		t.Close()
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found, nil
		}
		if now, err := b.store.stamp(); err == nil && now.is(was) {
			return nil, nil // of another name with the same hash
		}
	}
	return nil, errMoved
}

// named are those lines of offsets that give a name.
func named(t text, at []int64, name string) (found []line, err error) {
	for _, at := range at {
		text, err := lineAt(t, at)
		if err != nil {
			return nil, err
		}
		if is, _, _, ok := cut(words.Unmarked(text)); ok && string(is) == name {
			found = append(found, line{at, string(text)})
		}
	}
	return found, nil
}

// lineAt reads one line. It is empty where there is none.
func lineAt(t text, at int64) ([]byte, error) {
	for size := int64(atOnce); ; size *= 4 {
		b := make([]byte, size)
		n, err := t.ReadAt(b, at)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("at byte %d: %w", at, err)
		}
		if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
			return bytes.TrimRight(b[:i], "\r"), nil
		}
		if err == io.EOF || size > hostrecord.MaxLine {
			return b[:n], nil
		}
	}
}
