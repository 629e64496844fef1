package streaming_test

import (
	"bytes"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// path is a test's link and what a transfer over it must achieve.
type path struct {
	name  string
	there link
	back  link
	bytes int
	want  float64 // bytes a second of payload
}

func paths() []path {
	ms := time.Millisecond
	return []path{
		{"loopback", link{rate: 16e6, queue: 1 << 20, latency: 2 * ms}, link{rate: 16e6, queue: 1 << 20, latency: 2 * ms}, 20 << 20, 13e6},
		{"loopback, small queue", link{rate: 16e6, queue: 100 << 10, latency: 3 * ms}, link{latency: 3 * ms}, 20 << 20, 12e6},
		{"near", link{rate: 4e6, queue: 400 << 10, latency: 50 * ms}, link{latency: 50 * ms}, 20 << 20, 3e6},
		{"real network, loss 1.5 %", link{rate: 1e6, queue: 300 << 10, latency: 250 * ms, loss: 0.015}, link{latency: 250 * ms, loss: 0.015}, 10 << 20, 0.6e6},
		{"200 ms, no bottleneck but 8 MB/s", link{rate: 8e6, queue: 2 << 20, latency: 100 * ms}, link{latency: 100 * ms}, 20 << 20, 4.8e6},
		{"reordering and duplicates", link{rate: 2e6, queue: 300 << 10, latency: 80 * ms, jitter: 20 * ms, dup: 0.01, loss: 0.002}, link{latency: 80 * ms, jitter: 20 * ms, dup: 0.01}, 10 << 20, 1.2e6},
		{"slow", link{rate: 60e3, queue: 60 << 10, latency: 300 * ms, loss: 0.01}, link{latency: 300 * ms, loss: 0.01}, 1 << 20, 40e3},
		{"awful", link{rate: 200e3, queue: 50 << 10, latency: 500 * ms, jitter: 100 * ms, loss: 0.1, dup: 0.05}, link{latency: 500 * ms, loss: 0.1}, 1 << 20, 20e3},
	}
}

func TestTransfer(t *testing.T) {
	for _, p := range paths() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newNetwork(t, 1)
			a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
			w.connect(a, b, p.there, p.back)
			s := w.dial(a, b, streaming.OpenOptions{Port: 80})
			s.toSend, s.finish = p.bytes, true
			start := w.now
			ended := func() bool { return len(b.accepted) == 1 && b.accepted[0].ended }
			if !w.run(10*time.Minute, sideList(w, s), ended) {
				t.Fatalf("not done; sender %+v", s.conn.Stats())
			}
			r := b.accepted[0]
			if r.got != p.bytes || !bytes.Equal(r.sum.Sum(nil), s.sent.Sum(nil)) {
				t.Fatalf("%d bytes arrived, not the %d sent", r.got, p.bytes)
			}
			took := r.doneAt.Sub(start)
			speed := float64(p.bytes) / took.Seconds()
			st := s.conn.Stats()
			t.Logf("%.2f MB/s in %v; resent %d of %d packets, %d timeouts, rtt %v min %v, window %d, acks %d; link dropped %d",
				speed/1e6, took.Round(time.Millisecond), st.Resent, st.PacketsOut, st.Timeouts, st.RTT.Round(time.Millisecond/10), st.MinRTT, st.Window, r.conn.Stats().PacketsOut, w.links[pair{a.hash, b.hash}].dropped)
			if speed < p.want {
				t.Errorf("%.3f MB/s, want %.3f", speed/1e6, p.want/1e6)
			}
		})
	}
}
