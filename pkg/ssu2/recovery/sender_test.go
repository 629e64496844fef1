package recovery

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

// ledger is what became of packets.
type ledger struct{ acked, lost map[int]int }

func newLedger() *ledger               { return &ledger{map[int]int{}, map[int]int{}} }
func (l *ledger) Acked(id int, _ bool) { l.acked[id]++ }
func (l *ledger) Lost(id int)          { l.lost[id]++ }

func TestUnsent(t *testing.T) {
	s := NewSender[int](Config{}, newLedger())
	s.Sent(ms, 1000, Counted, 1)
	if err := s.Acked(2*ms, []Range{{0, 1}}); !errors.Is(err, ErrUnsent) {
		t.Fatalf("an acknowledgement of the future: %v", err)
	}
	if s.Flying() != 1000 {
		t.Error("it was taken in part")
	}
}

// TestLate: what arrives after it was taken for lost is not sent again if the caller has
// not done so, and gives the window back.
func TestLate(t *testing.T) {
	l := newLedger()
	s := NewSender[int](Config{RTT: 50 * ms}, l)
	for i := range 10 {
		s.Sent(ms, 1200, Counted, i)
	}
	s.Acked(51*ms, []Range{{4, 9}})
	if len(l.lost) != 4 || s.Flying() != 0 {
		t.Fatalf("lost %v, %d bytes in flight", l.lost, s.Flying())
	}
	s.Acked(60*ms, []Range{{0, 9}})
	if len(l.acked) != 10 || l.acked[0] != 1 {
		t.Errorf("acknowledged %v", l.acked)
	}
	if !s.loss.reordered {
		t.Error("it does not know that this path reorders")
	}
	for i := range 10 {
		s.Sent(100*ms, 1200, Counted, 10+i)
	}
	s.Acked(150*ms, []Range{{18, 19}})
	if len(l.lost) != 4 {
		t.Errorf("and takes %v for lost at once", l.lost)
	}
	d, ok := s.Deadline()
	if !ok || d > 250*ms {
		t.Fatalf("looks for the lost at %v, %v", d, ok)
	}
	s.Expire(d)
	if len(l.lost) != 12 {
		t.Errorf("does not take them for lost at all: %v", l.lost)
	}
}

// TestOutage: a path that was down for two seconds is used again soon after it is back.
func TestOutage(t *testing.T) {
	w := newWorld(5)
	there, back := scene{1.25e6, 60 * ms, 200 * ms, 0, 0}.lines(w)
	f := newFlow(w, there, back)
	w.run(5 * time.Second)
	there.cut = true
	w.run(2 * time.Second)
	if f.snd.Window() > 3*wire {
		t.Errorf("the window is %d after two seconds of silence", f.snd.Window())
	}
	there.cut = false
	if got := w.goodput(2*time.Second, f)[0]; got < 0 {
		t.Errorf("%.0f", got)
	}
	if got := w.goodput(2*time.Second, f)[0]; got < 0.75*1.25e6 {
		t.Errorf("%.0f bytes/s two seconds later", got)
	}
}

// TestChangedPath: a path whose round trip has become longer is not taken for a rival's
// queue for ever.
func TestChangedPath(t *testing.T) {
	w := newWorld(6)
	there, back := scene{1.25e6, 40 * ms, time.Second, 0, 0}.lines(w)
	f := newFlow(w, there, back)
	w.run(5 * time.Second)
	there.delay, back.delay = 60*ms, 60*ms
	w.run(40 * time.Second)
	there.waits = nil
	got := w.goodput(20*time.Second, f)[0]
	if wait := there.medianWait(); wait > 60*ms || got < 0.75*1.25e6 {
		t.Errorf("%.0f bytes/s, a queue of %v", got, wait)
	}
}

// TestBounds: a peer that acknowledges nothing, or everything but the first, makes nothing
// grow without end.
func TestBounds(t *testing.T) {
	s := NewSender[[4]int32](Config{MaxWindow: 1 << 30}, nothing{})
	now := ms
	for range 4 * mostLog {
		now += ms
		if s.Sent(now, 1200, Counted, [4]int32{}) != nil {
			break
		}
	}
	if !s.Full() || s.Room(now) != 0 || s.log.len() != mostLog {
		t.Fatalf("%d packets are kept", s.log.len())
	}
	if size := int(unsafe.Sizeof(s.log.ring[0])) * len(s.log.ring); size > 512<<10 {
		t.Errorf("%d bytes for what is in flight", size)
	}
	quietOnly := NewSender[int](Config{}, newLedger())
	for range 10 * mostLog {
		quietOnly.Sent(now, 50, Quiet, 0)
	}
	if n := len(quietOnly.log.ring); n != leastLog {
		t.Errorf("%d packets are kept that nobody acknowledges", n)
	}
}

type nothing struct{}

func (nothing) Acked([4]int32, bool) {}
func (nothing) Lost([4]int32)        {}

