package streaming_test

import (
	"errors"
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

// TestHalfOpen: a peer that lives, and answers keep-alives, but neither sends
// anything nor closes its direction does not hold a stream for ever whose own
// direction has ended. One that is open both ways waits, unless told otherwise.
func TestHalfOpen(t *testing.T) {
	for _, test := range []struct {
		cfg        streaming.Config
		halfClosed bool
		after      time.Duration // 0: never
	}{
		{streaming.Config{}, true, 10 * time.Minute},
		{streaming.Config{HalfOpen: time.Hour}, true, time.Hour},
		{streaming.Config{}, false, 0},
		{streaming.Config{Idle: 20 * time.Minute}, false, 20 * time.Minute},
	} {
		w, a, b := two(t, test.cfg, streaming.Config{}, plain)
		s, r := opened(t, w, a, b)
		r.toSend = 100
		w.idle(5*time.Minute, s)
		s.toSend = 100
		s.finish = test.halfClosed
		began := w.now
		w.run(3*time.Hour, sideList(w, s), func() bool { return s.closed })
		took := w.now.Sub(began)
		switch {
		case test.after == 0:
			if s.closed || r.closed {
				t.Errorf("%+v: closed after %v, %v", test, took, s.err)
			}
		case !errors.Is(s.err, streaming.ErrIdle) || took < test.after || took > test.after+time.Second:
			t.Errorf("%+v: %v after %v", test, s.err, took)
		}
	}
}

// TestQuiet: a peer that sends much, and then nothing, is noticed once; one that
// says little now and then is not.
func TestQuiet(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 200 * ms})
	s, r := opened(t, w, a, b)
	for range 10 {
		s.toSend += 10
		w.idle(10*time.Second, s)
	}
	if b.quiet > 0 {
		t.Errorf("noticed %d pauses of a slow stream", b.quiet)
	}
	for range 50 {
		s.toSend += 10
		w.idle(50*ms, s)
	}
	if b.quiet > 0 {
		t.Error("noticed a pause where there is none")
	}
	w.idle(time.Minute, s)
	if b.quiet != 1 || a.quiet != 0 || r.closed {
		t.Errorf("noticed %d and %d pauses", b.quiet, a.quiet)
	}
}

// TestDoubt: an answer that is late is told of once, long before the stream looks for another path; and none
// where all are in time. With each new path that is offered then, all that may be missing is sent again at once.
func TestDoubt(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 200 * ms})
	s, r := opened(t, w, a, b)
	for range 50 {
		s.toSend += 10
		w.idle(100*ms, s)
	}
	if a.doubts > 0 {
		t.Errorf("%d doubts of a path that works", a.doubts)
	}
	w.tap = func(_, _ *node, _ []byte) bool { return false }
	var at []time.Duration
	for lost := w.now; w.now.Sub(lost) < 2*time.Second; {
		before := a.doubts
		s.toSend += 10
		if w.idle(100*ms, s); a.doubts > before {
			at = append(at, w.now.Sub(lost))
		}
	}
	if len(at) != 1 || at[0] > time.Second {
		t.Errorf("doubts after %v, with a round trip of 0.4 s", at)
	}
	for range 2 { // the first is as bad as the one before
		a.mux.Revive(w.now, b.hash)
		w.idle(100*ms, s)
	}
	w.tap = nil
	a.mux.Revive(w.now, b.hash)
	begun, missing := w.now, r.got
	if w.run(time.Minute, sideList(w, s), func() bool { return r.got >= missing+100 }); w.now.Sub(begun) > 300*ms {
		t.Errorf("what was missing came after %v", w.now.Sub(begun))
	}
}
