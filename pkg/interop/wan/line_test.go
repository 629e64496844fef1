package wan

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// stream sends count packets of 1000 bytes, one each step, and gives the times at which they come out.
func stream(l *line, count int, step time.Duration) (out []time.Duration) {
	for i := range count {
		at, n := l.pass(time.Duration(i)*step, 1000)
		out = append(out, at[:n]...)
	}
	return out
}

func TestDelayAndJitterKeepOrder(t *testing.T) {
	s := Distance(50 * time.Millisecond)
	s.Jitter = 20 * time.Millisecond
	out := stream(newLine(s, 1, 1), 1000, time.Millisecond)
	if !slices.IsSorted(out) {
		t.Error("jitter changed the order")
	}
	for i, at := range out {
		if d := at - time.Duration(i)*time.Millisecond; d < s.Delay || d > s.Delay+s.Jitter {
			t.Fatalf("packet %d took %s", i, d)
		}
	}
}

func TestShares(t *testing.T) {
	s := Distance(0)
	s.Loss, s.Repeat, s.Reorder = 0.05, 0.02, 0.25
	l := newLine(s, 1, 1)
	const count = 100_000
	out := stream(l, count, time.Millisecond)
	near := func(what string, got uint64, want float64) {
		if math.Abs(float64(got)-want) > 0.05*want {
			t.Errorf("%d of %d %s, want about %.0f", got, count, what, want)
		}
	}
	near("lost", l.Lost, count*0.05)
	near("twice", l.Repeated, count*0.95*0.02)
	near("held back", l.Overtaken, count*0.95*1.02*0.25)
	if slices.IsSorted(out) || uint64(len(out)) != count-l.Lost+l.Repeated {
		t.Error("in order, or a wrong number")
	}
}

func TestRateAndQueue(t *testing.T) {
	s := Distance(0)
	s.Rate, s.Burst, s.Queue = 1e6, 3000, 50_000 // 1 ms a packet
	l := newLine(s, 1, 1)
	out := stream(l, 2000, 500*time.Microsecond) // twice as fast
	if l.MaxWait < 49*time.Millisecond || l.MaxWait > 50*time.Millisecond {
		t.Errorf("waited %s at most in a queue of 50 ms", l.MaxWait)
	}
	if len(out) < 1050 || len(out) > 1055 { // of the second, and the queue, and the burst
		t.Errorf("%d packets came out", len(out))
	}
	if out[0] != 0 || out[1] != 500*time.Microsecond || out[len(out)-1]-out[len(out)-2] != time.Millisecond {
		t.Errorf("first %s, last %s", out[:5], out[len(out)-2:])
	}
}

func TestSameSeedSameFate(t *testing.T) {
	s := Distance(0)
	s.Loss, s.Repeat, s.Reorder, s.Jitter, s.Rate = 0.1, 0.1, 0.1, time.Millisecond, 1e6
	run := func(seed uint64) []time.Duration { return stream(newLine(s, seed, 3), 1000, time.Millisecond) }
	if !slices.Equal(run(1), run(1)) {
		t.Error("not deterministic")
	}
	if slices.Equal(run(1), run(2)) {
		t.Error("the seed does not matter")
	}
}

func TestEventsComeInOrder(t *testing.T) {
	var e events
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 1000 {
		e.push(packet{at: time.Duration(rng.IntN(100)), seq: uint64(i)})
	}
	for last := (packet{}); len(e) > 0; {
		p := e.pop()
		if p.at < last.at || p.at == last.at && p.seq < last.seq {
			t.Fatalf("%v after %v", p, last)
		}
		last = p
	}
}
