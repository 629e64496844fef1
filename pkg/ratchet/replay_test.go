package ratchet

import (
	"encoding/binary"
	"testing"
	"time"
)

// TestNearlyFull: where half of what can be remembered is taken, no date is accepted any more
// that is farther ahead than clocks may be, for it would have to be remembered for longer.
func TestNearlyFull(t *testing.T) {
	r := newReplays(10, true)
	for n := range uint64(8) {
		for ahead, want := range map[time.Duration]bool{0: true, leastSkew: true, maxFuture: n <= 5} {
			if got := r.accepts(start, start.Add(ahead)); got != want {
				t.Errorf("%d of 10 remembered, a date %v ahead: accepted %v", n, ahead, got)
			}
		}
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], n+1)
		if !r.add(start, key, start) {
			t.Fatal("there is no room")
		}
	}
}

// TestReplaysUnderFlood: well-made messages come for half an hour, several times as many as
// are remembered in seven minutes, dated as far ahead as is accepted. Those whose clock is right
// are let in all the time, and none that was let in could be again.
func TestReplaysUnderFlood(t *testing.T) {
	const limit, perSecond, lasts = 9000, 40, 30 * time.Minute
	type message struct {
		key  [32]byte
		date time.Time
	}
	r, now, serial := newReplays(limit, true), start, uint64(0)
	next := func(date time.Time) (m message) {
		serial++
		binary.LittleEndian.PutUint64(m.key[:], serial*0x9e3779b97f4a7c15)
		m.date = date
		return m
	}
	var in []message
	enters := func(m message) bool {
		if r.seen(m.key) || !r.accepts(now, m.date) || !r.add(now, m.key, m.date) {
			return false
		}
		in = append(in, m)
		return true
	}
	refused := 0
	for end := now.Add(lasts); now.Before(end); now = now.Add(time.Second) {
		for range perSecond {
			if !enters(next(now.Add(maxFuture))) {
				enters(next(now.Add(leastSkew)))
			}
		}
		if !enters(next(now)) || !enters(next(now.Add(-leastSkew+2*time.Second))) {
			refused++
		}
		if r.size > limit {
			t.Fatalf("%d are remembered, at most %d", r.size, limit)
		}
		for i := 0; i < len(in); i += 97 {
			if m := in[i]; r.accepts(now, m.date) && !r.seen(m.key) {
				t.Fatalf("one of %v ago can be replayed", now.Sub(m.date))
			}
		}
	}
	t.Logf("refused in %d seconds of %v; %d are remembered", refused, lasts, r.size)
	if refused > 0 {
		t.Errorf("honest ones were refused in %d seconds of %v", refused, lasts)
	}
	for now = now.Add(maxPast + maxFuture + ageSpan); r.size > 1; now = now.Add(time.Second) {
		if !enters(next(now)) {
			t.Fatal("refused after the flood")
		}
		if len(r.ages) < 2 {
			break
		}
	}
	if r.size > 10 || !r.accepts(now, now.Add(maxFuture)) || !r.accepts(now, now.Add(-maxPast)) {
		t.Errorf("%d are remembered after the flood, or dates are refused", r.size)
	}
}
