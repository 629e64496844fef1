//go:build unix

package main

import "golang.org/x/sys/unix"

// inherited tells whether the process that started this one gave it a descriptor. Those that
// Go opens itself are closed on exec, and must not be taken from it.
func inherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}
