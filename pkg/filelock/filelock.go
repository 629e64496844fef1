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
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := hold(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{f}, nil
}

// Release gives the lock up. The file stays: removing it would let two hold a lock at one path.
func (l *Lock) Release() error { return l.file.Close() }
