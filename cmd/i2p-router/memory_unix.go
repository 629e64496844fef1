//go:build unix && !linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// keepFromDisk has the kernel write no core dump of this process, which would have its secrets in
// it. Memory that is swapped out is another matter: Go has no way to lock all of its own.
func keepFromDisk() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps not switched off: %w", err)
	}
	return nil
}
