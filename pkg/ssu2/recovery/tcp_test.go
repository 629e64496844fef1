package recovery

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"
)

// tcp is bulk over TCP as systems have it: CUBIC (RFC 9438) with SACK, fast retransmit
// after three later segments, and slow start that ends where round trips become longer
// (RFC 9406).
type tcp struct {
	w           *world
	there, back *line
	window      float64 // segments
	threshold   float64
	most, k     float64
	epoch       time.Duration
	reno        float64
	sent        map[int]time.Duration
	order       []int // in which they were sent
	next        int
	again       []int
	highest     int // acknowledged
	recover     int // what was sent before is answered
	minRTT, rtt time.Duration
	round       struct {
		end, n   int
		min, was time.Duration
	}
	got   map[int]bool
	timer uint64
}

func newTCP(w *world, there, back *line) *tcp {
	f := &tcp{w: w, there: there, back: back, window: 10, threshold: math.Inf(1), sent: map[int]time.Duration{}, got: map[int]bool{}, highest: -1, rtt: time.Second}
	f.pump()
	return f
}

func (f *tcp) pump() {
	for float64(len(f.sent)) < f.window {
		n := f.next
		if len(f.again) > 0 {
			n, f.again = f.again[0], f.again[1:]
		} else {
			f.next++
		}
		f.sent[n] = f.w.now
		f.order = append(f.order, n)
		f.there.pass(wire, func() {
			f.got[n] = true
			f.back.pass(60, func() { f.acked(n) })
		})
	}
	f.timer++
	k := f.timer
	f.w.at(f.w.now+max(2*f.rtt, 200*ms), func() {
		if k == f.timer {
			f.threshold = max(f.window*0.7, 2)
			f.window, f.epoch = 1, 0
			f.again = append(f.again, slices.Sorted(maps.Keys(f.sent))...)
			clear(f.sent)
			f.order = nil
			f.pump()
		}
	})
}

func (f *tcp) acked(n int) {
	at, ok := f.sent[n]
	if !ok {
		return
	}
	delete(f.sent, n)
	trip := f.w.now - at
	if f.rtt == time.Second {
		f.rtt = trip
	}
	f.rtt += (trip - f.rtt) / 8
	if f.minRTT == 0 || trip < f.minRTT {
		f.minRTT = trip
	}
	if n >= f.round.end {
		f.round.was, f.round.min, f.round.n, f.round.end = f.round.min, 0, 0, f.next
	}
	if f.round.n++; f.round.min == 0 || trip < f.round.min {
		f.round.min = trip
	}
	if f.window < f.threshold && f.round.n >= 8 && f.round.was > 0 && f.round.min > f.round.was+min(max(f.round.was/8, 4*ms), 16*ms) {
		f.threshold = f.window
	}
	f.grow()
	f.highest = max(f.highest, n)
	for ; len(f.order) > 0 && (f.sent[f.order[0]] == 0 || f.order[0] < f.highest-3 && f.sent[f.order[0]] < at); f.order = f.order[1:] {
		m := f.order[0]
		if f.sent[m] == 0 {
			continue
		}
		delete(f.sent, m)
		f.again = append(f.again, m)
		if m >= f.recover {
			f.recover = f.next
			f.most, f.epoch = f.window, 0
			f.window = max(f.window*0.7, 2)
			f.threshold = f.window
		}
	}
	f.pump()
}

func (f *tcp) grow() {
	if f.window < f.threshold {
		f.window++
		return
	}
	if f.epoch == 0 {
		f.epoch, f.reno = f.w.now, f.window
		f.most = max(f.most, f.window)
		f.k = math.Cbrt((f.most - f.window) / 0.4)
	}
	f.reno += 0.53 / f.window
	t := (f.w.now - f.epoch + f.minRTT).Seconds() - f.k
	target := f.most + 0.4*t*t*t
	f.window = max(f.window+min(max(target-f.window, 0), f.window/2)/f.window, f.reno)
}

// share is what two flows get, the one that comes first and the other.
func share(c scene, first, second func(w *world, there, back *line) func() int) (a, b float64) {
	w := newWorld(3)
	there, back := c.lines(w)
	x := first(w, there, back)
	w.run(5 * time.Second)
	y := second(w, there, back)
	w.run(10 * time.Second)
	x0, y0 := x(), y()
	const span = 30 * time.Second
	w.run(span)
	return float64((x()-x0)*wire) / span.Seconds(), float64((y()-y0)*wire) / span.Seconds()
}

// TestBesideTCP: beside a TCP we have no more than twice what it has, and no less than half
// of what another TCP would have in our place: who comes late to a deep queue has little in
// any case.
func TestBesideTCP(t *testing.T) {
	ours := func(w *world, there, back *line) func() int {
		f := newFlow(w, there, back)
		return func() int { return len(f.got) }
	}
	theirs := func(w *world, there, back *line) func() int {
		f := newTCP(w, there, back)
		return func() int { return len(f.got) }
	}
	for _, c := range []scene{
		{rate: 1.25e6, trip: 40 * ms, queue: 40 * ms},
		{rate: 1.25e6, trip: 40 * ms, queue: 500 * ms},
		{rate: 1.25e6, trip: 100 * ms, queue: 100 * ms},
		{rate: 2.5e6, trip: 50 * ms, queue: 50 * ms},
		{rate: 2.5e6, trip: 50 * ms, queue: 10 * ms},
	} {
		if raceEnabled && c.queue != 40*ms {
			continue
		}
		early, late := share(c, theirs, theirs)
		a, b := share(c, ours, theirs)
		y, x := share(c, theirs, ours)
		t.Logf("%v over %v, queue of %v: first %.2f and %.2f, then %.2f and %.2f; two TCP %.2f and %.2f", c.rate, c.trip, c.queue,
			a/c.rate, b/c.rate, x/c.rate, y/c.rate, early/c.rate, late/c.rate)
		if a > 2*b || a < min(b, early)/2 || x > 2*y || x < min(y, late)/2 || a+b < 0.75*c.rate || x+y < 0.75*c.rate {
			t.Errorf("the path has %.0f: ours first %.0f and %.0f, ours late %.0f and %.0f", c.rate, a, b, x, y)
		}
	}
}
