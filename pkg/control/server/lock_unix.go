//go:build unix

package server

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errLocked is that somebody else holds a lock.
var errLocked = errors.New("locked")

// lockFile takes the lock of a file, which the kernel gives up when its owner dies.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
