package ntcp2

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/kem"
)

func TestClockSkew(t *testing.T) {
	at := func(skew time.Duration) error {
		p := newPair(t, 3, nil)
		m1, err := p.alice.Start(start.Add(skew))
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := p.bob.Handle(start, m1)
		if err != nil && len(out) != 0 {
			t.Fatal("an answer with an error")
		}
		return err
	}
	for _, s := range []time.Duration{60 * time.Second, -60 * time.Second, 0} {
		if err := at(s); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
	for _, s := range []time.Duration{61 * time.Second, -61 * time.Second, 24 * time.Hour} {
		if err := at(s); !errors.Is(err, ErrClockSkew) {
			t.Errorf("%v: error %v, want %v", s, err, ErrClockSkew)
		}
	}
}

// Alice's clock is right, Bob's is wrong: Alice finds out from message 2,
// compensating the round trip.
func TestClockSkewOfBob(t *testing.T) {
	for _, c := range []struct {
		bob, rtt time.Duration
		ok       bool
	}{
		{59 * time.Second, 0, true},
		{-59 * time.Second, 10 * time.Second, true}, // seen as -64 s, is -59 s
		{62 * time.Second, 0, false},
	} {
		p := newPair(t, 4, nil)
		m1, _ := p.alice.Start(start)
		// Bob takes a message 1 of his own time; only his answer's time counts.
		p.bob.Handle(start, m1[:headLen])
		m2, _, err := p.bob.Handle(start.Add(c.bob), m1[headLen:])
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = p.alice.Handle(start.Add(c.rtt), m2)
		want := c.bob - c.rtt/2
		if c.bob == -59*time.Second { // Bob wrote in the middle of the round trip
			p = newPair(t, 4, nil)
			m1, _ = p.alice.Start(start)
			p.bob.Handle(start, m1[:headLen])
			m2, _, _ = p.bob.Handle(start.Add(c.bob+c.rtt/2), m1[headLen:])
			_, _, err = p.alice.Handle(start.Add(c.rtt), m2)
			want = c.bob
		}
		if (err == nil) != c.ok {
			t.Errorf("bob off by %v: error %v", c.bob, err)
		}
		if c.ok {
			if d := p.alice.Result().Skew - want; d.Abs() > time.Second {
				t.Errorf("bob off by %v: skew off by %v", c.bob, d)
			}
		} else if !errors.Is(err, ErrClockSkew) {
			t.Errorf("error %v", err)
		}
	}
}

// TestClockSkewUnread: a Bob who finds message 1 to be of another time answers without its padding; from that Alice takes the time
// and nothing else.
func TestClockSkewUnread(t *testing.T) {
	for _, kind := range []kem.Kind{kem.None, kem.MLKEM512} {
		for _, c := range []struct {
			bob  time.Duration
			want error
		}{
			{time.Hour, ErrClockSkew},
			{-61 * time.Second, ErrClockSkew},
			{0, ErrAuthentication},
		} {
			p := newPair(t, 6, func(p *pair) { p.bobConfig.Hybrid, p.peer.Hybrid = kind, kind })
			m1, err := p.alice.Start(start)
			if err != nil {
				t.Fatal(err)
			}
			// He reads up to the padding at the time that message 1 says, as only then this code goes on to message 2.
			for n := 0; p.bob.state != requestPad; {
				_, used, err := p.bob.Handle(start, m1[n:n+p.bob.Need()])
				if err != nil {
					t.Fatal(err)
				}
				n += used
			}
			m2, err := p.bob.create(start.Add(c.bob), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := p.alice.Handle(start, m2); !errors.Is(err, c.want) {
				t.Errorf("%v, off by %v: error %v, want %v", kind, c.bob, err, c.want)
			}
		}
	}
}

func TestReplay(t *testing.T) {
	p := newPair(t, 5, nil)
	m1, _ := p.alice.Start(start)
	if _, _, err := p.bob.Handle(start, m1); err != nil {
		t.Fatal(err)
	}
	second := NewResponder(p.bobConfig)
	if out, _, err := second.Handle(start.Add(time.Second), m1); !errors.Is(err, ErrReplay) || out != nil {
		t.Fatalf("replay: %d bytes, error %v", len(out), err)
	}
	// Junk does not enter the cache.
	junk := bytes.Clone(m1)
	junk[40] ^= 1
	junk[3] ^= 1
	before := p.replay.Len()
	if _, _, err := NewResponder(p.bobConfig).Handle(start, junk); err == nil {
		t.Fatal("junk was taken")
	}
	if p.replay.Len() != before {
		t.Fatal("junk entered the replay cache")
	}
}

func TestReplayCacheBounds(t *testing.T) {
	c := NewReplayCache(100)
	now := start
	for i := range 1000 {
		if !c.Add(now, [32]byte{byte(i), byte(i >> 8), 1}) {
			t.Fatal("a fresh key counted as seen")
		}
		if c.Len() > 100 {
			t.Fatalf("%d keys held, the limit is 100", c.Len())
		}
	}
	if c.Add(now, [32]byte{byte(999 & 0xff), 999 >> 8, 1}) {
		t.Fatal("the newest key was forgotten")
	}
	c = NewReplayCache(0)
	k := [32]byte{1}
	c.Add(now, k)
	for d := time.Second; d < replayLifetime; d += 10 * time.Second {
		c.Add(now.Add(d), [32]byte{2, byte(d / time.Second)})
		if !c.Seen(k) {
			t.Fatalf("forgotten after %v", d)
		}
	}
	c.Add(now.Add(2*replayLifetime+time.Minute), [32]byte{3})
	c.Add(now.Add(5*replayLifetime), [32]byte{4})
	if c.Seen(k) {
		t.Fatal("kept for ever")
	}
}
