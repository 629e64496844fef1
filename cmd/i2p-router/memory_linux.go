package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// keepFromDisk has the kernel write no core dump of this process, which would have its secrets in
// it, and none to a program that collects dumps: that is asked whatever the limit is. Memory that
// is swapped out is another matter: Go has no way to lock all of its own.
func keepFromDisk() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps not switched off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("core dumps not switched off: %w", err)
	}
	return nil
}
