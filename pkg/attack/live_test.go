//go:build linux

package attack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// named makes an attack, or all of them.
func (l *live) named(name string) (Attack, error) {
	var out Together
	for _, a := range attacks {
		if a.name != name && (name != allTogether || !a.together) {
			continue
		}
		if a.make == nil {
			out = append(out, l.marker())
		} else {
			out = append(out, &outside{l: l, name: a.name})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no attack is called %q", name)
	}
	return out, nil
}

// allTogether is the name of all attacks at the same time.
const allTogether = "all"

// live is a network with a victim, those who measure it, and what the attackers have.
type live struct {
	t *testing.T
	*Scene
	*Prober
	floodfill *Floodfill
}

// newLive starts one, which ends with the test; the victim has a file of settings, unless it is empty, and is given
// further arguments.
func newLive(t *testing.T, program, settings string, more ...string) *live {
	t.Helper()
	g, err := newGround()
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	serving := make(chan error, 1)
	l.floodfill, err = NewFloodfill(network{g.hostile}, netip.AddrPortFrom(hostileAt, 18000))
	if err != nil {
		t.Fatal(err)
	}
	go func() { serving <- l.floodfill.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-serving, g.close()); err != nil {
			t.Error(err)
		}
	})
	l.Scene, err = NewScene(t.Context(), g, SceneConfig{
		Program: program, Dir: t.TempDir(), Honest: 8, Floodfills: 4, Known: []*routerinfo.RouterInfo{l.floodfill.Info}, Settings: settings,
	})
	t.Cleanup(l.Scene.Close)
	if err == nil {
		err = l.NewVictim(t.Context(), more...)
	}
	if err == nil {
		l.Prober, err = NewProber(t.Context(), l.Scene)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Prober.Close)
	l.well("before")
	return l
}

// refused is what the victim has not taken since before.
func (l *live) refused(before map[string]uint64) map[string]uint64 {
	l.t.Helper()
	now, err := l.Victim.Refusals(l.t.Context())
	if err != nil {
		l.t.Error(err)
	}
	for name, n := range now {
		if now[name] -= before[name]; n == before[name] {
			delete(now, name)
		}
	}
	return now
}

// wellWithin is how soon all is to be well again, after an attack and after a restart.
const wellWithin = time.Minute

// well waits until all is well.
func (l *live) well(when string) time.Duration {
	l.t.Helper()
	took, missing := l.Prober.Well(l.t.Context(), wellWithin)
	if took < 0 {
		l.t.Errorf("%s: not within %v: %v", when, wellWithin, missing)
	}
	return took
}

