package session

import (
	"testing"
	"time"

	"net/netip"
)

// TestMarks: a line that marks what comes through a queue is filled as by losses: its sender hears
// of the marks, and has a shorter queue there, at no loss of what the line carries.
func TestMarks(t *testing.T) {
	queue := func(mark float64) (mean time.Duration) {
		// Nobody's round trips tell of a queue of 4 ms: see package recovery.
		w := newWorld(t, 4, scene{rate: 6e6, delay: 5 * ms, queue: 1e5, mark: mark}, nil)
		var sum time.Duration
		n := 0
		w.tap = func(from *node, _ netip.AddrPort, _ []byte) bool {
			if from == w.a {
				sum += max(w.a.free.Sub(w.now), 0)
				n++
			}
			return true
		}
		start := w.now
		b := w.a.bulk(10e6, fixed(1028))
		if !w.run(20*time.Second, b.arrived) {
			t.Fatalf("%d of %d bytes", w.b.bytes, b.bytes)
		}
		took := w.now.Sub(start)
		mean = sum / time.Duration(n)
		t.Logf("marks above %v bytes: %v, mean queue %v, %+v", mark, took, mean, w.a.s.Counts())
		if took > 2500*ms {
			t.Errorf("10 MB took %v", took)
		}
		if told := w.a.s.Counts().MarksTold; (told > 0) != (mark > 0) || (w.b.s.Counts().Marked > 0) != (mark > 0) {
			t.Errorf("%d packets told of marks, %d were marked", told, w.b.s.Counts().Marked)
		}
		w.end()
		return mean
	}
	if without, with := queue(0), queue(9000); with >= without {
		t.Errorf("a mean queue of %v with marks, and of %v without", with, without)
	}
}

// TestMarksEnd: a path that marks everything, both ways, has nobody talk about that for ever. And one
// answer for each round trip is all: the window does not fall to nothing at once.
func TestMarksEnd(t *testing.T) {
	w := newWorld(t, 5, scene{delay: 20 * ms, markAll: true}, nil)
	b := w.a.bulk(1e6, fixed(1028))
	if !w.run(time.Minute, b.arrived) {
		t.Fatalf("%d of %d bytes", w.b.bytes, b.bytes)
	}
	w.run(5*time.Second, nil)
	before := w.a.datagram + w.b.datagram
	w.run(20*time.Second, nil)
	if after := w.a.datagram + w.b.datagram; after > before {
		t.Errorf("%d datagrams, though nobody has anything to say", after-before)
	}
	w.end()
}
