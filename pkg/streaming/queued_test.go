package streaming_test

import (
	"testing"

	"i2ptoolkit/pkg/streaming"
)

// TestQueueGoes: round trips that become shorter while a queue goes do not
// tell that there is more to find.
func TestQueueGoes(t *testing.T) {
	sc := scene{trip: 500 * ms, rate: 1e6, queue: 4 << 20}
	w := newNetwork(t, 1)
	w.blank = true
	a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
	h := sc.hop()
	there, back := sc.links(h)
	w.connect(a, b, there, back)
	s, _ := opened(t, w, a, b)
	s.toSend = 1 << 40
	most := 0
	for i := range 100 {
		h.rate = []float64{0.4e6, 0.4e6, 0.4e6, 0.6e6, 1e6, 1e6, 0.5e6, 0.5e6, 1e6, 1e6}[i/10]
		w.idle(100*ms, s)
		most = max(most, s.conn.Stats().InFlight)
	}
	product := 1000000 / 2 / 1900
	t.Logf("%d packets in flight at most, %d fill the path", most, product)
	if most > 5*product/2 {
		t.Errorf("%d packets in flight", most)
	}
}
