// Package netdbdir keeps RouterInfos in a directory on disk, in the layout of
// Java I2P and i2pd: netDb/rX/routerInfo-HASH.dat, X being the first letter of
// the hash in I2P's base64. Files are replaced atomically, so that a router
// that is killed leaves each one as it was or as it shall be.
package netdbdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

const (
	filePrefix = "routerInfo-"
	fileSuffix = ".dat"
)

// Dir is a directory of RouterInfos that we write.
type Dir struct {
	path string
	made map[string]bool // subdirectories known to exist
}

// Open makes the directory where it is missing.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("netdbdir: %w", err)
	}
	return &Dir{path: path, made: make(map[string]bool)}, nil
}

// Path is the directory.
func (d *Dir) Path() string { return d.path }

// File is where a router's RouterInfo is kept.
func (d *Dir) File(router i2p.Hash) string {
	name := router.String()
	return filepath.Join(d.path, "r"+name[:1], filePrefix+name+fileSuffix)
}

// Store writes a RouterInfo, in place of an older one or of a damaged file.
func (d *Dir) Store(router i2p.Hash, info []byte) error {
	name := d.File(router)
	if dir := filepath.Dir(name); !d.made[dir] {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("netdbdir: %w", err)
		}
		d.made[dir] = true
	}
	// After a power failure a file may be empty; then it is skipped and fetched again.
	if err := atomicfile.WriteCache(name, info); err != nil {
		return fmt.Errorf("netdbdir: %w", err)
	}
	return nil
}

// Remove deletes a router's file; it is no error that there is none.
func (d *Dir) Remove(router i2p.Hash) error {
	if err := os.Remove(d.File(router)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("netdbdir: %w", err)
	}
	return nil
}

// Save writes what a netdb.DB gave by Drain. It goes on after an error and
// returns all of them.
func (d *Dir) Save(write []netdb.File, remove []i2p.Hash) error {
	var errs []error
	for _, f := range write {
		errs = append(errs, d.Store(f.Hash, f.Bytes))
	}
	for _, h := range remove {
		errs = append(errs, d.Remove(h))
	}
	return errors.Join(errs...)
}

// Prune deletes the files that keep does not want, damaged names and what a
// killed router left half-written. Files of other kinds stay.
func (d *Dir) Prune(keep func(i2p.Hash) bool) (removed int, err error) {
	files, err := list(d.path)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, name := range files {
		base := filepath.Base(name)
		h, ok := hashOf(base)
		if !strings.HasPrefix(base, filePrefix) || (ok && keep(h) && name == d.File(h)) {
			continue
		}
		if err := os.Remove(name); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// hashOf reads the router's hash from a file's name.
func hashOf(base string) (i2p.Hash, bool) {
	name, ok := strings.CutPrefix(base, filePrefix)
	if !ok {
		return i2p.Hash{}, false
	}
	if name, ok = strings.CutSuffix(name, fileSuffix); !ok {
		return i2p.Hash{}, false
	}
	h, err := i2p.ParseHash(name)
	return h, err == nil
}

// list gives the regular files of a directory and of its subdirectories, sorted by name. Pipes
// and devices are left out: what opens them may wait for ever.
func list(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("netdbdir: %w", err)
	}
	var files []string
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if isRegular(name, e) {
			files = append(files, name)
		}
		if !e.IsDir() {
			continue
		}
		below, err := os.ReadDir(name)
		if err != nil {
			return nil, fmt.Errorf("netdbdir: %w", err)
		}
		for _, b := range below {
			if name := filepath.Join(name, b.Name()); isRegular(name, b) {
				files = append(files, name)
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// isRegular tells whether an entry of a directory is a regular file, or leads to one.
func isRegular(name string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
