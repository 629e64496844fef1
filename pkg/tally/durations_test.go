package tally

import (
	"slices"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	var a, b Durations
	for _, d := range []time.Duration{0, 10 * time.Millisecond, 10*time.Millisecond + 1, time.Second, time.Minute} {
		a.Observe(d)
	}
	b.Observe(2 * time.Minute)
	b.Observe(-time.Second) // a clock that was set back
	sum := a
	sum.Add(b)
	if want := [Buckets]uint64{3, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1}; sum.In != want {
		t.Errorf("%v, expected %v", sum.In, want)
	}
	if want := 3*time.Minute + time.Second + 20*time.Millisecond + 1; sum.Sum != want || sum.Count() != 7 || a.Count() != 5 {
		t.Errorf("%v in %d, expected %v", sum.Sum, sum.Count(), want)
	}
	if !slices.IsSorted(Bounds()) || len(Bounds()) != Buckets-1 {
		t.Errorf("bounds %v", Bounds())
	}
}
