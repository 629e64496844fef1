//go:build unix

package processors

import (
	"syscall"
	"time"
)

// used is the CPU time that the process has used so far.
func used() (time.Duration, bool) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
