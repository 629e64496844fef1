package quota

import (
	"testing"
	"time"
)

// TestCounter: each rate holds by itself, and what is refused counts for none.
func TestCounter(t *testing.T) {
	now := time.Unix(1e9, 0)
	rates := []Rate{{2, time.Minute}, {3, time.Hour}, {4, 24 * time.Hour}, {0, time.Second}}
	var c Counter
	take := func(after time.Duration, ok bool) {
		t.Helper()
		now = now.Add(after)
		if got := c.Take(now, rates); got != ok {
			t.Errorf("at %v: %v", now.UTC(), got)
		}
	}
	if !c.Idle(now, rates) {
		t.Error("what has counted nothing is not idle")
	}
	take(0, true)
	take(0, true)
	for range 3 {
		take(0, false)
	}
	take(time.Minute, true)
	take(time.Minute, false)
	take(time.Hour, true)
	take(time.Hour, false)
	if c.Idle(now.Add(time.Hour), rates) {
		t.Error("it is forgotten before the day is over")
	}
	if !c.Idle(now.Add(24*time.Hour), rates) {
		t.Error("it is never forgotten")
	}
	take(24*time.Hour, true)
}

// TestVisitors: idle ones make room, and are not looked for at each that comes.
func TestVisitors(t *testing.T) {
	now, looked := time.Unix(1e9, 0), 0
	v := Visitors[int, int]{Most: 3}
	of := func(peer int) *int {
		return v.Of(now, peer, func(busy *int) bool { looked++; return *busy == 0 })
	}
	for peer := range 3 {
		*of(peer) = peer
	}
	if of(3) != nil || of(2) == nil || looked > 0 {
		t.Errorf("there is room for a fourth, after looking at %d", looked)
	}
	now = now.Add(sweepEveryFull)
	if of(3) == nil || v.Len() != 3 || looked != 3 {
		t.Errorf("an idle one makes no room: %d of %d", looked, v.Len())
	}
	if of(4) != nil || looked != 3 {
		t.Error("they were looked through once more")
	}
}
