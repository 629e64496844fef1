package netdbdir

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// Box seals and unseals the content of files.
type Box interface {
	Seal(plain []byte) ([]byte, error)
	Unseal(sealed []byte) ([]byte, error)
}

// Sealed is a directory of RouterInfos that nobody reads without its key. A file for each router
// would tell by its name or its times who it is, and would cost an exchange of keys: so there is a
// journal, in files of numbers, to which each Save adds one with what has changed. The last word on
// a router holds. A file is a sequence of records:
//
//	kind 1 | router 32 | length 2 | RouterInfo
//
// The kind is the letter of a folder of Dir, or gone.
type Sealed struct {
	path  string
	box   Box
	files []uint64 // their numbers, the oldest first
}

const (
	sealedSuffix = ".age"
	sealedMagic  = "age-encryption.org/"
	sealedKey    = "state.age" // beside the netDb, of a router
	gone         = 'x'
	recordHead   = 1 + 32 + 2
	journalPart  = 1 << 20 // bytes of a file that sums others up
	maxJournals  = 96      // files; then they are summed up
)

// OpenSealed makes the directory where it is missing.
func OpenSealed(path string, box Box) (*Sealed, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("netdbdir: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("netdbdir: %w", err)
	}
	s := &Sealed{path: path, box: box}
	for _, e := range entries {
		if half(e.Name()) {
			os.Remove(filepath.Join(path, e.Name()))
		}
		if n, ok := journal(e.Name()); ok && e.Type().IsRegular() {
			s.files = append(s.files, n)
		}
	}
	slices.Sort(s.files)
	return s, nil
}

// journal is the number of a file of a Sealed.
func journal(name string) (number uint64, ok bool) {
	name, ok = strings.CutSuffix(name, sealedSuffix)
	number, err := strconv.ParseUint(name, 10, 64)
	return number, ok && err == nil
}

// isState tells the files by which one knows a data directory that is sealed, and its netDb.
func isState(path string) bool {
	name := filepath.Base(path)
	_, ok := journal(name)
	return ok || name == sealedKey
}

// half tells what a router that was killed has not written to its end.
func half(name string) bool {
	return strings.HasSuffix(name, sealedSuffix+atomicfile.CacheSuffix) ||
		strings.HasPrefix(name, ".") && strings.Contains(name, sealedSuffix+".")
}

// Path is the directory.
func (s *Sealed) Path() string { return s.path }

func (s *Sealed) file(number uint64) string {
	return filepath.Join(s.path, fmt.Sprintf("%08d%s", number, sealedSuffix))
}

