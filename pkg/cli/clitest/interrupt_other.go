//go:build !linux

package clitest

import (
	"testing"

	"i2ptoolkit/pkg/cli"
)

// Interrupts is tested where /proc tells what a process waits for.
func Interrupts(t *testing.T, _ cli.Program, _ func(dir string) error, _ []string, _ ...string) {
	t.Skip("what a process waits for is not to be seen on this system")
}
