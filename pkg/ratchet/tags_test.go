package ratchet

import (
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
)

// Tag sets of ten messages, thousands of messages both ways, a tenth of them
// lost and the others out of order within a window.
func TestKeyRatchets(t *testing.T) {
	a, b := connected(t, Config{Limits: Limits{RatchetAfter: 10}})
	rng := rand.New(rand.NewPCG(1, 2))
	sent := 0
	for round := range 800 {
		now := start.Add(time.Duration(round) * repeatEvery / 4)
		for _, d := range []struct{ from, to *end }{{a, b}, {b, a}} {
			var ms []Sealed
			for range 1 + rng.IntN(8) {
				m := d.from.seal(now, d.to, "x")
				if m.Kind != ExistingSession {
					t.Fatalf("round %d: sealed as %v", round, m.Kind)
				}
				if rng.IntN(10) > 0 {
					ms = append(ms, m)
				}
			}
			shuffle(rng, ms)
			for _, m := range ms {
				d.to.open(now, m)
			}
			sent += len(ms)
		}
	}
	for _, e := range []*end{a, b} {
		st := e.Stats()
		n := e.roster.peers[map[*end]*end{a: b, b: a}[e].static.Public].current
		if n.out.id < 100 || st.BadNextKeys != 0 || len(n.in) > 4 {
			t.Errorf("tag set %d, %d listening, %d bad keys", n.out.id, len(n.in), st.BadNextKeys)
		}
	}
	if len(a.got)+len(b.got) != sent+4 {
		t.Errorf("%d of %d messages", len(a.got)+len(b.got), sent+4)
	}
}

// A key is not in every message until its answer comes: a fast stream would send hundreds that
// take a third more of their tunnels. The answer is in the first message to whoever asks again.
func TestKeysRepeat(t *testing.T) {
	a, b := connected(t, Config{Limits: Limits{RatchetAfter: 10}})
	const key = 3 + 3 + 32
	keys := func(now time.Time, from, to *end, count int) (with int, last Sealed) {
		plain := tagLen + clovesLen([]i2np.Clove{clove("x")}) + maxPadding + blockHeaderLen + macLen
		for range count {
			if last = from.seal(now, to, "x"); len(last.Body) > plain+key/2 {
				with++
			}
		}
		return with, last
	}
	now := start.Add(time.Second)
	for i, want := range []int{1, 0, 0, 0, 1, 0} {
		if got, _ := keys(now.Add(time.Duration(i)*repeatEvery/4), a, b, 10-8*min(i, 1)); got != want {
			t.Errorf("%d messages with a key after %v, want %d", got, time.Duration(i)*repeatEvery/4, want)
		}
	}
	now = now.Add(2 * repeatEvery)
	asks := func() {
		t.Helper()
		got, m := keys(now, a, b, 1)
		if got != 1 {
			t.Fatal("no key is asked for again")
		}
		b.open(now, m)
	}
	asks()
	if got, _ := keys(now, b, a, 4); got != 1 {
		t.Errorf("%d answers to the first question", got)
	}
	now = now.Add(repeatEvery)
	if got, _ := keys(now, b, a, 1); got != 1 {
		t.Errorf("%d answers repeated", got)
	}
	asks()
	if got, _ := keys(now, b, a, 4); got != 1 {
		t.Errorf("%d answers to the second question", got)
	}
}

// When no answer comes the old tag set goes on to its end, and then a new
// session begins.
func TestTagSetRunsOut(t *testing.T) {
	a, b := connected(t, Config{})
	n := 0
	var m Sealed
	for m = a.seal(start, b, "x"); m.Kind == ExistingSession; m = a.seal(start, b, "x") {
		b.open(start, m)
		n++
		if a.acks != nil {
			a.acks = nil
		}
	}
	if n != maxIndex || m.Kind != NewSession {
		t.Fatalf("%d messages, then %v", n, m.Kind)
	}
	b.open(start, m)
	say(start, b, a, "reply", NewSessionReply)
	say(start, a, b, "data", ExistingSession)
}

func TestTagLimit(t *testing.T) {
	b := newEnd(t, 1, Config{Limits: Limits{Tags: 200}})
	for i := range byte(40) {
		c := newEnd(t, 10+i, Config{})
		b.open(start, c.seal(start, b, "x"))
		c.open(start, b.seal(start, c, "y"))
		b.open(start, c.seal(start, b, "z"))
		if st := b.Stats(); st.Tags > 200 {
			t.Fatalf("%d tags", st.Tags)
		}
	}
}

// TestGreedySessions: sessions whose peers pass over as many messages as they can give way to each other, and not the
// ones of all others, though these are idle; and what is counted for a session is what is kept for it.
func TestGreedySessions(t *testing.T) {
	b := newEnd(t, 1, Config{Limits: Limits{Tags: 60_000}})
	seed := byte(10)
	begin := func() *end {
		c := newEnd(t, seed, Config{})
		seed++
		b.open(start, c.seal(start, b, "x"))
		c.open(start, b.seal(start, c, "y"))
		b.open(start, c.seal(start, b, "z"))
		return c
	}
	var honest []*end
	for range 20 {
		honest = append(honest, begin())
	}
	for range 12 {
		c := begin()
		to := c.roster.peers[b.static.Public].current
		for _, n := range []int{64, 256, 832, 2560, 4608} {
			for to.out.nextTagN < n {
				to.out.next()
			}
			m := c.seal(start, b, "far ahead")
			if steps := b.Steps(m.Body); steps < n/3 {
				t.Errorf("message %d passes over %d", n, steps)
			}
			b.open(start, m)
		}
	}
	kept := 0
	for _, p := range b.roster.peers {
		for _, n := range p.sessions {
			kept += n.kept()
		}
	}
	if st := b.Stats(); st.Tags > 60_000 || st.Tags != kept || st.Evicted == 0 {
		t.Errorf("%d tags and keys, %d by session; %d sessions have given way", st.Tags, kept, st.Evicted)
	}
	for i, c := range honest {
		if !b.standing(start, c) {
			t.Errorf("session %d has given way", i)
			continue
		}
		b.open(start, c.seal(start, b, "still there"))
	}
}
