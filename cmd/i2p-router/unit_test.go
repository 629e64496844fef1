package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/node"
)

// TestUnit: the unit for systemd gives the router the time that a stop takes, and where it is to
// be graceful as much as that does; and is one that systemd understands.
func TestUnit(t *testing.T) {
	unit, err := os.ReadFile("../../docs/i2p-router.service")
	if err != nil {
		t.Fatal(err)
	}
	for prefix, takes := range map[string]time.Duration{"": node.LeaveTime, "#   ": longestStop} {
		stop := time.Duration(0)
		for lines := bufio.NewScanner(bytes.NewReader(unit)); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), prefix+"TimeoutStopSec="); ok {
				if stop, err = time.ParseDuration(strings.TrimSuffix(text, "in")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if stop < takes+10*time.Second { // for all else that there is to do
			t.Errorf("%sTimeoutStopSec is %v, a stop may take %v", prefix, stop, takes)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("SKIPPED: there is no systemd-analyze here to verify the unit")
	}
	program, err := os.Executable() // any that exists
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "i2p-router.service")
	text := strings.ReplaceAll(string(unit), "/usr/local/bin/i2p-router", program)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("%v: %s", err, said)
	}
}
