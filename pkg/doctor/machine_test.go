package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
)

func TestMachine(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	open, private := t.TempDir(), t.TempDir()
	file := filepath.Join(private, "file")
	for _, err := range []error{os.Chmod(open, 0o755), os.Chmod(private, 0o700), os.WriteFile(file, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		machine Machine
		level   control.FindingLevel
		check   string
		text    string
	}{
		"good":           {Machine{Dir: private, Now: now}, control.FindingOK, "data directory", private},
		"ephemeral":      {Machine{Now: now}, control.FindingOK, "data directory", "none"},
		"new":            {Machine{Dir: filepath.Join(private, "new"), Now: now}, control.FindingNote, "data directory", filepath.Join(private, "new") + " does not exist"},
		"a file":         {Machine{Dir: file, Now: now}, control.FindingProblem, "data directory", file + " is no directory"},
		"under a file":   {Machine{Dir: filepath.Join(file, "x"), Now: now}, control.FindingProblem, "data directory", "stat "},
		"the wrong year": {Machine{Dir: private, Now: time.Unix(0, 0)}, control.FindingProblem, "clock", "the clock says that it is 1970"},
	} {
		all := c.machine.Look()
		i := slices.IndexFunc(all, func(f control.Finding) bool { return f.Check == c.check })
		if i < 0 || all[i].Level != c.level || !strings.HasPrefix(all[i].Text, c.text) {
			t.Errorf("%s: %+v", name, all)
		}
	}
	if left, err := os.ReadDir(private); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if runtime.GOOS == "linux" { // nobody, not even root, makes a directory there
		all := Machine{Dir: "/proc/nowhere/data", Now: now}.Look()
		if want := "/proc/nowhere/data does not exist, and cannot be made: "; !slices.ContainsFunc(all, func(f control.Finding) bool { return strings.HasPrefix(f.Text, want) }) || !Ill(all) {
			t.Errorf("a directory that cannot be made: %+v", all)
		}
	}
	if hasModes {
		all := Machine{Dir: open, Now: now}.Look()
		if i := slices.IndexFunc(all, func(f control.Finding) bool { return f.Advice == "chmod 700 "+open }); i < 0 || !Ill(all) {
			t.Errorf("a directory that others can read: %+v", all)
		}
	}
	if limit, _, known := fileLimit(); known {
		all := Machine{Dir: private, Sessions: int(min(limit, 1<<30)), Now: now}.Look()
		i := slices.IndexFunc(all, func(f control.Finding) bool { return f.Check == "open files" })
		if all[i].Level != control.FindingProblem {
			t.Errorf("too many sessions: %+v", all[i])
		}
	}
}

func TestSort(t *testing.T) {
	all := []control.Finding{{Check: "a", Level: control.FindingOK}, {Check: "b", Level: control.FindingNote}, {Check: "c", Level: control.FindingProblem}, {Check: "d", Level: control.FindingProblem}}
	Sort(all)
	var order strings.Builder
	for _, f := range all {
		order.WriteString(f.Check)
	}
	if order.String() != "cdba" || !Ill(all) || Ill(all[2:]) {
		t.Errorf("order %s", order.String())
	}
}
