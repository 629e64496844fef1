package processors

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGovernor(t *testing.T) {
	for _, tt := range []struct {
		name        string
		most, start int
		used        []float64
		want        int
	}{
		{"idle", 8, 1, []float64{0, 0.1, 0.2}, 1},
		{"half a processor", 8, 1, []float64{0.5, 0.5, 0.5}, 1},
		{"one is full", 8, 1, []float64{0.9}, 2},
		{"all are full", 8, 1, []float64{1, 2, 4, 8}, 8},
		{"no power of two", 6, 4, []float64{4, 6}, 6},
		{"no more than there are", 1, 1, []float64{1, 1}, 1},
		{"a quiet moment", 8, 4, []float64{0, 0, 0, 0, 0, 0, 0}, 4},
		{"quiet for long", 8, 4, []float64{0, 0, 0, 0, 0, 0, 0, 0}, 2},
		{"work in between", 8, 4, []float64{0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, 4},
		{"down to one", 3, 3, make([]float64, 3*patience), 1},
	} {
		g := governor{most: tt.most, number: tt.start}
		for _, used := range tt.used {
			g.next(used)
		}
		if g.number != tt.want {
			t.Errorf("%s: %d processors, want %d", tt.name, g.number, tt.want)
		}
	}
}

// TestSteady: what one number of processors calls for does not call for
// another at the next one.
func TestSteady(t *testing.T) {
	for used := 0.01; used < 16; used += 0.01 {
		g := governor{most: 16, number: 1}
		for range 100 * patience {
			g.next(used)
		}
		settled := g.number
		for range 100 * patience {
			if g.next(used); g.number != settled {
				t.Fatalf("%.2f processors used: %d, then %d", used, settled, g.number)
			}
		}
		if used > float64(settled) {
			t.Fatalf("%.2f processors used of %d", used, settled)
		}
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.GOMAXPROCS(4)
		defer runtime.GOMAXPROCS(before)
		var rate, total atomic.Int64 // how much the process seems to use, per call and in all
		stop := follow(period, func() (time.Duration, bool) {
			return time.Duration(total.Add(rate.Load())), true
		})
		expect := func(periods, want int) {
			t.Helper()
			time.Sleep(time.Duration(periods)*period + period/2)
			if n := runtime.GOMAXPROCS(0); n != want {
				t.Fatalf("GOMAXPROCS is %d, not %d", n, want)
			}
		}
		expect(0, 1)
		rate.Store(int64(time.Hour))
		expect(3, 4)
		rate.Store(0)
		expect(3*patience, 1)
		stop()
		expect(0, 4)
	})
}

func TestFollowEnvironment(t *testing.T) {
	t.Setenv("GOMAXPROCS", "3")
	before := runtime.GOMAXPROCS(3)
	defer runtime.GOMAXPROCS(before)
	stop := Follow()
	defer stop()
	if n := runtime.GOMAXPROCS(0); n != 3 {
		t.Errorf("GOMAXPROCS is %d, not the environment's 3", n)
	}
}

// TestUsed: work shows in the time used.
func TestUsed(t *testing.T) {
	start, ok := used()
	if !ok {
		t.Skip("this system does not tell")
	}
	for begun := time.Now(); ; {
		now, _ := used()
		if now-start >= 20*time.Millisecond {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("%v used in a minute of work", now-start)
		}
	}
}
