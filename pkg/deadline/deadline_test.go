package deadline

import (
	"testing"
	"time"
)

func TestEarliest(t *testing.T) {
	never, soon, later := time.Time{}, time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range [][3]time.Time{{never, never, never}, {soon, never, soon}, {never, soon, soon}, {soon, later, soon}, {later, soon, soon}} {
		if got := Earliest(c[0], c[1]); !got.Equal(c[2]) {
			t.Errorf("of %v and %v: %v", c[0], c[1], got)
		}
	}
}
