package profile

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
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
	if table.Reached(testTime.Add(time.Second), p, 7); table.Unreachable(testTime.Add(2*time.Second), p) {
		t.Fatal("after a session")
	}
	table.ConnectFailed(testTime.Add(2*time.Second), p)
	if table.Returned(testTime.Add(3*time.Second), p); table.Unreachable(testTime.Add(4*time.Second), p) {
		t.Fatal("it has come from where it is to be dialled")
	}
	if table.Returned(testTime, peer(2)); table.Len() != 1 {
		t.Fatal("whoever comes gets a profile")
	}
}

// TestProven: it takes that we reached the router where it says it is, and that it
// served; and a restart changes nothing about that.
func TestProven(t *testing.T) {
	here, there := origin.Host(7), origin.Host(8)
	for name, c := range map[string]struct {
		do   func(*Table, i2p.Hash)
		want bool
	}{
		"nothing":           {func(*Table, i2p.Hash) {}, false},
		"reached":           {func(t *Table, p i2p.Hash) { t.Reached(testTime, p, here) }, false},
		"served":            {func(t *Table, p i2p.Hash) { t.BuildAccepted(testTime, p, time.Second) }, false},
		"both":              {func(t *Table, p i2p.Hash) { t.Reached(testTime, p, here); t.Queried(testTime, p, true) }, true},
		"silent":            {func(t *Table, p i2p.Hash) { t.Reached(testTime, p, here); t.Queried(testTime, p, false) }, false},
		"elsewhere":         {func(t *Table, p i2p.Hash) { t.Reached(testTime, p, there); t.Queried(testTime, p, true) }, false},
		"came by itself":    {func(t *Table, p i2p.Hash) { t.Queried(testTime, p, true); t.Returned(testTime, p) }, false},
		"nobody knew where": {func(t *Table, p i2p.Hash) { t.Reached(testTime, p, 0); t.Queried(testTime, p, true) }, false},
	} {
		table := New(Config{Rand: seeded(1)})
		c.do(table, peer(1))
		again, _, err := Parse(Config{}, table.AppendTo(nil, testTime), testTime)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []*Table{table, again} {
			if got := table.Proven(&Summary{Hash: peer(1), Hosts: [3]origin.Host{1, here}}); got != c.want {
				t.Errorf("%s: proven %v", name, got)
			}
		}
	}
}

// TestProvenStay: what is new pushes out nobody that has served us.
func TestProvenStay(t *testing.T) {
	table := New(Config{Rand: seeded(1), MaxPeers: 100})
	for i := range 97 {
		table.Reached(testTime, peer(i), 7)
		table.Queried(testTime, peer(i), true)
	}
	for i := range 1000 {
		now := testTime.Add(time.Duration(i) * time.Minute)
		table.ConnectFailed(now, peer(1000+i))
		table.Queried(now, peer(2000+i), true) // as somebody on the way may answer for it
		table.Reached(now, peer(3000+i), 9)
	}
	for i := range 97 {
		if _, known := table.Get(testTime, peer(i)); !known {
			t.Fatalf("%d of those that served are forgotten", i)
		}
	}
	if table.Len() > 100 {
		t.Fatalf("%d profiles", table.Len())
	}
}

// TestGoneMakeRoom: those proven once that are gone are forgotten in the end, so that
// others can be known.
func TestGoneMakeRoom(t *testing.T) {
	table := New(Config{Rand: seeded(1), MaxPeers: 100})
	for i := range 100 {
		table.Reached(testTime, peer(i), 7)
		table.Queried(testTime, peer(i), true)
	}
	later := testTime.Add(8 * 24 * time.Hour)
	for i := range 50 {
		table.Queried(later, peer(1000+i), true)
	}
	for i := range 50 {
		if !table.Served(peer(1000 + i)) {
			t.Fatalf("%d of those that are there are forgotten", i)
		}
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
	table.Reached(testTime, peer(0), 7)
	table.Queried(testTime, peer(0), true)
	for i := range 10_000 {
		table.BuildExpired(testTime.Add(time.Duration(i)*time.Second), peer(1+i), 3)
	}
	if table.Len() > 100 || !table.Served(peer(0)) || table.Stats().Evicted == 0 {
		t.Fatalf("%d profiles", table.Len())
	}
}
