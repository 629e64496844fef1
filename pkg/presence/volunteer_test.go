package presence

import (
	"strings"
	"testing"
	"time"
)

// able has all that a floodfill needs.
var able = Capacity{
	Up: 24 * time.Hour, Class: 'X', Address: true, Accepted: 1, Lag: time.Millisecond,
	Routers: 4000, Floodfills: 300, Sessions: 400, Tunnels: 600,
}

// candidate is a volunteer with a clock.
type candidate struct {
	Volunteer
	now time.Time
	is  Capacity
}

// lives lets time pass, in which somebody dials now and then where that is said.
func (c *candidate) lives(d time.Duration, dialled bool) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(JudgeEvery)
		if dialled {
			c.is.Accepted++
		}
		before := c.Serves()
		if changed := c.Judge(c.now, c.is); changed != (before != c.Serves()) {
			panic("Judge does not tell what it does")
		}
	}
}

func newCandidate(is Capacity) *candidate {
	return &candidate{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), is: is}
}

// TestVolunteer: a router that has what is needed begins after an hour; whatever it lacks
// is told, and keeps it from that.
func TestVolunteer(t *testing.T) {
	for _, lack := range []struct {
		change func(*Capacity)
		why    string
	}{
		{func(c *Capacity) { c.Address = false }, "no address"},
		{func(c *Capacity) { c.Class = 'M' }, "class is M"},
		{func(c *Capacity) { c.Up = 10 * time.Minute }, "up for 10m0s of 2h0m0s"},
		{func(c *Capacity) { c.Routers = 1999 }, "1999 routers known of 2000"},
		{func(c *Capacity) { c.Sessions = 12 }, "12 sessions of 200"},
		{func(c *Capacity) { c.Tunnels = 3 }, "3 tunnels of others of 250"},
		{func(c *Capacity) { c.Floodfills = 5000 }, "enough"},
		{func(c *Capacity) { c.Lag = time.Second }, "waits"},
	} {
		is := able
		lack.change(&is)
		c := newCandidate(is)
		c.lives(3*time.Hour, true)
		if c.Serves() || !strings.Contains(c.Why(), lack.why) {
			t.Errorf("%q: serves is %v, because %q", lack.why, c.Serves(), c.Why())
		}
	}
	c := newCandidate(able)
	c.lives(59*time.Minute, true)
	if c.Serves() || !strings.Contains(c.Why(), "begins in") {
		t.Errorf("it begins before an hour, or does not say when: %q", c.Why())
	}
	c.lives(3*time.Minute, true)
	if !c.Serves() || !strings.Contains(c.Why(), "since 2026-03-01 13:0") {
		t.Errorf("it does not begin: %q", c.Why())
	}
}

// TestVolunteerUnreached: whom nobody dials is of no use, whatever it publishes.
func TestVolunteerUnreached(t *testing.T) {
	is := able
	is.Accepted = 0
	c := newCandidate(is)
	if c.lives(5*time.Hour, false); c.Serves() || c.Why() != "nobody has dialled it yet" {
		t.Errorf("%v, because %q", c.Serves(), c.Why())
	}
	if c.lives(2*time.Hour, true); !c.Serves() {
		t.Fatal(c.Why())
	}
	if c.lives(time.Hour, false); !c.Serves() {
		t.Error("it ends before an hour without a visitor")
	}
	if c.lives(5*time.Minute, false); c.Serves() {
		t.Error("it serves though nobody dials it")
	}
}

// TestVolunteerStays: what is a little less, or for a while, ends nothing; what is far less
// does after hours, and then it does not begin soon again.
func TestVolunteerStays(t *testing.T) {
	c := newCandidate(able)
	c.lives(2*time.Hour, true)
	c.is.Routers, c.is.Sessions, c.is.Tunnels, c.is.Lag = 1500, 100, 10, 50*time.Millisecond
	if c.lives(24*time.Hour, true); !c.Serves() {
		t.Errorf("it ends though it has enough to stay: %q", c.Why())
	}
	c = newCandidate(able)
	c.lives(2*time.Hour, true)
	c.is.Sessions = 10
	if c.lives(4*time.Hour, true); !c.Serves() || !strings.Contains(c.Why(), "though 10 sessions of 50") {
		t.Errorf("it ends within six hours: %q", c.Why())
	}
	if c.lives(2*time.Hour, true); c.Serves() {
		t.Error("it stays with a few sessions")
	}
	c.is.Sessions = 400
	if c.lives(5*time.Hour, true); c.Serves() {
		t.Error("it comes back within six hours")
	}
	if c.lives(2*time.Hour, true); !c.Serves() {
		t.Errorf("it does not come back: %q", c.Why())
	}
}
