package profile

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func peer(n int) i2p.Hash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return i2p.HashOf(b[:])
}

func TestScoreDecays(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	p := peer(1)
	for range 10 {
		table.BuildExpired(testTime, p, 1)
	}
	score := func(now time.Time) float64 {
		p, _ := table.Get(now, p)
		return p.Score
	}
	before, after := score(testTime), score(testTime.Add(24*time.Hour))
	if before > 0.05 || after < 0.4 {
		t.Fatalf("%.3f, a day later %.3f", before, after)
	}
	if score(testTime) != before {
		t.Fatal("looking changes the score")
	}
}

func TestUnreachableBacksOff(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	p := peer(1)
	table.ConnectFailed(testTime, p)
	if !table.Unreachable(testTime.Add(7*time.Minute), p) || table.Unreachable(testTime.Add(9*time.Minute), p) {
		t.Fatal("one failed dial")
	}
	for range 20 {
		table.ConnectFailed(testTime, p)
	}
	if !table.Unreachable(testTime.Add(119*time.Minute), p) || table.Unreachable(testTime.Add(121*time.Minute), p) {
		t.Fatal("many failed dials")
	}
	if table.Connected(testTime.Add(time.Second), p); table.Unreachable(testTime.Add(2*time.Second), p) || !table.Proven(p) {
		t.Fatal("after a session")
	}
}

func TestResponsive(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	p := peer(1)
	for range 3 {
		table.Queried(testTime, p, false)
	}
	if table.Responsive(testTime, p) {
		t.Fatal("three times silent")
	}
	if table.Queried(testTime, p, true); !table.Responsive(testTime, p) {
		t.Fatal("it has answered since")
	}
}

// TestSilentStart: a floodfill that ignored what it was asked while it started is
// asked again some minutes later, and then like any other; one that is dead only
// once in a while.
func TestSilentStart(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	started, dead := peer(1), peer(2)
	now := testTime
	for range 5 {
		table.Queried(now, started, false)
		now = now.Add(20 * time.Second)
	}
	if table.Responsive(now, started) {
		t.Error("asked on, while it is silent")
	}
	now = now.Add(5 * time.Minute)
	if !table.Responsive(now, started) {
		t.Error("not asked again five minutes later")
	}
	if table.Queried(now, started, true); !table.Responsive(now, started) {
		t.Error("it has answered, and is not asked any more")
	}
	asked := 0
	for end := now.Add(6 * time.Hour); now.Before(end); now = now.Add(time.Minute) {
		if table.Responsive(now, dead) {
			table.Queried(now, dead, false)
			asked++
		}
	}
	if asked > 6*6 {
		t.Errorf("a dead floodfill was asked %d times in six hours", asked)
	}
}

func TestBounded(t *testing.T) {
	table := New(Config{Rand: seeded(1), MaxPeers: 100})
	table.Connected(testTime, peer(0))
	for i := range 10_000 {
		table.BuildExpired(testTime.Add(time.Duration(i)*time.Second), peer(1+i), 3)
	}
	if table.Len() > 100 || !table.Proven(peer(0)) || table.Stats().Evicted == 0 {
		t.Fatalf("%d profiles", table.Len())
	}
}
