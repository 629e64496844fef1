package streaming_test

import (
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// TestFilledGap: what a gap has held up, more than the receive buffer, comes
// to the application at once. That is no reason to choke.
func TestFilledGap(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 100 * ms, rate: 20e6, queue: 8 << 20})
	w.blank = true
	s, r := opened(t, w, a, b)
	s.toSend, s.finish = 20<<20, true
	missing := 0
	w.tap = func(from, _ *node, payload []byte) bool {
		if from != a || len(payload) < 1000 || peek(t, payload).SequenceNum != 1500 || missing >= 3 {
			return true
		}
		missing++
		return false
	}
	if !w.arrives(time.Minute, s, r) {
		t.Fatalf("%d bytes; %+v", r.got, s.conn.Stats())
	}
	if st := r.conn.Stats(); missing < 3 || st.Chokes > 0 {
		t.Errorf("%d packets were missing, %d chokes", missing, st.Chokes)
	}
}

// TestResetWhileChoked: a peer that has closed its direction, does not read, and goes has not got
// all, though nothing is under way to it.
func TestResetWhileChoked(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	s, r := opened(t, w, a, b)
	r.conn.CloseWrite()
	r.slow = true
	s.toSend, s.finish = 8<<20, true
	stands := func() bool {
		st := s.conn.Stats()
		return s.ended && st.Choked > 0 && st.Queued > 0 && st.InFlight == 0
	}
	if !w.run(time.Minute, sideList(w, s), stands) {
		t.Fatalf("%+v", s.conn.Stats())
	}
	r.conn.Reset()
	if !w.run(time.Second, sideList(w, s), func() bool { return s.closed }) || !errors.Is(s.err, streaming.ErrReset) {
		t.Errorf("closed %v, %v", s.closed, s.err)
	}
}

// TestAfterChoke: a reader that was slow once is not taken for slow for long.
func TestAfterChoke(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 250 * ms, rate: 2e6, queue: 1 << 20})
	w.blank = true
	s, r := opened(t, w, a, b)
	s.toSend = 1 << 40
	w.idle(10*time.Second, s)
	r.slow = true
	w.idle(5*time.Second, s)
	if s.conn.Stats().Choked == 0 {
		t.Fatal("not choked")
	}
	r.slow = false
	w.idle(10*time.Second, s)
	got := r.got
	const lasts = 10 * time.Second
	w.idle(lasts, s)
	if speed := float64(r.got-got) / lasts.Seconds(); speed < 0.75*2e6 {
		t.Errorf("%.2f of 2 MB/s; %+v", speed/1e6, s.conn.Stats())
	}
}
