package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// maxListSize bounds a file of peers: some 20,000 of them.
const maxListSize = 1 << 20

// Read reads a definition from a file.
func Read(path string) (Definition, error) {
	text, _, err := read(path)
	if err != nil {
		return Definition{}, err
	}
	d, err := Parse(text)
	if err != nil {
		return Definition{}, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// list is a file of peers. Its owner edits it while it is in use.
type list struct {
	path string
	seen stamp // of what was read; the runner's alone

	listed map[i2p.Hash]struct{} // as read
	noted  map[i2p.Hash]struct{} // to be written
}

// stamp tells one state of a file from another.
type stamp struct {
	changed time.Time
	size    int64
}

func (l *list) has(peer i2p.Hash) bool {
	_, listed := l.listed[peer]
	_, noted := l.noted[peer]
	return listed || noted
}

// note has a peer written down, where there is room for it in the file.
func (l *list) note(peer i2p.Hash) {
	if (len(l.listed)+len(l.noted)+1)*lineSize > maxListSize {
		return
	}
	if l.noted == nil {
		l.noted = make(map[i2p.Hash]struct{})
	}
	l.noted[peer] = struct{}{}
}

// lineSize is that of a b32 address and the end of its line.
const lineSize = 52 + len(".b32.i2p") + 1

// sync writes what was noted, and reads what has changed.
func (f *Filter) sync(l *list) error {
	f.mu.Lock()
	var text []byte
	for peer := range l.noted {
		text = append(append(text, peer.B32()...), '\n')
	}
	f.mu.Unlock()
	if len(text) > 0 {
		if err := appendFile(l.path, text); err != nil {
			return err
		}
	}
	return f.follow(l)
}

// follow reads a list that has changed. What was noted and is in it now needs not be written any more.
func (f *Filter) follow(l *list) error {
	info, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.take(l, nil)
		l.seen = stamp{}
		return nil
	case err != nil:
		return err
	case l.seen == stamp{info.ModTime(), info.Size()}:
		return nil
	}
	text, seen, err := read(l.path)
	if err != nil {
		return err
	}
	listed := make(map[i2p.Hash]struct{})
	strange := 0
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		peer, err := parsePeer(s)
		if err != nil {
			strange++
			continue
		}
		listed[peer] = struct{}{}
	}
	if strange > 0 {
		f.log.Warn("lines of an access list are no b32 addresses", "path", l.path, "lines", strange)
	}
	f.take(l, listed)
	l.seen = seen
	return nil
}

func (f *Filter) take(l *list, listed map[i2p.Hash]struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.listed = listed
	for peer := range l.noted {
		if _, ok := listed[peer]; ok {
			delete(l.noted, peer)
		}
	}
}

// read reads a file of a bounded size.
func read(path string) ([]byte, stamp, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, stamp{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, stamp{}, fmt.Errorf("%s is no file", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxListSize+1))
	if err == nil && len(text) > maxListSize {
		err = fmt.Errorf("%s has more than %d bytes", path, maxListSize)
	}
	return text, stamp{info.ModTime(), info.Size()}, err
}

// appendFile writes whole lines behind what is there. Where that does not end with one, it is ended.
func appendFile(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > 0 {
		var last [1]byte
		if _, err := file.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			text = append([]byte{'\n'}, text...)
		}
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	return file.Close()
}
