package naming

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"i2ptoolkit/pkg/atomicfile"
)

// store is where the text of a book is.
type store interface {
	// stamp is what a text is known by: it is another one when the text is.
	stamp() (stamp, error)
	open() (text, error)
	add(lines []byte) error                      // behind what is there
	replace(write func(w io.Writer) error) error // all of it, or nothing
}

// text is that of a book, as long as it is open.
type text interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// stamp tells texts apart. A file that was replaced is another one even if it was at once.
type stamp struct {
	info    fs.FileInfo // nil: there is no file
	changed time.Time
	size    int64
	edition uint64
}

func (s stamp) is(o stamp) bool {
	if (s.info == nil) != (o.info == nil) || s.size != o.size || !s.changed.Equal(o.changed) || s.edition != o.edition {
		return false
	}
	return s.info == nil || os.SameFile(s.info, o.info)
}

// disk is a file. It is open only while it is read: whoever has an editor may replace it.
type disk struct{ dir, name string }

func (d *disk) path() string { return filepath.Join(d.dir, d.name) }

func (d *disk) stamp() (stamp, error) {
	info, err := os.Stat(d.path())
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	return stamp{info: info, changed: info.ModTime(), size: info.Size()}, nil
}

func (d *disk) open() (text, error) {
	f, err := os.Open(d.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nothing(), nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(d.path() + " is no file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return openFile{f, info.Size()}, nil
}

type openFile struct {
	*os.File
	size int64
}

func (f openFile) Size() int64 { return f.size }

// add appends with one write. Who is killed in it leaves whole lines and a part of one at most,
// which the next line does not continue; what a full disk took of it is taken back.
func (d *disk) add(lines []byte) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(d.path(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if info.Size() > 0 {
		last := []byte{'\n'}
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			lines = append([]byte{'\n'}, lines...)
		}
	}
	if _, err = f.Write(lines); err != nil {
		return errors.Join(err, f.Truncate(info.Size()), f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *disk) replace(write func(io.Writer) error) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(d.path(), write)
}

// memory is a text that is kept elsewhere, or nowhere.
type memory struct {
	read func() ([]byte, error) // once; nil: there is nothing at first
	keep func([]byte) error     // nil: nowhere

	mu      sync.Mutex
	was     bool // it was read
	b       []byte
	edition uint64
}

func (m *memory) load() ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.was && m.read != nil {
		b, err := m.read()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
		m.b = b
	}
	m.was = true
	return m.b, m.edition, nil
}

func (m *memory) stamp() (stamp, error) {
	b, edition, err := m.load()
	return stamp{size: int64(len(b)), edition: edition}, err
}

func (m *memory) open() (text, error) {
	b, _, err := m.load()
	if err != nil {
		return nil, err
	}
	return inMemory{bytes.NewReader(b)}, nil
}

func (m *memory) add(lines []byte) error {
	b, _, err := m.load()
	if err != nil {
		return err
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return m.set(append(b, lines...)) // who reads has what was there, and no more
}

func (m *memory) replace(write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return m.set(b.Bytes())
}

func (m *memory) set(b []byte) error {
	if m.keep != nil {
		if err := m.keep(b); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.was, m.b = true, b
	m.edition++
	return nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func nothing() text { return inMemory{bytes.NewReader(nil)} }
