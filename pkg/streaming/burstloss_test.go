package streaming_test

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// TestBurstLost: a hop that drops what waits in it once is answered once,
// though what it has dropped is found little by little.
func TestBurstLost(t *testing.T) {
	w := newNetwork(t, 1)
	w.blank = true
	a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
	there := farHops(1)
	w.connect(a, b, there, farHops(1))
	s, r := opened(t, w, a, b)
	s.toSend = 1 << 40
	w.run(time.Minute, sideList(w, s), func() bool { return s.conn.Stats().InFlight > 1000 })
	n, since := 0, w.now
	w.tap = func(from, _ *node, payload []byte) bool {
		if from == a && len(payload) > 1000 {
			n++
		}
		return n%10 == 0 || w.now.Sub(since) > 600*ms
	}
	got := r.got
	const lasts = 6 * time.Second
	w.idle(lasts, s)
	speed := float64(r.got-got) / lasts.Seconds()
	t.Logf("%.2f MB/s, %+v", speed/1e6, s.conn.Stats())
	if speed < 1.1e6 {
		t.Errorf("%.2f MB/s", speed/1e6)
	}
}
