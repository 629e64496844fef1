//go:build linux

package netns

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func newNamespace(t *testing.T) *Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: no network namespaces: needs root")
	}
	ns, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func TestProgramsEndWithTheNamespace(t *testing.T) {
	ns := newNamespace(t)
	cmd := exec.Command("sleep", "1000")
	if err := ns.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := ns.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}
	if err := ns.Start(exec.Command("true")); err == nil {
		t.Error("a closed namespace started a program")
	}
}

func TestRunTellsWhatWentWrong(t *testing.T) {
	ns := newNamespace(t)
	defer ns.Close()
	if err := ns.Run("", "true"); err != nil {
		t.Error(err)
	}
	if err := ns.Run("echo nonsense >&2; exit 3", "sh"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("the error is %v", err)
	}
}

// TestNothingLeadsOut: a socket of the namespace reaches none of the machine's.
func TestNothingLeadsOut(t *testing.T) {
	ns := newNamespace(t)
	defer ns.Close()
	l, err := ns.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := ns.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	other := newNamespace(t)
	defer other.Close()
	if c, err := other.DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("another namespace reached it")
	}
}
