package attack

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	before, during := newFigures(), newFigures()
	for i := range 4 {
		before.add(Visits, time.Duration(i)*time.Millisecond, nil)
		during.add(Visits, 1500*time.Millisecond, map[bool]error{true: errors.New("lease set abc: not found")}[i == 0])
	}
	during.Builds, during.RSS, during.CPU, during.Lasted = [2]uint64{3, 4}, 100<<20, time.Second, 4*time.Second
	got := Table([]Row{{Name: "flood", Before: before, During: during, After: newFigures(), Back: -1, Restarted: 2 * time.Second}})
	for _, want := range []string{
		"| flood | visits | 100% of 4, 2 ms | 75% of 4, 1.5 s | - |\n",
		"|  | tunnels built | 0 of 0 | 3 of 4 | 0 of 0 |\n",
		"|  | memory at most | 0 MB | 100 MB | 0 MB |\n",
		"|  | processor | 0% | 25% | 0% |\n",
		"|  | all well again |  | restarted: 2.0 s | never |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line\n%sin\n%s", want, got)
		}
	}
	if why := during.Of(Visits).Why; why["not found"] != 1 {
		t.Errorf("why: %v", why)
	}
	if m := during.missing(Kinds); len(m) != len(Kinds)-1 {
		t.Errorf("missing: %v", m)
	}
}
