// Package sealed encrypts the files of a directory so that nobody reads them without a passphrase,
// in the format of age (age-encryption.org/v1). One file, keyFile, has an identity that is sealed
// with the passphrase by scrypt; all others are sealed to that identity. So the passphrase costs
// its work once, a file next to nothing, and the passphrase changes without them.
//
// There is nothing in this that the program age could not undo:
//
//	age -d state.age > identity && age -d -i identity router.keys.age
package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"i2ptoolkit/pkg/atomicfile"
)

const (
	// keyFile has the identity.
	keyFile = "state.age"
	// work is the cost of a passphrase: 2^16 rounds of scrypt take 64 MiB and a quarter of a second.
	work = 16
	// maxWork is what is done at most for a file that says how much it takes.
	maxWork = 20
	maxKey  = 4 << 10 // bytes of keyFile
)

// Errors that a caller decides by.
var (
	ErrPassphrase = errors.New("wrong passphrase")
	ErrDamaged    = errors.New("damaged, or sealed by another key")
)

// Is tells whether a directory's files are sealed.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, keyFile))
	return err == nil
}

// KeyFile is the path of the file with a directory's identity.
func KeyFile(dir string) string { return filepath.Join(dir, keyFile) }

// Box seals and opens files.
type Box struct{ identity *age.X25519Identity }

// Open opens a directory with its passphrase.
func Open(dir string, passphrase []byte) (*Box, error) {
	text, err := readKey(dir, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", KeyFile(dir), err)
	}
	defer clear(text)
	identity, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", KeyFile(dir), ErrDamaged)
	}
	return &Box{identity}, nil
}

func readKey(dir string, passphrase []byte) ([]byte, error) {
	f, err := os.Open(KeyFile(dir))
	if err != nil {
		var path *fs.PathError
		errors.As(err, &path)
		return nil, path.Err
	}
	defer f.Close()
	with, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	with.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(io.LimitReader(f, maxKey), with)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, ErrDamaged
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, ErrDamaged
	}
	return text, nil
}

// Create makes a directory's identity, where there is none.
func Create(dir string, passphrase []byte) (*Box, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	write := func(w io.Writer) error { return sealKey(w, identity, passphrase) }
	if err := atomicfile.Create(KeyFile(dir), write); err != nil {
		return nil, err
	}
	return &Box{identity}, nil
}

// Change gives a directory another passphrase; the identity stays.
func Change(dir string, from, to []byte) error {
	b, err := Open(dir, from)
	if err != nil {
		return err
	}
	return atomicfile.Write(KeyFile(dir), func(w io.Writer) error { return sealKey(w, b.identity, to) })
}

func sealKey(w io.Writer, identity *age.X25519Identity, passphrase []byte) error {
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return err
	}
	to.SetWorkFactor(work)
	return encrypt(w, to, []byte(identity.String()+"\n"))
}

func encrypt(w io.Writer, to age.Recipient, b []byte) error {
	sealing, err := age.Encrypt(w, to)
	if err != nil {
		return err
	}
	if _, err := sealing.Write(b); err != nil {
		return err
	}
	return sealing.Close()
}

// Seal gives the content of a sealed file.
func (b *Box) Seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	err := encrypt(&out, b.identity.Recipient(), plain)
	return out.Bytes(), err
}

// Unseal is what Seal was given.
func (b *Box) Unseal(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), b.identity)
	if err != nil {
		return nil, ErrDamaged
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}

// Remove removes a directory's identity: what is sealed still is lost. It is not overwritten before:
// a file of zeros, where somebody is killed in between, would be a damaged one.
func Remove(dir string) error { return os.Remove(KeyFile(dir)) }

// Wipe overwrites files, has the disk know it, and removes them. Disks that write elsewhere what is
// overwritten, as those of flash memory do, and file systems that keep old versions, may have the
// old bytes for long after that.
func Wipe(paths ...string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, overwrite(path))
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		_, err = f.Write(make([]byte, info.Size()))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
