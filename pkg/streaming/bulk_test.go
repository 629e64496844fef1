package streaming_test

import (
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// pingPong exchanges n small messages, one after the other.
func pingPong(t *testing.T, w *network, s, r *side, n int) {
	t.Helper()
	for range n {
		want, back := r.got+100, s.got+100
		s.toSend = 100
		if !w.run(time.Minute, sideList(w, s), func() bool { return r.got == want }) {
			t.Fatal("no question")
		}
		r.toSend = 100
		if !w.run(time.Minute, sideList(w, s), func() bool { return s.got == back }) {
			t.Fatal("no answer")
		}
	}
}

// TestBulkAfterSmall: the small packets of a conversation say nothing about
// what the path carries.
func TestBulkAfterSmall(t *testing.T) {
	long(t)
	for _, trip := range []time.Duration{4 * ms, 100 * ms, 500 * ms} {
		for _, small := range []int{0, 1, 3, 7, 30} {
			t.Run(fmt.Sprintf("%v, %d before", trip, small), func(t *testing.T) {
				t.Parallel()
				w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: trip / 2, rate: 2e6, queue: 1 << 20})
				w.blank = true
				s, r := opened(t, w, a, b)
				pingPong(t, w, s, r, small)
				start, had := w.now, r.got
				s.toSend, s.finish = 20<<20, true
				if !w.arrives(time.Minute, s, r) {
					t.Fatalf("%d bytes; %+v", r.got, s.conn.Stats())
				}
				speed := float64(r.got-had) / r.doneAt.Sub(start).Seconds()
				t.Logf("%.2f of 2 MB/s, rtt %v min %v", speed/1e6, s.conn.Stats().RTT, s.conn.Stats().MinRTT)
				if speed < 0.75*2e6 {
					t.Errorf("%.2f MB/s", speed/1e6)
				}
			})
		}
	}
}

// TestAfterPause: what was known of a path is still known after a pause, and
// after small talk.
func TestAfterPause(t *testing.T) {
	for _, talk := range []int{0, 30} {
		w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 250 * ms, rate: 1e6, queue: 1 << 20})
		w.blank = true
		s, r := opened(t, w, a, b)
		s.toSend = 10 << 20
		if !w.run(time.Minute, sideList(w, s), func() bool { return r.got == 10<<20 }) {
			t.Fatal("nothing arrives")
		}
		w.idle(2*time.Minute, s)
		pingPong(t, w, s, r, talk)
		start, had := w.now, r.got
		s.toSend = 4 << 20
		w.run(time.Minute, sideList(w, s), func() bool { return r.got == had+4<<20 })
		speed := float64(r.got-had) / w.now.Sub(start).Seconds()
		t.Logf("%.2f of 1 MB/s after a pause", speed/1e6)
		if speed < 0.8e6 {
			t.Errorf("%.2f MB/s", speed/1e6)
		}
	}
}
