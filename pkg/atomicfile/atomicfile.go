// Package atomicfile writes files that are there whole or not at all, readable by their owner
// alone. After a crash or a power failure there is the old file or the new one.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Write puts what write gives under path, in place of what is there.
func Write(path string, write func(io.Writer) error) error {
	return put(path, write, os.Rename)
}

// put has a file written under another name before move gives it its own.
func put(path string, write func(io.Writer) error, move func(from, to string) error) error {
	f, err := temporary(path)
	if err != nil {
		return err
	}
	if err = fill(f, write); err == nil {
		err = move(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return named(err, f.Name(), path)
	}
	syncDir(path)
	return nil
}

// WriteBytes is Write of what is at hand.
func WriteBytes(path string, b []byte) error { return Write(path, content(b)) }

func content(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// Create puts what write gives under path, where nothing may be: the error is fs.ErrExist
// otherwise. What cannot be written whole is removed.
func Create(path string, write func(io.Writer) error) error {
	return put(path, write, func(from, to string) error { return moveNew(from, to, os.Link) })
}

// moveNew is os.Rename to where nothing may be. A link is refused where there is something; file
// systems that have no links are asked to make an empty file first, so that nobody else does.
func moveNew(from, to string, link func(from, to string) error) error {
	err := link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(f.Close(), os.Rename(from, to)); err != nil {
		os.Remove(to)
	}
	return err
}

// WriteCache is WriteBytes for what can be had again: it is not forced to the disk, so that
// after a power failure the file may be empty. A process that is killed leaves one file
// path+CacheSuffix at most.
func WriteCache(path string, b []byte) error {
	temp := path + CacheSuffix
	err := os.WriteFile(temp, b, 0o600)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// CacheSuffix is what WriteCache writes to before the file is whole.
const CacheSuffix = ".new"

// Clear removes what Write left half-written of files in dir when its process was killed; it may
// hold secrets.
func Clear(dir string, names ...string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !slices.ContainsFunc(names, func(name string) bool { return isHalf(e.Name(), name) }) {
			continue
		}
		if e := os.Remove(filepath.Join(dir, e.Name())); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// temporary makes a file to write to before it gets its name: the same with a dot before it, and
// digits, which os.CreateTemp puts in place of the asterisk. Errors name the file that was asked for.
func temporary(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+stem(filepath.Base(path))+".*")
	var at *fs.PathError
	if errors.As(err, &at) {
		at.Path = path
	}
	return f, err
}

// stem is as much of a name as leaves room for what temporary puts around it: most systems take names
// of 255 bytes.
func stem(name string) string {
	const most = 255 - len("..") - len("4294967295")
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "")
	}
	return name
}

// named has an error name the file that was asked for instead of its temporary one.
func named(err error, temp, path string) error {
	var at *fs.PathError
	if errors.As(err, &at) && at.Path == temp {
		at.Path = path
	}
	return err
}

// isHalf tells what temporary made from what others keep beside a file, such as .name.bak.
func isHalf(entry, name string) bool {
	digits, ok := strings.CutPrefix(entry, "."+stem(name)+".")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// fill writes f to the disk and closes it.
func fill(f *os.File, write func(io.Writer) error) error {
	err := write(f)
	if err == nil {
		err = f.Chmod(0o600) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir has the disk know under which name a file is. Not every system and file system can;
// the file itself is safe.
func syncDir(path string) {
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync()
		d.Close()
	}
}