// restart restarts the victim, with so many forged RouterInfos more on its disk.
func (l *live) restart(forged int) {
	l.t.Helper()
	took, err := l.Restart(l.t.Context(), forged)
	if err == nil {
		l.t.Logf("the victim starts in %v with %d forged RouterInfos on its disk", took.Round(time.Millisecond), forged)
		err = l.Reopen(l.t.Context())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// marker has the victim's own client ask for what the attacker wants.
func (l *live) marker() Attack {
	mark, err := l.hostile.Listen("tcp", netip.AddrPortFrom(hostileAt, uint16(18001+len(l.hosts))).String())
	if err != nil {
		l.t.Fatal(err)
	}
	k := &Marker{
		Floodfill: l.floodfill, Behind: l.Victim.Info, Suspects: []*routerinfo.RouterInfo{l.Victim.Info},
		Mark: mark,
	}
	for _, r := range l.Scene.Honest {
		l.floodfill.Learn(r.Info)
		k.Suspects = append(k.Suspects, r.Info)
		if r.Info.IsFloodfill() {
			k.Others = append(k.Others, r.Info.Hash())
		}
	}
	k.Have = func(ctx context.Context, key i2p.Hash) {
		l.mu.Lock()
		own := l.own
		l.mu.Unlock()
		if s, err := own.Connect(ctx, control.Connect{Destination: key.B32(), TimeoutMillis: 3000}); err == nil {
			s.Close()
		}
	}
	var n atomic.Uint32
	k.Dial = func() dialFunc {
		i := n.Add(1)
		return l.hostile.from(netip.AddrFrom4([4]byte{45, 2, byte(i >> 8), byte(i)}))
	}
	return k
}

// program builds what is attacked, or skips the test.
func program(t *testing.T) string {
	t.Helper()
	if err := Missing(); err != nil {
		t.Skip("SKIPPED: no attacks: ", err)
	}
	path, err := BuildProgram(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAttacks has each attack done to a victim of its own. scripts/attack runs it.
func TestAttacks(t *testing.T) {
	names := strings.Fields(os.Getenv("I2P_ATTACK"))
	if len(names) == 0 {
		t.Skip("takes minutes: use scripts/attack; TestBriefly does the same in short")
	}
	lasts, err := time.ParseDuration(os.Getenv("I2P_ATTACK_FOR"))
	if err != nil {
		t.Fatal(err)
	}
	path := program(t)
	var rows []Row
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if name == doors {
				rows = append(rows, attackDoors(t, path, lasts)...)
				return
			}
			var more []string
			if name == stores || name == questions {
				more = append(more, "--floodfill")
			}
			row := newLive(t, path, "", more...).attack(name, lasts)
			rows = append(rows, row)
			row.checkReplies(t, lasts)
			row.checkDatagrams(t)
			row.checkRates(t, 0.05)
			row.checkTimes(t)
		})
	}
	t.Logf("before attack, during it and after\n%s", Table(rows))
}

// attack has one attack last so long, with a restart when two thirds of that are over.
func (l *live) attack(name string, lasts time.Duration) Row {
	l.t.Helper()
	a, err := l.named(name)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, quiet := l.t.Context(), min(lasts/4, 30*time.Second)
	row := Row{Name: name, Before: l.Measure(ctx, quiet, nil)}
	refused := l.refused(nil)
	running := Start(ctx, a)
	defer running.Stop()
	begun := time.Now()
	row.During = l.Measure(ctx, lasts*2/3, nil)
	l.t.Logf("the victim counts: %v", l.refused(refused))
	forged := 0
	if name == stores {
		forged = onDisk
	}
	l.restart(forged)
	row.Restarted = l.well(name + ": after a restart in its midst")
	row.During = l.Measure(ctx, lasts-time.Since(begun), row.During)
	running.Stop()
	l.t.Log(running)
	row.Counts = running.Counts()
	row.Back = l.well(name + ": after its end")
	row.After = l.Measure(ctx, quiet, nil)
	return row
}

// maxMemory is the most that an attacked router may take.
const maxMemory = 256 << 20

// want are the kinds of which a router's owner has to see nothing of an attack, and others
// those that are to go well most of the time.
var (
	want   = map[string][]Kind{"own streams": {Outgoing, Visits, Bulk}, "lookups": {Lookups}, "doors": DoorKinds}
	others = map[string][]Kind{"openings": {Openings}, "newcomers": {Newcomers, Transit}}
)

// othersShare is how many of those may fail.
const othersShare = 0.25

// checkRates fails where a larger share than that of what went well before does not
// any more, or the router takes too much memory.
func (r Row) checkRates(t *testing.T, share float64) {
	t.Helper()
	check := func(kinds map[string][]Kind, share float64) {
		for what, kinds := range kinds {
			before, during := r.Before.Of(kinds...), r.During.Of(kinds...)
			if during.Failed > 1 && during.Rate() < (1-share)*before.Rate() {
				t.Errorf("%s: %s: %s, before %s: %v", r.Name, what, cell(during), cell(before), during.Why)
			}
		}
	}
	check(want, share)
	check(others, othersShare)
	if n := r.Counts[foundBehind]; n > 0 {
		t.Errorf("%s: the router behind a destination was found %d times", r.Name, n)
	}
	if r.During.RSS > cmp.Or(r.MaxMemory, maxMemory) {
		t.Errorf("%s: %d MB", r.Name, r.During.RSS>>20)
	}
}

// What one asker is answered, at once and each second.
const (
	replyBurst  = 128 << 10
	repliesEach = 4 << 10
)

// checkReplies fails where an asker was answered more than is said; a restart forgets how much that was.
func (r Row) checkReplies(t *testing.T, lasts time.Duration) {
	t.Helper()
	if most := 2*replyBurst + uint64(repliesEach*lasts.Seconds()); r.Name == questions && r.Counts[replyBytes] > most {
		t.Errorf("%s: %d bytes of replies, at most %d", r.Name, r.Counts[replyBytes], most)
	}
}

// luckyJunk is what may come in answer to junk. Of a Session Request only the header is looked at before a Retry
// answers it (SSU2, Session Request): of 2^24 datagrams of junk one has the type, the version and the
// network in the right places, and a Retry has 122 bytes at most.
const luckyJunk = 3 * 122

// checkDatagrams fails where junk was answered, or anything with more than three times its bytes.
func (r Row) checkDatagrams(t *testing.T) {
	t.Helper()
	if r.Name != datagrams && r.Name != halfOpen {
		return
	}
	if n := r.Counts[junkAnswers]; n > luckyJunk {
		t.Errorf("%s: %d bytes in answer to junk", r.Name, n)
	}
	if in, out := r.Counts[bytesIn], r.Counts[bytesOut]; out == 0 || in == 0 || in > 3*out {
		t.Errorf("%s: %d bytes for %d", r.Name, in, out)
	}
}

// checkTimes fails where something takes more than twice the time that it took before.
func (r Row) checkTimes(t *testing.T) {
	t.Helper()
	for what, kinds := range want {
		before, during := r.Before.Of(kinds...).Median(), r.During.Of(kinds...).Median()
		if during > max(2*before, leastTime) {
			t.Errorf("%s: %s: %v, before %v", r.Name, what, during, before)
		}
	}
}

// leastTime is what nobody notices: on a network without distances all takes a few milliseconds.
const leastTime = 500 * time.Millisecond

// briefly is how long each attack is measured in a short run.
const briefly = 3 * time.Second

// TestBriefly has one victim attacked in every way, one after the other.
func TestBriefly(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: attacks take a minute")
	}
	l := newLive(t, program(t), "")
	before := l.Measure(t.Context(), briefly, nil)
	var rows []Row
	for _, a := range attacks {
		if !a.brief {
			continue
		}
		attack, err := l.named(a.name)
		if err != nil {
			t.Fatal(err)
		}
		running := Start(t.Context(), attack)
		row := Row{Name: a.name, Before: before, During: l.Measure(t.Context(), briefly, nil), After: newFigures()}
		if a.name == "identities" {
			l.restart(0)
			row.Restarted = l.well(a.name + ": after a restart in its midst")
		}
		running.Stop()
		t.Log(a.name, ": ", running)
		row.Counts = running.Counts()
		row.checkRates(t, 0.2)
		row.checkDatagrams(t)
		rows = append(rows, row)
	}
	rows[len(rows)-1].Back = l.well("after all of them")
	t.Logf("\n%s", Table(rows))
}
