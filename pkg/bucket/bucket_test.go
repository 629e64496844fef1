package bucket

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	var b Bucket
	now := time.Unix(1e9, 0)
	taken := func(of int) (n int) {
		for range of {
			if b.Take(now, 1, 10, 30) {
				n++
			}
		}
		return n
	}
	if !b.Full(now, 10, 30) {
		t.Error("a new bucket is not full")
	}
	if n := taken(100); n != 30 {
		t.Errorf("%d of a burst of 100 passed, want 30", n)
	}
	now = now.Add(time.Second)
	if n := taken(100); n != 10 {
		t.Errorf("%d passed a second later, want 10", n)
	}
	now = now.Add(-time.Hour)
	if n := taken(100); n != 0 {
		t.Errorf("%d passed when the clock was set back", n)
	}
	now = now.Add(time.Hour + 2999*time.Millisecond)
	if b.Full(now, 10, 30) {
		t.Error("full before its time")
	}
	if now = now.Add(time.Millisecond); !b.Full(now, 10, 30) {
		t.Error("not full at its time")
	}
	now = now.Add(time.Hour)
	if b.Take(now, 31, 10, 30) || !b.Take(now, 30, 10, 30) || b.Take(now, 1, 10, 30) {
		t.Error("what is taken at once is not counted")
	}
}