// FuzzAcked: whatever is acknowledged, each packet is told of once, and what is in flight
// is the sum of what is.
func FuzzAcked(f *testing.F) {
	f.Add([]byte{1, 20, 2, 1, 2, 9, 4, 3, 200, 5, 1, 3})
	f.Add([]byte{1, 255, 2, 0, 0, 255, 1, 9, 2, 250, 255, 3, 255, 3, 255, 3, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		l := newLedger()
		s := NewSender[int](Config{First: 3}, l)
		now, sent := ms, 0
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		for len(in) > 0 {
			switch op := next(); op % 4 {
			case 1:
				for range next() {
					s.Sent(now, 1000, Kind(op/4%3), sent)
					sent++
				}
			case 2:
				high := uint32(next()) * uint32(op/4)
				ranges := []Range{{high - min(high, uint32(next())), high}}
				for range op / 16 {
					low := ranges[len(ranges)-1].Low
					gap, n := uint32(next())+1, uint32(next())
					if low < gap+n {
						break
					}
					ranges = append(ranges, Range{low - gap - n, low - gap})
				}
				s.Acked(now, ranges)
			case 3:
				now += time.Duration(next()) * ms
				if d, ok := s.Deadline(); ok && now >= d {
					s.Expire(now)
				}
			}
			bytes, count := 0, 0
			for n := s.log.first; n != s.log.next; n++ {
				if p := s.log.at(n); p.state == flying {
					count++
					if p.kind == Counted {
						bytes += int(p.size)
					}
				}
			}
			if bytes != s.Flying() || count != s.Unacked() {
				t.Fatalf("%d bytes in flight, %d counted", bytes, s.Flying())
			}
			if w := s.Window(); w < 2*1280 || w > 4<<20 {
				t.Fatalf("a window of %d", w)
			}
		}
		for id, n := range l.acked {
			if n > 1 {
				t.Fatalf("%d was acknowledged %d times", id, n)
			}
		}
	})
}

// TestReceiver: the numbers that have come are as in a set, the repetitions are refused,
// and the ranges say what there is.
func TestReceiver(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, spread := range []int{3, 70, 1000, 6000} {
		var r Receiver
		have := map[uint32]bool{}
		largest, base := uint32(0), uint32(10)
		for range 20000 {
			base += uint32(random.IntN(3))
			n := base + uint32(random.IntN(spread))
			old := len(have) > 0 && int(largest)-int(n) >= window
			if got := r.Received(n); got != (!have[n] && !old) {
				t.Fatalf("packet %d is new: %v; known %v, old %v", n, got, have[n], old)
			}
			if !old {
				have[n] = true
				largest = max(largest, n)
			}
		}
		ranges := r.Ranges(make([]Range, 0, 4096))
		if ranges[0].High != largest || r.Through() != largest {
			t.Fatalf("acknowledges through %d, got %d", ranges[0].High, largest)
		}
		n := largest
		for i, x := range ranges {
			if i > 0 && x.High+1 >= ranges[i-1].Low {
				t.Fatalf("ranges %v and %v touch", ranges[i-1], x)
			}
			for ; n > x.High; n-- {
				if have[n] {
					t.Fatalf("%d is left out", n)
				}
			}
			for ; int32(n-x.Low) >= 0; n-- {
				if !have[n] {
					t.Fatalf("%d is acknowledged, and has not come", n)
				}
			}
		}
		r.Forget(largest)
		if told := r.Ranges(make([]Range, 0, 4096)); told[len(told)-1].Low+overlap < largest {
			t.Errorf("still tells of %v, after %d", told[len(told)-1], largest)
		}
		if got := r.Ranges(make([]Range, 0, 2)); len(got) > 2 {
			t.Errorf("%d ranges where there is room for two", len(got))
		}
	}
}

// TestDelays: when acknowledgements are due.
func TestDelays(t *testing.T) {
	const trip = 96 * ms
	for _, c := range []struct {
		name    string
		numbers []uint32
		now     bool // the last one asks for it
		due     time.Duration
	}{
		{"one", []uint32{0}, false, 16 * ms},
		{"two", []uint32{0, 1}, false, ms},
		{"one that asks", []uint32{0}, true, 0},
		{"a gap", []uint32{0, 2}, false, 0},
		{"an older one", []uint32{1, 0}, false, 0},
	} {
		var r Receiver
		for i, n := range c.numbers {
			r.Received(n)
			r.Elicited(time.Second, n, c.now && i == len(c.numbers)-1, trip)
		}
		if due, ok := r.Due(); !ok || due != time.Second+c.due {
			t.Errorf("%s: due %v", c.name, due-time.Second)
		}
		r.Told()
		if _, ok := r.Due(); ok || r.News() {
			t.Errorf("%s: and again", c.name)
		}
	}
}

func BenchmarkAcked(b *testing.B) {
	s := NewSender[[4]int32](Config{Datagram: 1452}, nothing{})
	var r Receiver
	now := ms
	ranges := make([]Range, 0, 64)
	b.ReportAllocs()
	for i := range b.N {
		n := s.Next()
		s.Sent(now, 1452, Counted, [4]int32{})
		r.Received(n)
		r.Elicited(now, n, false, 10*ms)
		if i%4 == 3 {
			now += ms
			s.Acked(now, r.Ranges(ranges[:0]))
			r.Told()
		}
	}
}
