//go:build unix

package lookups

import (
	"syscall"
	"time"
)

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it is our own process
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
