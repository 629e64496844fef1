package serve

import (
	"testing"
	"time"
)

func nth(i int) key { return key{0: byte(i >> 16), 1: byte(i >> 8), 2: byte(i)} }

func TestLimiterMemory(t *testing.T) {
	c := &clock{testTime}
	l := newLimiter(Limits{PerClient: Rate{4, time.Hour}, Global: Unlimited(), Networks: 1000}, c.Now())
	for i := range 100_000 {
		if v, _ := l.take(c.now, nth(i)); v != granted {
			t.Fatal(i, v)
		}
		if n, _ := l.size(); n > 1000 {
			t.Fatalf("%d networks are remembered, at most 1000 should be", n)
		}
	}
	if _, forgotten := l.size(); forgotten < 98_000 {
		t.Errorf("%d are counted as forgotten", forgotten)
	}
}

// TestLimiterKeepsTheBusy: who goes on asking is not forgotten while others pass by.
func TestLimiterKeepsTheBusy(t *testing.T) {
	c := &clock{testTime}
	l := newLimiter(Limits{PerClient: Rate{20, time.Hour}, Global: Unlimited(), Networks: 1000}, c.Now())
	got := 0
	for i := range 20_000 {
		if i%400 == 0 {
			if v, _ := l.take(c.now, nth(1<<23)); v == granted {
				got++
			}
		}
		l.take(c.now, nth(i))
	}
	if got != 20 {
		t.Errorf("of 50 requests %d got something, 20 should", got)
	}
}

// TestLimiterForgetsInTime: after a quiet time memory is free again, and nobody's limit
// was cut short.
func TestLimiterForgetsInTime(t *testing.T) {
	c := &clock{testTime}
	l := newLimiter(Limits{PerClient: Rate{4, time.Hour}, Global: Unlimited(), Networks: 1000}, c.Now())
	for range 3 {
		for i := range 100 {
			l.take(c.now, nth(i))
		}
		c.now = c.now.Add(time.Hour)
		l.take(c.now, nth(101))
		c.now = c.now.Add(time.Hour)
		l.take(c.now, nth(102))
		if n, forgotten := l.size(); n > 2 || forgotten != 0 {
			t.Errorf("%d are remembered, and %d forgotten too early", n, forgotten)
		}
	}
}

// TestPace compares with a bucket of tokens that is counted in full.
func TestPace(t *testing.T) {
	p, full := newPace(Rate{5, 50 * time.Second}), int64(0)
	tokens, last := 5*int64(10*time.Second), int64(0) // in nanoseconds of refilling
	for i := range int64(5000) {
		now := last + (i*i*7919)%int64(1000)*int64(15*time.Millisecond)
		tokens, last = min(tokens+now-last, 5*int64(10*time.Second)), now
		next, wait := p.next(full, now)
		if (wait == 0) != (tokens >= int64(10*time.Second)) {
			t.Fatalf("step %d: wait %v, with tokens for %v", i, wait, time.Duration(tokens))
		}
		if wait == 0 {
			tokens -= int64(10 * time.Second)
		} else if int64(wait) != int64(10*time.Second)-tokens {
			t.Fatalf("step %d: wait %v, with tokens for %v", i, wait, time.Duration(tokens))
		}
		full = next
	}
}
