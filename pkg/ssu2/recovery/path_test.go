package recovery

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// world is flows over lines in virtual time.
type world struct {
	now    time.Duration
	random *rand.Rand
	events events
	n      uint64
}

type event struct {
	at time.Duration
	n  uint64
	do func()
}

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].n < h[j].n
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(x any)   { *h = append(*h, x.(event)) }
func (h *events) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func newWorld(seed uint64) *world { return &world{now: ms, random: rand.New(rand.NewPCG(seed, 1))} }

func (w *world) at(t time.Duration, f func()) {
	w.n++
	heap.Push(&w.events, event{max(t, w.now), w.n, f})
}

func (w *world) run(span time.Duration) {
	end := w.now + span
	for len(w.events) > 0 && w.events[0].at <= end {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// line is one direction: a bottleneck with a queue, then delay, loss, and reordering.
type line struct {
	w       *world
	rate    float64 // bytes per second; 0 is none
	queue   float64 // bytes
	delay   time.Duration
	loss    float64
	reorder float64
	lag     time.Duration
	cut     bool // nothing passes

	free          time.Duration
	dropped, sent int
	waits         []time.Duration // of every packet
}

func (l *line) pass(size int, arrive func()) {
	w := l.w
	l.sent++
	at := w.now
	if l.rate > 0 {
		wait := max(l.free-w.now, 0)
		if wait.Seconds()*l.rate > l.queue {
			l.dropped++
			return
		}
		l.waits = append(l.waits, wait)
		l.free = w.now + wait + time.Duration(float64(size)/l.rate*1e9)
		at = l.free
	}
	if l.cut || w.random.Float64() < l.loss {
		l.dropped++
		return
	}
	at += l.delay
	if l.reorder > 0 && w.random.Float64() < l.reorder {
		at += time.Duration(w.random.Int64N(int64(l.lag)))
	}
	w.at(at, arrive)
}

func (l *line) medianWait() time.Duration {
	if len(l.waits) == 0 {
		return 0
	}
	s := slices.Clone(l.waits)
	slices.Sort(s)
	return s[len(s)/2]
}

const wire = 1280

// flow is bulk, or as much as backlog says, from a Sender to a Receiver.
type flow struct {
	w           *world
	there, back *line
	snd         *Sender[int]
	rcv         Receiver
	fresh       int // the next piece of data
	again       []int
	got         map[int]bool
	resent      int
	spurious    int
	stopped     bool
	timer       uint64
	ackTimer    uint64
	firstLost   map[int]bool
}

func newFlow(w *world, there, back *line) *flow {
	f := &flow{w: w, there: there, back: back, got: map[int]bool{}, firstLost: map[int]bool{}}
	f.snd = NewSender[int](Config{Datagram: wire - 28}, f)
	f.pump()
	return f
}

func (f *flow) Acked(piece int, _ bool) {
	if f.firstLost[piece] {
		f.spurious++
	}
}
func (f *flow) Lost(piece int) { f.again = append(f.again, piece); f.firstLost[piece] = true }

func (f *flow) next() int {
	if n := len(f.again); n > 0 {
		piece := f.again[0]
		f.again = f.again[1:]
		f.resent++
		delete(f.firstLost, piece)
		return piece
	}
	f.fresh++
	return f.fresh - 1
}

func (f *flow) pump() {
	if d, ok := f.snd.Deadline(); ok && f.w.now >= d {
		f.snd.Expire(f.w.now)
	}
	for !f.stopped && f.snd.Room(f.w.now) > 0 {
		n := f.snd.Next()
		var piece int
		if f.snd.probing.owed > 0 && len(f.again) == 0 {
			f.snd.Each(func(p int) bool { piece = p; return false })
		} else {
			piece = f.next()
		}
		if f.snd.Sent(f.w.now, wire-28, Counted, piece) != nil {
			break
		}
		f.there.pass(wire, func() { f.arrive(n, piece) })
	}
	f.arm()
}

func (f *flow) arm() {
	at, ok := f.snd.Deadline()
	if p, paced := f.snd.Paced(f.w.now); paced && !f.stopped && (!ok || p < at) {
		at, ok = p, true
	}
	f.timer++
	if n := f.timer; ok {
		f.w.at(at, func() {
			if f.timer == n {
				f.pump()
			}
		})
	}
}

func (f *flow) arrive(n uint32, piece int) {
	if !f.rcv.Received(n) {
		return
	}
	f.got[piece] = true
	f.rcv.Elicited(f.w.now, n, false, f.snd.rtt.smoothed)
	f.ackTimer++
	k := f.ackTimer
	if due, ok := f.rcv.Due(); ok {
		f.w.at(due, func() {
			if f.ackTimer == k {
				f.ack()
			}
		})
	}
}

func (f *flow) ack() {
	ranges := f.rcv.Ranges(make([]Range, 0, 64))
	f.rcv.Told()
	through := f.rcv.Through()
	f.back.pass(80, func() {
		if err := f.snd.Acked(f.w.now, ranges); err != nil {
			panic(err)
		}
		f.rcv.Forget(through)
		f.pump()
	})
}

// scene is a path.
type scene struct {
	rate    float64
	trip    time.Duration
	queue   time.Duration // that the bottleneck keeps
	loss    float64
	reorder float64
}

func (s scene) lines(w *world) (there, back *line) {
	there = &line{w: w, rate: s.rate, queue: s.queue.Seconds()*s.rate + wire, delay: s.trip / 2, loss: s.loss, reorder: s.reorder, lag: 10 * ms}
	back = &line{w: w, delay: s.trip / 2, reorder: s.reorder, lag: 10 * ms}
	return there, back
}

// goodput is what a flow got over a span, in bytes per second.
func (w *world) goodput(span time.Duration, flows ...*flow) []float64 {
	before := make([]int, len(flows))
	for i, f := range flows {
		before[i] = len(f.got)
	}
	w.run(span)
	out := make([]float64, len(flows))
	for i, f := range flows {
		out[i] = float64((len(f.got)-before[i])*wire) / span.Seconds()
	}
	return out
}

func TestThroughput(t *testing.T) {
	for _, c := range []struct {
		name string
		scene
		least float64
	}{
		{"10 Mbit/s, 40 ms, deep queue", scene{1.25e6, 40 * ms, time.Second, 0, 0}, 0.75},
		{"10 Mbit/s, 200 ms, deep queue", scene{1.25e6, 200 * ms, time.Second, 0, 0}, 0.75},
		{"10 Mbit/s, 200 ms, short queue", scene{1.25e6, 200 * ms, 20 * ms, 0, 0}, 0.75},
		{"100 Mbit/s, 20 ms", scene{12.5e6, 20 * ms, 20 * ms, 0, 0}, 0.75},
		{"100 Mbit/s, 20 ms, very short queue", scene{12.5e6, 20 * ms, 2 * ms, 0, 0}, 0.75},
		{"100 Mbit/s, 100 ms", scene{12.5e6, 100 * ms, 50 * ms, 0, 0}, 0.75},
		{"400 Mbit/s, 2 ms", scene{50e6, 2 * ms, 10 * ms, 0, 0}, 0.75},
		{"loss of 1 %", scene{1.25e6, 200 * ms, 200 * ms, 0.01, 0}, 0.75},
		{"loss of 1 %, 100 Mbit/s", scene{12.5e6, 100 * ms, 50 * ms, 0.01, 0}, 0.75},
		{"loss of 5 %", scene{1.25e6, 200 * ms, 200 * ms, 0.05, 0}, 0.7},
		{"reordering of 25 %", scene{1.25e6, 40 * ms, 100 * ms, 0, 0.25}, 0.75},
		{"reordering of 25 %, 5 ms", scene{12.5e6, 5 * ms, 20 * ms, 0, 0.25}, 0.75},
		{"loss of 5 %, reordering of 25 %", scene{1.25e6, 200 * ms, 100 * ms, 0.05, 0.25}, 0.7},
	} {
		t.Run(c.name, func(t *testing.T) {
			if raceEnabled && c.rate > 2e6 {
				t.Skip("many packets")
			}
			t.Parallel()
			w := newWorld(1)
			there, back := c.lines(w)
			f := newFlow(w, there, back)
			span := 10 * time.Second
			if c.rate > 2e6 { // as many packets
				span = max(time.Duration(4e7/c.rate*1e9), 20*c.trip)
			}
			w.run(span / 2)
			resent, spurious := f.resent, f.spurious
			there.waits = nil
			got := w.goodput(span, f)[0]
			t.Logf("%.2f of the path, %d resent, %d for nothing, %d dropped, median wait %v, window %d, contested %v, rtt %v", got/c.rate, f.resent-resent, f.spurious-spurious,
				there.dropped, there.medianWait().Round(100*time.Microsecond), f.snd.Window(), f.snd.control.rival.contested, f.snd.RTT())
			if got < c.least*c.rate {
				t.Errorf("%.0f bytes/s, the path has %.0f", got, c.rate)
			}
			if late := f.spurious - spurious; late*50 > f.fresh {
				t.Errorf("%d of %d were repeated for nothing", late, f.fresh)
			}
		})
	}
}

// TestDeepQueue: a queue of seconds is not filled, by one flow or by four.
func TestDeepQueue(t *testing.T) {
	for _, flows := range []int{1, 2, 4} {
		for _, trip := range []time.Duration{20 * ms, 100 * ms, 200 * ms} {
			if raceEnabled && (flows != 2 || trip != 100*ms) {
				continue
			}
			w := newWorld(2)
			there, back := scene{1.25e6, trip, 4 * time.Second, 0, 0}.lines(w)
			var all []*flow
			for range flows {
				all = append(all, newFlow(w, there, back))
				w.run(3 * time.Second)
			}
			w.run(15 * time.Second)
			there.waits = nil
			got := w.goodput(20*time.Second, all...)
			wait := there.medianWait()
			t.Logf("%d flows, %v: wait %v, %.2f bytes/s", flows, trip, wait, got)
			if trip >= 100*ms && wait > trip/2 || wait > 60*ms {
				t.Errorf("%d flows over %v: half of the packets wait %v", flows, trip, wait)
			}
			if sum(got) < 0.75*1.25e6 {
				t.Errorf("%d flows over %v: only %.0f bytes/s", flows, trip, sum(got))
			}
			if slices.Max(got) > 2*slices.Min(got) {
				t.Errorf("%d flows over %v: unfair, %.0f", flows, trip, got)
			}
		}
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