// each tells of the last record of each router; what is damaged is left out, and counted.
func (s *Sealed) each(ctx context.Context, f func(kind byte, router i2p.Hash, info []byte) error) (damaged int, err error) {
	seen := make(map[i2p.Hash]bool)
	for _, file := range slices.Backward(s.files) {
		if ctx.Err() != nil {
			return damaged, ctx.Err()
		}
		b, err := os.ReadFile(s.file(file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return damaged, err // it may be read another time
		}
		if err == nil {
			b, err = s.box.Unseal(b)
		}
		if err != nil {
			damaged++
			continue
		}
		last := make(map[i2p.Hash][]byte) // within the file
		var order []i2p.Hash
		for len(b) >= recordHead {
			n := recordHead + int(binary.BigEndian.Uint16(b[33:]))
			if n > len(b) {
				break
			}
			h := i2p.Hash(b[1:33])
			if last[h] == nil {
				order = append(order, h)
			}
			last[h], b = b[:n], b[n:]
		}
		if len(b) > 0 {
			damaged++
		}
		for _, h := range order {
			if seen[h] {
				continue
			}
			seen[h] = true
			if r := last[h]; r[0] != gone {
				if err := f(r[0], h, r[recordHead:]); err != nil {
					return damaged, err
				}
			}
		}
	}
	return damaged, nil
}

// Load reads all that there is, in the order of Dir. The journals are unsealed once for those that
// come first, and once for each source, rather than kept in memory together.
func (s *Sealed) Load(ctx context.Context, first map[i2p.Hash]struct{}, each func(*routerinfo.RouterInfo, netdb.Source)) (total Loaded, err error) {
	for pass := range 1 + len(folders) {
		damaged, err := s.each(ctx, func(kind byte, router i2p.Hash, info []byte) error {
			of := slices.IndexFunc(folders, func(f folder) bool { return f.name[0] == kind })
			if _, soon := first[router]; of < 0 || soon != (pass == 0) || !soon && pass != 1+of {
				return nil
			}
			ri, counts, _ := parse(FileName(router), slices.Clone(info), false)
			if total.add(counts); ri != nil {
				each(ri, folders[of].src)
			}
			return nil
		})
		if pass == 0 {
			total.Files, total.Junk = total.Files+damaged, total.Junk+damaged
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Save writes what a netdb.DB gave by Drain, all of it or nothing, and returns the routers that are
// not on disk as was asked.
func (s *Sealed) Save(write []netdb.File, remove []i2p.Hash) (left []i2p.Hash, err error) {
	var b []byte
	for _, f := range write {
		kind := folders[0].name[0]
		for _, folder := range folders {
			if folder.src == f.Source {
				kind = folder.name[0]
			}
		}
		b = appendRecord(b, kind, f.Hash, f.Bytes)
	}
	for _, h := range remove {
		b = appendRecord(b, gone, h, nil)
	}
	if len(b) == 0 {
		return nil, nil
	}
	if err := s.add(b, atomicfile.WriteCache); err != nil { // what a power failure takes can be had again
		for _, f := range write {
			left = append(left, f.Hash)
		}
		return append(left, remove...), err
	}
	if len(s.files) > maxJournals {
		_, err = s.sumUp(func(i2p.Hash) bool { return true })
	}
	return nil, err
}

func appendRecord(b []byte, kind byte, router i2p.Hash, info []byte) []byte {
	b = append(append(b, kind), router[:]...)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(info))), info...)
}

// add writes a file.
func (s *Sealed) add(records []byte, write func(path string, b []byte) error) error {
	sealed, err := s.box.Seal(records)
	if err != nil {
		return fmt.Errorf("netdbdir: %w", err)
	}
	var number uint64 = 1
	if n := len(s.files); n > 0 {
		number = s.files[n-1] + 1
	}
	if err := write(s.file(number), sealed); err != nil {
		return fmt.Errorf("netdbdir: %w", err)
	}
	s.files = append(s.files, number)
	return nil
}

// Prune forgets the routers that keep does not want, and what is damaged.
func (s *Sealed) Prune(keep func(i2p.Hash) bool) (removed int, err error) {
	unwanted := 0
	damaged, err := s.each(context.Background(), func(_ byte, router i2p.Hash, _ []byte) error {
		if !keep(router) {
			unwanted++
		}
		return nil
	})
	if err != nil || damaged+unwanted == 0 {
		return 0, err
	}
	return s.sumUp(keep)
}

// sumUp writes the routers that are kept to new files, and then deletes the old ones, the oldest
// first: wherever it is killed, the last word on each router is the same.
func (s *Sealed) sumUp(keep func(i2p.Hash) bool) (removed int, err error) {
	next := &Sealed{path: s.path, box: s.box, files: slices.Clone(s.files)}
	var part []byte
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := next.add(part, atomicfile.WriteBytes)
		part = part[:0]
		return err
	}
	old := len(s.files)
	damaged, err := s.each(context.Background(), func(kind byte, router i2p.Hash, info []byte) error {
		if !keep(router) {
			removed++
			return nil
		}
		if part = appendRecord(part, kind, router, info); len(part) < journalPart {
			return nil
		}
		return flush()
	})
	if err = errors.Join(err, flush()); err != nil {
		// What is older must not stand behind what is saved from now on.
		next.files = next.files[old:]
		return 0, errors.Join(err, next.Clear())
	}
	var errs []error
	for _, f := range s.files {
		errs = append(errs, os.Remove(s.file(f)))
	}
	s.files = next.files[old:]
	return removed + damaged, errors.Join(errs...)
}

// Clear deletes all that there is.
func (s *Sealed) Clear() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, os.Remove(s.file(f)))
	}
	s.files = nil
	return errors.Join(errs...)
}
