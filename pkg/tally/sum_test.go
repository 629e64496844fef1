package tally

import (
	"testing"
	"time"
)

type Inner struct {
	Bytes uint64
	Held  int
}

type counts struct {
	Inner
	In, Out uint64
	Now     int
	Part    Inner
	Took    Durations
}

func TestAdd(t *testing.T) {
	a := counts{In: 1, Now: 2, Part: Inner{Bytes: 3, Held: 4}}
	a.Took.Observe(time.Second)
	b := counts{Inner: Inner{7, 8}, In: 10, Out: 20, Now: 30, Part: Inner{Bytes: 40, Held: 50}}
	b.Took.Observe(time.Minute)
	all, ended := a, a
	exported := func(c counts) [6]int {
		return [6]int{int(c.In), int(c.Out), c.Now, int(c.Part.Bytes), c.Part.Held, int(c.Took.Count())}
	}
	Add(&all, b)
	if got, want := exported(all), [6]int{11, 20, 32, 43, 54, 2}; got != want {
		t.Errorf("%v, expected %v", got, want)
	}
	AddTotals(&ended, b)
	if got, want := exported(ended), [6]int{11, 20, 2, 43, 4, 2}; got != want {
		t.Errorf("of what has ended %v, expected %v", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("a time is a count")
		}
	}()
	Add(&struct{ At time.Duration }{}, struct{ At time.Duration }{})
}
