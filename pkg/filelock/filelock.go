// Package filelock locks files for as long as a process lives: the system gives a lock up when its
// owner dies, however it dies.
package filelock

import (
	"errors"
	"fmt"
	"os"
)

// ErrHeld is that somebody else holds a lock, be it in the same process.
var ErrHeld = errors.New("held by somebody else")

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Take takes the lock of the file at path, which it makes where there is none, and does not wait:
// the error is ErrHeld where somebody else has it.
func Take(path string) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := hold(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if isAt(f, path) {
			return &Lock{f}, nil
		}
		f.Close() // its last owner removed it after we had opened it
	}
}

// isAt tells whether a file is the one at path. Whether there is one at all decides nobody else:
// what is locked and not at path is nobody's.
func isAt(f *os.File, path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	held, err := f.Stat()
	return err == nil && os.SameFile(there, held)
}

// Release removes the file, where the system lets an owner remove it, and gives the lock up.
func (l *Lock) Release() error {
	os.Remove(l.file.Name())
	return l.file.Close()
}
