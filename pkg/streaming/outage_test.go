package streaming_test

import (
	"bytes"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// outage begins to send size bytes from s, and loses everything for a while
// when it is under way.
func (w *network) outage(s *side, size int, after, lasts time.Duration) {
	s.toSend, s.finish = size, true
	w.idle(after, s)
	w.tap = func(_, _ *node, _ []byte) bool { return false }
	w.idle(lasts, s)
	w.tap = nil
}

// arrives reports whether all that s sends comes to r within limit.
func (w *network) arrives(limit time.Duration, s, r *side) bool {
	return w.run(limit, sideList(w, s), func() bool { return r.ended }) && bytes.Equal(r.sum.Sum(nil), s.sent.Sum(nil))
}

func TestOutage(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 100 * ms, rate: 1e6, queue: 200 << 10})
	s, r := opened(t, w, a, b)
	w.outage(s, 5<<20, 2*time.Second, 15*time.Second)
	if a.stalled == 0 {
		t.Error("nobody was told to look for another path")
	}
	if !w.arrives(40*time.Second, s, r) {
		t.Errorf("%d bytes; %+v", r.got, s.conn.Stats())
	}
}

// TestRevive: once there is a new path a stalled stream uses it at once,
// however long its timeout has become.
func TestRevive(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 20 * ms, rate: 1e6, queue: 200 << 10})
	s, r := opened(t, w, a, b)
	w.outage(s, 1<<20, 300*time.Millisecond, 30*time.Second)
	before := r.got
	a.mux.Revive(w.now, a.hash) // another's
	w.idle(500*time.Millisecond, s)
	if r.got != before {
		t.Fatal("the stream was not stalled")
	}
	a.mux.Revive(w.now, b.hash)
	if !w.arrives(5*time.Second, s, r) {
		t.Errorf("%d bytes; %+v", r.got, s.conn.Stats())
	}
}

// TestHeardAgain: a sign of life of the peer's ends a long timeout too.
func TestHeardAgain(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{KeepAlive: 35 * time.Second}, link{latency: 20 * ms, rate: 1e6, queue: 200 << 10})
	s, r := opened(t, w, a, b)
	w.outage(s, 1<<20, 300*time.Millisecond, 30*time.Second)
	if !w.arrives(10*time.Second, s, r) {
		t.Errorf("%d bytes; %+v", r.got, s.conn.Stats())
	}
}
