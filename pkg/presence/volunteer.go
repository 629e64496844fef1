package presence

import (
	"fmt"
	"strings"
	"time"
)

// JudgeEvery is how often a router that may be a floodfill by itself is to look whether it
// can.
const JudgeEvery = time.Minute

// What a router has to give before it becomes a floodfill by itself. The specification asks
// for bandwidth and for being reachable, and leaves the rest to routers (network database,
// "Floodfill Router Opt-in"); these are the figures of Java I2P. The lower ones are those
// below which one gives up, so that a router that has just enough does not come and go.
const (
	upLeast       = 2 * time.Hour
	reachedWithin = time.Hour // somebody has to dial us
	ableFor       = time.Hour // without a break, before it begins
	holdsFor      = 6 * time.Hour
	enough        = 5000 // floodfills that are known: one more is not needed
	classes       = "NOPX"

	routersLeast, routersStay   = 2000, 1000
	sessionsLeast, sessionsStay = 200, 50
	tunnelsLeast                = 250
	lagMost, lagStay            = 25 * time.Millisecond, 100 * time.Millisecond
	lagWeight                   = 1. / 60 // of one look in the average, which goes over about an hour
)

// Capacity is what a router has to give at a moment, as far as floodfills need it.
type Capacity struct {
	Up         time.Duration
	Class      byte          // of bandwidth
	Address    bool          // it publishes one
	Accepted   uint64        // sessions that others have opened, in all
	Lag        time.Duration // how long what comes has waited for the router
	Routers    int           // known
	Floodfills int           // of these
	Sessions   int
	Tunnels    int // of others
}

// Volunteer decides whether a router that may be a floodfill is one. The zero value is
// none. One goroutine uses it.
type Volunteer struct {
	serves   bool
	changed  time.Time // when it last began or gave up
	able     time.Time // since when all that it needs to begin is there; zero: it is not
	accepted uint64
	reached  time.Time // when somebody was last seen to have dialled us
	lag      time.Duration
	why      string
}

// Serves tells whether the router is a floodfill.
func (v *Volunteer) Serves() bool { return v.serves }

// Why says it, in words.
func (v *Volunteer) Why() string { return v.why }

// Judge takes what the router has to give now, and reports whether it begins or ends to be
// a floodfill. It is to be called every JudgeEvery.
func (v *Volunteer) Judge(now time.Time, c Capacity) (changed bool) {
	if c.Accepted > v.accepted {
		v.accepted, v.reached = c.Accepted, now
	}
	v.lag += time.Duration(float64(c.Lag-v.lag) * lagWeight)
	unfit, weak := v.unfit(now, c), v.lacks(c)
	switch {
	case unfit != "": // nobody could use it: it ends at once
		v.able, v.why = time.Time{}, unfit
		return v.becomes(now, false)
	case v.serves && len(weak) > 0 && now.Sub(v.changed) >= holdsFor:
		v.able, v.why = time.Time{}, strings.Join(weak, ", ")
		return v.becomes(now, false)
	case v.serves:
		v.why = fmt.Sprintf("since %s", v.changed.UTC().Format(time.DateTime))
		if len(weak) > 0 {
			v.why += ", though " + strings.Join(weak, ", ")
		}
		return false
	case len(weak) > 0:
		v.able, v.why = time.Time{}, strings.Join(weak, ", ")
		return false
	}
	if v.able.IsZero() {
		v.able = now
	}
	begins := v.able.Add(ableFor)
	if again := v.changed.Add(holdsFor); !v.changed.IsZero() && again.After(begins) {
		begins = again
	}
	if now.Before(begins) {
		v.why = fmt.Sprintf("it has what is needed, and begins in %s if that stays so", begins.Sub(now).Round(time.Minute))
		return false
	}
	v.why = fmt.Sprintf("since %s", now.UTC().Format(time.DateTime))
	return v.becomes(now, true)
}

func (v *Volunteer) becomes(now time.Time, serves bool) (changed bool) {
	if v.serves == serves {
		return false
	}
	v.serves, v.changed = serves, now
	return true
}

// unfit says why a router can be no floodfill at all, or nothing.
func (v *Volunteer) unfit(now time.Time, c Capacity) string {
	switch {
	case !c.Address:
		return "others cannot dial it: it publishes no address"
	case v.reached.IsZero():
		return "nobody has dialled it yet"
	case now.Sub(v.reached) > reachedWithin:
		return fmt.Sprintf("nobody has dialled it for %s", now.Sub(v.reached).Round(time.Minute))
	case !strings.ContainsRune(classes, rune(c.Class)):
		return fmt.Sprintf("its bandwidth class is %c, N or more is needed", c.Class)
	}
	return ""
}

// lacks is what a router has too little of, to begin or to stay.
func (v *Volunteer) lacks(c Capacity) (why []string) {
	least := func(what string, have, begin, stay int) {
		need := begin
		if v.serves {
			need = stay
		}
		if have < need {
			why = append(why, fmt.Sprintf("%d %s of %d", have, what, need))
		}
	}
	lag := lagMost
	if v.serves {
		lag = lagStay
	}
	switch {
	case !v.serves && c.Up < upLeast:
		return []string{fmt.Sprintf("up for %s of %s", c.Up.Round(time.Minute), upLeast)}
	case !v.serves && c.Floodfills >= enough:
		return []string{fmt.Sprintf("there are enough: %d are known", c.Floodfills)}
	case v.lag > lag:
		why = append(why, fmt.Sprintf("what comes waits %s, at most %s are good", v.lag.Round(time.Millisecond), lag))
	}
	least("routers known", c.Routers, routersLeast, routersStay)
	least("sessions", c.Sessions, sessionsLeast, sessionsStay)
	least("tunnels of others", c.Tunnels, tunnelsLeast, 0)
	return why
}
