package env

import (
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

// A part's draws depend on the seed, its name and how many had it before, and on nothing else.
func TestParts(t *testing.T) {
	a, b := New(Config{Rand: seeded(1)}), New(Config{Rand: seeded(1)})
	b.Part("another") // before the others
	var draws []uint64
	for _, name := range []string{"router", "client", "client", "client 0", "router"} {
		x, y := a.Part(name).Rand.Uint64(), b.Part(name).Rand.Uint64()
		if x != y {
			t.Errorf("%s drew %d and %d", name, x, y)
		}
		draws = append(draws, x)
	}
	draws = append(draws, New(Config{Rand: seeded(2)}).Part("router").Rand.Uint64())
	slices.Sort(draws)
	if n := len(slices.Compact(draws)); n != 6 {
		t.Errorf("%d different draws of 6: %v", n, draws)
	}
}

func TestSystem(t *testing.T) {
	w := New(Config{})
	a, b := w.Part("a"), New(Config{}).Part("a")
	if a.Rand.Uint64() == b.Rand.Uint64() {
		t.Error("crypto/rand gave the same twice")
	}
	if since := time.Since(a.Now()); since < 0 || since > time.Hour {
		t.Errorf("the clock is %v off", since)
	}
	if a.Gather != nil || a.Turn != nil {
		t.Error("a simulation's hook without a simulation")
	}
	a.Log.Info("nobody hears this")
}

// Each part's loop has a number of its own.
func TestGather(t *testing.T) {
	var got []int
	w := New(Config{Gather: func(loop int) { got = append(got, loop) }})
	first, second := w.Part("a"), w.Part("a")
	second.Gather()
	first.Gather()
	second.Turn(7)
	if !slices.Equal(got, []int{1, 0, FirstTurn + 7}) {
		t.Errorf("the loops are %v, want 1 and 0, and a turn", got)
	}
}

func TestComplete(t *testing.T) {
	now := time.Unix(1, 0)
	e := Env{Now: func() time.Time { return now }}.Complete()
	if !e.Now().Equal(now) {
		t.Error("the clock was replaced")
	}
	if e.Rand == nil || e.Log == nil {
		t.Errorf("not complete: %+v", e)
	}
}
