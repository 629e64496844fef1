//go:build unix

package cli

import (
	"os"
	"syscall"
	"testing"
)

// TestOnHangup: every HUP is heard until the end, whatever else has ended by then.
func TestOnHangup(t *testing.T) {
	heard := make(chan struct{})
	stop := OnHangup(func() { heard <- struct{}{} })
	for range 3 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		<-heard
	}
	stop()
}
