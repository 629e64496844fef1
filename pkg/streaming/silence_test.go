package streaming_test

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// TestHealedPath: for a while nothing gets through, then everything does. What is
// written all the time arrives again within seconds, whatever the peer has
// closed before.
func TestHealedPath(t *testing.T) {
	for _, outage := range []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 80 * time.Second} {
		for _, halfClosed := range []bool{false, true} {
			w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 300 * ms})
			s, r := opened(t, w, a, b)
			if halfClosed {
				r.conn.CloseWrite()
			}
			drip := func(d time.Duration) {
				for end := w.now.Add(d); w.now.Before(end); {
					s.toSend += 10
					w.idle(100*ms, s)
				}
			}
			drip(10 * time.Second)
			sent := 0
			w.tap = func(*node, *node, []byte) bool { sent++; return false }
			drip(outage)
			w.tap = nil
			if most := 40 + int(outage/time.Second); sent > most {
				t.Errorf("%d packets in %v without an answer", sent, outage)
			}
			before, healed := r.got, w.now
			for r.got == before && w.now.Sub(healed) < time.Minute {
				drip(100 * ms)
			}
			if took := w.now.Sub(healed); took > 4*time.Second || s.closed {
				t.Errorf("outage %v, half closed %v: the next byte after %v, %v", outage, halfClosed, took, s.err)
			}
		}
	}
}

// TestFirstPacketLost: what is known of the path says when to send a SYN again.
func TestFirstPacketLost(t *testing.T) {
	for _, guess := range []time.Duration{0, 5 * ms, 200 * ms, 2 * time.Second} {
		w, a, b := two(t, streaming.Config{PathRTT: func() time.Duration { return guess }}, streaming.Config{}, plain)
		packets := 0
		w.tap = func(*node, *node, []byte) bool { packets++; return packets > 1 }
		begun := w.now
		opened(t, w, a, b)
		want := 9 * time.Second
		if guess > 0 {
			want = 2*guess + 500*ms
		}
		if took := w.now.Sub(begun); took < want || took > want+time.Second {
			t.Errorf("with a round trip of %v: after %v", guess, took)
		}
	}
}
