package draw

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

// Each of a few is drawn as often as the others, and nothing else is.
func TestBelow(t *testing.T) {
	for _, r := range []io.Reader{seeded(1), nil} {
		s := From(r)
		for n := 1; n <= 7; n++ {
			const each = 2000
			seen := make([]int, n)
			for range n * each {
				seen[s.Below(n)]++ // an index that is negative or too large panics
			}
			for i, got := range seen {
				if got < each*8/10 || got > each*12/10 {
					t.Errorf("of %d, number %d was drawn %d times, expected about %d: %v", n, i, got, each, seen)
				}
			}
		}
	}
}

// words are the numbers of a source, one after the other.
type words struct{ b bytes.Buffer }

func (w *words) Read(b []byte) (int, error) { return w.b.Read(b) }

// The highest bit is set, odd and even, as a number of 32 bits that is negative there.
func TestBelowIsNeverNegative(t *testing.T) {
	var w words
	for _, first := range []byte{0x00, 0x7f, 0x80, 0xff} {
		w.b.Write(bytes.Repeat([]byte{first, 0xff, 0xff, 0xff}, 2))
		w.b.Write(bytes.Repeat([]byte{first}, 8))
	}
	s := From(&w)
	for w.b.Len() > 0 {
		if n := s.Below(2); n != 0 && n != 1 {
			t.Errorf("drew %d of two", n)
		}
	}
}

func TestNonzero(t *testing.T) {
	s := From(io.MultiReader(bytes.NewReader(make([]byte, 12)), bytes.NewReader([]byte{0, 0, 0, 2}), seeded(1)))
	if n := s.Nonzero32(); n != 2 {
		t.Errorf("drew %d, expected the first that is not zero", n)
	}
}

func TestBetween(t *testing.T) {
	s := From(seeded(1))
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		d := s.Between(time.Minute, 3*time.Minute)
		low, high = min(low, d), max(high, d)
	}
	if low < time.Minute || high >= 3*time.Minute || high-low < 110*time.Second {
		t.Errorf("drew from %v to %v, expected all between 1m and 3m", low, high)
	}
	if d := s.Between(time.Second, time.Second); d != time.Second {
		t.Errorf("drew %v where there is only 1s", d)
	}
	if d := s.Between(0, -time.Second); d != 0 {
		t.Errorf("drew %v where there is nothing between", d)
	}
}

func TestOrders(t *testing.T) {
	s := From(seeded(1))
	all := []int{0, 1, 2, 3, 4, 5, 6, 7}
	p := s.Perm(len(all))
	q := slices.Clone(all)
	s.Shuffle(len(q), func(i, j int) { q[i], q[j] = q[j], q[i] })
	if slices.Equal(p, all) || slices.Equal(q, all) || slices.Equal(p, q) {
		t.Errorf("orders %v and %v", p, q)
	}
	slices.Sort(p)
	slices.Sort(q)
	if !slices.Equal(p, all) || !slices.Equal(q, all) {
		t.Errorf("orders of %v and %v", p, q)
	}
}

// The same bytes give the same draws; the system's do not.
func TestSeed(t *testing.T) {
	draws := func(r io.Reader) []uint64 {
		s := From(r)
		key := make([]byte, 8)
		s.Read(key)
		return []uint64{s.Uint64(), uint64(s.Below(1 << 30)), uint64(s.Nonzero32()), uint64(s.Byte()), s.Stream().Uint64(), uint64(key[0])}
	}
	if a, b := draws(seeded(1)), draws(seeded(1)); !slices.Equal(a, b) {
		t.Errorf("the same seed gave %v and %v", a, b)
	}
	if a, b := draws(nil), draws(nil); slices.Equal(a, b) {
		t.Errorf("crypto/rand gave %v twice", a)
	}
}

func TestFromSource(t *testing.T) {
	s := From(seeded(1))
	if From(s) != s {
		t.Error("a source of a source is another one")
	}
	var none *Source
	if a, b := From(none).Uint64(), From(none).Uint64(); a == b {
		t.Error("no source is not crypto/rand")
	}
}

// A split is another stream, the same in every run, and leaves crypto/rand what it is.
func TestSplit(t *testing.T) {
	draws := func(s *Source) []uint64 {
		a, b := s.Split(), s.Split()
		return []uint64{a.Uint64(), b.Uint64(), s.Uint64()}
	}
	a, b := draws(From(seeded(1))), draws(From(seeded(1)))
	if !slices.Equal(a, b) {
		t.Errorf("the same seed gave %v and %v", a, b)
	}
	c, d := draws(From(nil)), draws(From(nil))
	all := slices.Concat(a, c, d)
	slices.Sort(all)
	if len(slices.Compact(all)) != 9 {
		t.Errorf("draws repeat: %v, %v and %v", a, c, d)
	}
}

// A source that fails ends what draws from it, whatever is drawn.
func TestFailure(t *testing.T) {
	for name, d := range map[string]func(s *Source){
		"bytes":    func(s *Source) { s.Fill(make([]byte, 9)) },
		"read":     func(s *Source) { s.Read(make([]byte, 9)) },
		"byte":     func(s *Source) { s.Byte() },
		"number":   func(s *Source) { s.Below(2) },
		"id":       func(s *Source) { s.Nonzero32() },
		"duration": func(s *Source) { s.Between(0, time.Second) },
		"order":    func(s *Source) { s.Perm(3) },
		"stream":   func(s *Source) { s.Stream() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("drew from a source that failed")
				}
			}()
			d(From(iotest.ErrReader(errors.New("no entropy"))))
		})
	}
}

// A source that repeats itself has failed as well, and is not waited for.
func TestStuck(t *testing.T) {
	for name, d := range map[string]func(s *Source){
		"number": func(s *Source) { s.Below(3) },
		"id":     func(s *Source) { s.Nonzero32() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("drew from a source that gives zeros")
				}
			}()
			d(From(zeros{}))
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// The ends of what is drawn are drawn, and nothing behind them.
func TestEnds(t *testing.T) {
	for _, n := range []int{1, 2, 3, 223, 1 << 30, math.MaxInt} {
		least, most := make([]byte, 8), bytes.Repeat([]byte{0xff}, 8)
		for i := 7; i >= 0 && From(bytes.NewReader(append(least, most...))).Below(n) != 0; i-- {
			least[i]++
		}
		if got := From(bytes.NewReader(most)).Below(n); got != n-1 {
			t.Errorf("of %d numbers the last one drawn is %d", n, got)
		}
	}
}

// A reader that ends midway has failed too.
func TestShort(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("drew 8 bytes from a source of 7")
		}
	}()
	From(io.LimitReader(seeded(1), 7)).Uint64()
}

func TestDrawsDoNotAllocate(t *testing.T) {
	for _, r := range []io.Reader{seeded(1), nil} {
		s := From(r)
		key := make([]byte, 32)
		if n := testing.AllocsPerRun(100, func() {
			s.Below(5)
			s.Nonzero32()
			s.Between(0, time.Second)
			s.Fill(key)
		}); n != 0 {
			t.Errorf("%v allocations per draw", n)
		}
	}
}
