// Package netdbdir keeps RouterInfos in a directory on disk, in the layout of
// Java I2P and i2pd: netDb/rX/routerInfo-HASH.dat, X being the first letter of
// the hash in I2P's base64. Files are replaced atomically, so that a router
// that is killed leaves each one as it was or as it shall be.
//
// What else is to be known of a router after a restart, its folder says: those
// that we were only told of are in tX, and those that we know of only because we
// asked in sX.
package netdbdir

import (
	"cmp"
	"context"
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
	"i2ptoolkit/pkg/routerinfo"
)

const (
	filePrefix = "routerInfo-"
	fileSuffix = ".dat"
)

// FileName is what the file of a router's RouterInfo is called, in whatever folder or zip.
func FileName(router i2p.Hash) string { return filePrefix + router.String() + fileSuffix }

// Dir is a directory of RouterInfos that we write.
type Dir struct{ path string }

// Open makes the directory where it is missing.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("netdbdir: %w", err)
	}
	return &Dir{path: path}, nil
}

// Path is the directory.
func (d *Dir) Path() string { return d.path }

type folder struct {
	src  netdb.Source
	name string
}

// folders are what the names of folders begin with, by the source that a router
// comes from when it is read.
var folders = []folder{{netdb.FromDisk, "r"}, {netdb.FromDiskTold, "t"}, {netdb.FromDiskSought, "s"}}

// File is where a router's RouterInfo is kept, unless it is one of those that only
// we know of.
func (d *Dir) File(router i2p.Hash) string { return d.file("r", router) }

func (d *Dir) file(folder string, router i2p.Hash) string {
	name := router.String()
	return filepath.Join(d.path, folder+name[:1], FileName(router))
}

// Store writes a RouterInfo, in place of an older one or of a damaged file.
func (d *Dir) Store(router i2p.Hash, info []byte) error { return d.write(d.File(router), info) }

func (d *Dir) write(name string, info []byte) error {
	// After a power failure a file may be empty; then it is skipped and fetched again.
	err := atomicfile.WriteCache(name, info)
	if errors.Is(err, fs.ErrNotExist) { // its folder: the first file, or somebody has tidied up
		if err = os.MkdirAll(filepath.Dir(name), 0o700); err == nil {
			err = atomicfile.WriteCache(name, info)
		}
	}
	if err != nil {
		return fmt.Errorf("netdbdir: %w", err)
	}
	return nil
}

// Remove deletes what there is of a router; it is no error that there is nothing.
func (d *Dir) Remove(router i2p.Hash) error { return d.removeBut("", router) }

// removeBut deletes what there is of a router in other folders than one.
func (d *Dir) removeBut(folder string, router i2p.Hash) error {
	var errs []error
	for _, f := range folders {
		if f.name == folder {
			continue
		}
		if err := os.Remove(d.file(f.name, router)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("netdbdir: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Save writes what a netdb.DB gave by Drain. It goes on after an error, and returns the routers
// that are not on disk as was asked, the first error and how many there were: on a full disk all
// fail alike.
func (d *Dir) Save(write []netdb.File, remove []i2p.Hash) (left []i2p.Hash, first error) {
	note := func(h i2p.Hash, err error) {
		if first = cmp.Or(first, err); err != nil {
			left = append(left, h)
		}
	}
	for _, f := range write {
		note(f.Hash, d.save(f))
	}
	for _, h := range remove {
		note(h, d.Remove(h))
	}
	if len(left) > 1 {
		first = fmt.Errorf("%w, and %d files more failed", first, len(left)-1)
	}
	return left, first
}

// save writes a file in its folder, and only then deletes it elsewhere: a router
// that is killed in between has it by both sources, as it has.
func (d *Dir) save(file netdb.File) error {
	folder := folders[0].name
	for _, f := range folders {
		if f.src == file.Source {
			folder = f.name
		}
	}
	if err := d.write(d.file(folder, file.Hash), file.Bytes); err != nil {
		return err
	}
	return d.removeBut(folder, file.Hash)
}

// Files are the paths of all RouterInfos.
func (d *Dir) Files() ([]string, error) {
	files, err := list(d.path)
	return slices.DeleteFunc(files, func(name string) bool { return !strings.HasPrefix(filepath.Base(name), filePrefix) }), err
}

// Load reads all that there is, and tells of each router which source it comes from. Some
// come first, then those that we came to know by ourselves, and then those that we were told of:
// where a table has not room for all, others must not have taken theirs.
func (d *Dir) Load(ctx context.Context, first map[i2p.Hash]struct{}, each func(*routerinfo.RouterInfo, netdb.Source)) (Loaded, error) {
	all, err := list(d.path)
	if err != nil {
		return Loaded{}, err
	}
	type part struct {
		later bool
		src   netdb.Source
	}
	files := make(map[part][]string)
	for _, name := range all {
		h, _ := hashOf(filepath.Base(name))
		_, soon := first[h]
		p := part{!soon, sourceOf(filepath.Base(filepath.Dir(name)))}
		files[p] = append(files[p], name)
	}
	var total Loaded
	for _, later := range [...]bool{false, true} {
		for _, f := range folders {
			counts, err := loadFiles(ctx, files[part{later, f.src}], LoadConfig{}, func(ri *routerinfo.RouterInfo) { each(ri, f.src) })
			if total.add(counts); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// sourceOf is the source of what is in a folder; the files of other routers'
// directories may also be in none.
func sourceOf(folder string) netdb.Source {
	for _, f := range folders {
		if len(folder) == len(f.name)+1 && strings.HasPrefix(folder, f.name) {
			return f.src
		}
	}
	return netdb.FromDisk
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
		if !strings.HasPrefix(base, filePrefix) || (ok && keep(h) && d.keeps(name, h)) {
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

// keeps tells whether a file is where we would write it.
func (d *Dir) keeps(name string, h i2p.Hash) bool {
	for _, f := range folders {
		if name == d.file(f.name, h) {
			return true
		}
	}
	return false
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
