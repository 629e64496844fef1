package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sealed"
)

// ErrSealed is that a data directory needs a passphrase, and none was given.
var ErrSealed = errors.New("the router's state is encrypted, and no passphrase is given")

// unlock opens a directory that is sealed, or seals one that is in clear, where there is a
// passphrase, which it wipes.
func (d *dataDir) unlock(passphrase []byte, log *slog.Logger) (err error) {
	defer clear(passphrase)
	switch {
	case d.root == "":
		return nil
	case !sealed.Is(d.root) && d.orphaned():
		return fmt.Errorf("%s has files that are encrypted, but %s is missing, without which nobody can read them", d.root, sealed.KeyFile(d.root))
	case sealed.Is(d.root) && len(passphrase) == 0:
		return fmt.Errorf("%s: %w", d.root, ErrSealed)
	case sealed.Is(d.root):
		d.box, err = sealed.Open(d.root, passphrase)
	case len(passphrase) > 0:
		d.box, err = sealed.Create(d.root, passphrase)
	}
	if err != nil || d.box == nil {
		return err
	}
	return d.seal(log)
}

// seal moves what is in clear into sealed files. Nothing is overwritten before all is sealed, so
// that it can be broken off at any time.
func (d *dataDir) seal(log *slog.Logger) error {
	var wipe []string
	for _, name := range d.stateFiles() {
		b, err := dataDir{root: d.root}.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := d.sealFile(name, b); err != nil {
			return err
		}
		wipe = append(wipe, d.path(name))
	}
	routers, err := d.sealRouters()
	if err != nil {
		return err
	}
	if wipe = append(wipe, routers...); len(wipe) == 0 {
		return nil
	}
	if err := sealed.Wipe(wipe...); err != nil {
		return fmt.Errorf("files in clear not removed: %w", err)
	}
	for name := range foldersOf(routers) {
		os.Remove(name)
	}
	log.Warn("the router's state was in clear and is encrypted now: the old files were overwritten and removed, and the disk may have their bytes still",
		"path", d.root, "files", len(wipe))
	return nil
}

// sealFile seals one file. What is sealed already and says something else is not replaced: which
// of the two is the router's, its owner knows.
func (d *dataDir) sealFile(name string, b []byte) error {
	there, err := d.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.keep(name, b)
	case err != nil:
		return err
	case bytes.Equal(there, b), len(bytes.Trim(b, "\x00")) == 0: // overwritten, and not removed when a router was killed
		return nil
	case name == privateBookFile, name == localBookFile, name == forwardsFile: // its owner has put it there since
		return d.keep(name, b)
	case name != routerKeysFile && name != ntcp2KeysFile && filepath.Dir(name) != keysDir:
		return nil
	}
	return fmt.Errorf("%s and %s differ: remove the one that is not the router's", d.path(name), d.path(name)+sealedSuffix)
}

// sealRouters seals the netDb, and names the files that it was in.
func (d *dataDir) sealRouters() (wipe []string, err error) {
	path := d.path(netDBDir)
	from, err := netdbdir.Open(path)
	if err != nil {
		return nil, err
	}
	if wipe, err = from.Files(); err != nil || len(wipe) == 0 {
		return nil, err
	}
	to, err := netdbdir.OpenSealed(path, d.box)
	if err != nil {
		return nil, err
	}
	return wipe, moveRouters(from, to)
}

func foldersOf(files []string) map[string]bool {
	folders := make(map[string]bool)
	for _, name := range files {
		folders[filepath.Dir(name)] = true
	}
	return folders
}

// moveRouters copies a netDb, some at a time.
func moveRouters(from, to routerFiles) error {
	var batch []netdb.File
	var failed error
	flush := func() {
		_, err := to.Save(batch, nil)
		failed = cmp.Or(failed, err)
		batch = batch[:0]
	}
	_, err := from.Load(context.Background(), nil, func(ri *routerinfo.RouterInfo, src netdb.Source) {
		if batch = append(batch, netdb.File{Hash: ri.Hash(), Bytes: ri.Bytes(), Source: src}); len(batch) == saveBatch {
			flush()
		}
	})
	flush()
	return cmp.Or(err, failed)
}

// orphaned tells of sealed files in a directory whose key may be lost.
func (d *dataDir) orphaned() bool {
	return slices.ContainsFunc(d.stateFiles(), func(name string) bool {
		_, err := os.Lstat(d.path(name) + sealedSuffix)
		return err == nil
	})
}

// Sealed tells whether a data directory needs a passphrase.
func Sealed(dir string) bool { return sealed.Is(dir) }

// ChangePassphrase gives a data directory that no router uses another passphrase, and wipes both.
func ChangePassphrase(dir string, from, to []byte) error {
	defer clear(from)
	defer clear(to)
	return stopped(dir, func(d dataDir) error { return sealed.Change(d.root, from, to) })
}

// Decrypt puts the files of a data directory that no router uses into clear.
func Decrypt(dir string, passphrase []byte) error {
	defer clear(passphrase)
	return stopped(dir, func(d dataDir) error {
		box, err := sealed.Open(d.root, passphrase)
		if err != nil {
			return err
		}
		d.box = box
		return d.unseal()
	})
}

// stopped does something to a sealed directory while it is nobody else's.
func stopped(dir string, do func(dataDir) error) error {
	d := dataDir{root: dir}
	if !sealed.Is(dir) {
		return fmt.Errorf("%s is not encrypted", dir)
	}
	release, err := d.lock()
	if err != nil {
		return err
	}
	defer release()
	return do(d)
}

// unseal writes all in clear, and then removes what is sealed, the key last: wherever it is broken
// off, another time does the rest.
func (d *dataDir) unseal() error {
	clearly := dataDir{root: d.root}
	var remove []string
	for _, name := range d.stateFiles() {
		b, err := d.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = clearly.keep(name, b)
		}
		if err != nil {
			return err
		}
		remove = append(remove, d.path(name)+sealedSuffix)
	}
	from, err := netdbdir.OpenSealed(d.path(netDBDir), d.box)
	if err != nil {
		return err
	}
	to, err := netdbdir.Open(d.path(netDBDir))
	if err == nil {
		err = moveRouters(from, to)
	}
	if err != nil {
		return err
	}
	errs := []error{from.Clear()}
	for _, path := range remove {
		errs = append(errs, os.Remove(path))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return sealed.Remove(d.root)
}
