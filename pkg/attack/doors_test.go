//go:build linux

package attack

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop"
)

// doors is the name of the attacks on the servers for applications.
const doors = "doors"

// How many there are of what the doors are attacked with: sessions, those whose sockets there are, and connections with
// each door that say nothing.
const (
	crowdSessions = 200
	crowdSockets  = 1000
	crowdSilent   = 10_000
)

// doorAttacks are made by a program on the victim's machine.
var doorAttacks = map[string]func(Door) Attack{
	"sessions": func(Door) Attack { return &Sessions{Count: crowdSessions} },
	"sockets":  func(Door) Attack { return &Sessions{Count: crowdSessions, Sockets: crowdSockets, Held: true} },
	"hush":     func(d Door) Attack { return &Hush{Door: d, Count: crowdSilent} },
	"greeted":  func(d Door) Attack { return &Hush{Door: d, Count: crowdSilent, Greet: true} },
	"endless":  func(d Door) Attack { return endless(d) },
	"unread":   func(d Door) Attack { return unread(d) },
}

// atDoors is an attack on some of the doors.
func (l *live) atDoors(name string, at ...Door) Together {
	var all Together
	for _, d := range at {
		all = append(all, &outside{l: l, name: name, door: d})
	}
	return all
}

// gauge is a number that the victim tells of a door.
func (l *live) gauge(ctx context.Context, name string, of Door) int {
	var b bytes.Buffer
	if err := l.Victim.Metrics(ctx, &b); err != nil {
		return 0
	}
	for line := range strings.Lines(b.String()) {
		if v, is := strings.CutPrefix(line, fmt.Sprintf("i2p_door_%s{door=%q} ", name, of)); is {
			n, _ := strconv.Atoi(strings.TrimSpace(v))
			return n
		}
	}
	return 0
}

// maxDoorsMemory is the most that a router may take of which all doors are attacked at the same time, with 200 sessions
// and the sockets of 1,000.
const maxDoorsMemory = 512 << 20

// attackDoors has the doors of one victim attacked in every way, one after the other and together, while programs that
// mean well use them. Sessions and sockets stay until the end.
func attackDoors(t *testing.T, program string, lasts time.Duration) (rows []Row) {
	settings, err := DoorSettings(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := newLive(t, program, settings)
	ctx := t.Context()
	if l.users, err = NewGuest(ctx, l.Scene); err != nil {
		t.Fatal(err)
	}
	l.well("before, at the doors")
	before := l.Measure(ctx, lasts/2, nil)
	var crowd []*Running
	stay := func(name, what string, count int) {
		begun := time.Now()
		crowd = append(crowd, Start(ctx, l.atDoors(name, SAM)))
		err := interop.Await(ctx, 10*time.Minute, name, func(ctx context.Context) error {
			if n := l.gauge(ctx, what, SAM); n < count {
				return fmt.Errorf("%d %s, of %d", n, what, count)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s: %d %s are there after %.1f s", name, count, what, time.Since(begun).Seconds())
		rows = append(rows, Row{Name: fmt.Sprintf("%d %s", count, what), Before: before, During: l.Measure(ctx, lasts, nil), After: newFigures()})
	}
	attack := func(name string, all ...Together) {
		refused := l.refused(nil)
		var a Together
		for _, some := range all {
			a = append(a, some...)
		}
		running := Start(ctx, a)
		rows = append(rows, Row{Name: name, Before: before, During: l.Measure(ctx, lasts, nil), After: newFigures()})
		running.Stop()
		t.Log(name, ": ", running)
		t.Logf("the victim counts: %v", l.refused(refused))
	}
	stay("sessions", "sessions", crowdSessions+1)
	stay("sockets", "connections", 3*crowdSockets)
	for _, d := range Doors {
		attack(fmt.Sprintf("%d silent at %s", crowdSilent, d), l.atDoors("hush", d))
	}
	for _, d := range []Door{SAM, I2CP} {
		attack(fmt.Sprintf("%d greeted at %s", crowdSilent, d), l.atDoors("greeted", d))
	}
	attack("no end of lines", l.atDoors("endless", Doors...))
	attack("answers unread", l.atDoors("unread", Doors...))
	attack("all of these", l.atDoors("hush", Doors...), l.atDoors("endless", Doors...), l.atDoors("unread", Doors...))
	for _, c := range crowd {
		c.Stop()
		t.Log(c)
	}
	last := &rows[len(rows)-1]
	last.Back = l.well("after all of them")
	last.After = l.Measure(ctx, lasts/2, nil)
	for _, row := range rows {
		row.MaxMemory = maxDoorsMemory
		row.checkRates(t, 0.05)
		row.checkTimes(t)
	}
	return rows
}
