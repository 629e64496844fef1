package tunnel

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// pooled is a tunnel that nobody has.
type pooled struct {
	Member
	n int
}

// testPool makes a pool that numbers its tunnels.
func testPool(cfg PoolConfig) *Pool[*pooled] {
	n := 0
	return NewPool(cfg, func() *pooled {
		n++
		return &pooled{n: n}
	})
}

// poolWorld runs a pool against a network in which builds take a while and
// succeed with some probability.
type poolWorld struct {
	t       *testing.T
	p       *Pool[*pooled]
	now     time.Time
	r       *rand.Rand
	success float64
	broken  map[*pooled]bool // tunnels that lose all messages

	events []poolEvent
	trace  []string
	builds int
	last   [urgentBurst]time.Time // builds
	drops  map[DropReason]int
	lens   map[int]int
}

type poolEvent struct {
	at time.Time
	do func()
}

func newPoolWorld(t *testing.T, cfg PoolConfig) *poolWorld {
	t.Helper()
	cfg.Rand = seeded(1)
	p := testPool(cfg)
	return &poolWorld{t: t, p: p, now: epoch, r: rand.New(seeded(2)), success: 1,
		broken: map[*pooled]bool{}, drops: map[DropReason]int{}, lens: map[int]int{}}
}

func (w *poolWorld) after(d time.Duration, do func()) {
	w.events = append(w.events, poolEvent{w.now.Add(d), do})
	slices.SortStableFunc(w.events, func(a, b poolEvent) int { return a.at.Compare(b.at) })
}

// run plays for a time; check is called after each step.
func (w *poolWorld) run(d time.Duration, check func()) {
	w.t.Helper()
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 200_000 {
			w.t.Fatal("the pool does not let time pass")
		}
		w.do(w.p.Tick(w.now))
		if check != nil {
			check()
		}
		next := w.p.Deadline(w.now)
		if !next.IsZero() && !next.After(w.now) {
			w.t.Fatalf("deadline %v before now", w.now.Sub(next))
		}
		if len(w.events) > 0 && (next.IsZero() || w.events[0].at.Before(next)) {
			next = w.events[0].at
		}
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		w.now = next
		for len(w.events) > 0 && !w.events[0].at.After(w.now) {
			e := w.events[0]
			w.events = w.events[1:]
			e.do()
		}
	}
}

// line is an action in the trace.
func line(a Action[*pooled]) string {
	if a.Test != nil {
		return fmt.Sprint("{", a.Kind, a.Test.Out.n, a.Test.In.n, "}")
	}
	return fmt.Sprint("{", a.Kind, a.Tunnel.n, a.Tunnel.inbound, a.Tunnel.hops, a.Reason, "}")
}

func (w *poolWorld) do(as []Action[*pooled]) {
	for _, a := range as {
		w.trace = append(w.trace, fmt.Sprint(w.now.Sub(epoch), line(a)))
		switch a.Kind {
		case ActionBuild:
			w.builds++
			w.lens[a.Tunnel.Hops()]++
			if a.Tunnel.Hops() > 0 { // else nobody is asked
				if gap := w.now.Sub(w.last[0]); gap < 250*time.Millisecond {
					w.t.Fatalf("%d builds within %v", urgentBurst+1, gap)
				}
				w.last = [urgentBurst]time.Time(append(w.last[1:], w.now))
			}
			switch x := w.r.Float64(); {
			case x < w.success:
				w.after(time.Duration(w.r.IntN(4000))*time.Millisecond, func() { w.p.Built(w.now, a.Tunnel) })
			case w.r.IntN(2) == 0:
				w.after(time.Second, func() { w.p.BuildFailed(w.now, a.Tunnel) })
			}
		case ActionTest:
			if !w.broken[a.Test.Out] && !w.broken[a.Test.In] {
				w.after(300*time.Millisecond, func() { w.p.TestOK(w.now, a.Test) })
			}
		case ActionDrop:
			w.drops[a.Reason]++
		}
	}
}

// standing are the tunnels of both directions.
func (w *poolWorld) standing() []*pooled {
	return slices.Concat(w.p.Standing(false), w.p.Standing(true))
}

func (w *poolWorld) building() []*pooled { return slices.Concat(w.p.Builds(false), w.p.Builds(true)) }

func quota(n int) PoolConfig {
	q := Quota{Tunnels: n, Hops: 3}
	return PoolConfig{Inbound: q, Outbound: q}
}

func TestPoolKeepsItsTunnels(t *testing.T) {
	w := newPoolWorld(t, quota(3))
	w.run(20*time.Second, nil)
	renewed := map[time.Duration]int{}
	w.run(2*time.Hour, func() {
		for _, in := range []bool{false, true} {
			if n := len(w.p.direction(in).usable(w.now)); n < 3 || n > 6 {
				t.Fatalf("at %v: %d tunnels", w.now.Sub(epoch), n)
			}
		}
		renewed[w.now.Sub(epoch)/time.Minute]++
	})
	// A tunnel is replaced after about eight minutes.
	if least, most := 6*120/10, 6*120/7+6; w.builds < least || w.builds > most {
		t.Errorf("%d builds, %d to %d expected", w.builds, least, most)
	}
	if w.drops[DropNoReply]+w.drops[DropTests] > 0 {
		t.Errorf("drops %v", w.drops)
	}
	for _, s := range w.standing() {
		if s.rtt == 0 && w.now.Sub(s.Created()) > 2*time.Minute {
			t.Errorf("tunnel %d was never tested", s.n)
		}
	}
	all := append(w.standing(), w.building()...)
	if dropped := w.p.Close(); len(dropped) != len(all) || len(w.standing())+len(w.building()) > 0 {
		t.Errorf("%d of %d tunnels and builds dropped", len(dropped), len(all))
	}
	if n := w.p.cfg.Limit.inFlight; n != 0 {
		t.Errorf("%d builds in flight after Close", n)
	}
}

// TestPoolRests: what stands serves to its end, and nothing follows.
func TestPoolRests(t *testing.T) {
	w := newPoolWorld(t, quota(3))
	w.run(time.Minute, nil)
	w.p.Rest()
	builds, standing := w.builds, len(w.p.direction(true).usable(w.now))
	w.run(5*time.Minute, nil)
	if n := len(w.p.direction(true).usable(w.now)); n != standing || w.builds != builds {
		t.Errorf("%d of %d tunnels left, %d builds", n, standing, w.builds-builds)
	}
	w.run(15*time.Minute, nil)
	if n := len(w.standing()) + len(w.building()); n != 0 || w.builds != builds || !w.p.Deadline(w.now).IsZero() {
		t.Errorf("%d tunnels, %d builds, next at %v", n, w.builds-builds, w.p.Deadline(w.now))
	}
}

func TestPoolIsDeterministic(t *testing.T) {
	var traces [2][]string
	for i := range traces {
		w := newPoolWorld(t, quota(2))
		w.success = 0.5
		w.run(time.Hour, nil)
		traces[i] = w.trace
	}
	if !reflect.DeepEqual(traces[0], traces[1]) {
		t.Error("two runs from one seed differ")
	}
}

func TestPoolUnderAttack(t *testing.T) {
	for _, success := range []float64{0.03, 0.3} {
		w := newPoolWorld(t, quota(2))
		w.success = success
		w.run(10*time.Minute, nil)
		var none time.Duration
		last, lacked := w.now, false
		w.run(5*time.Hour, func() {
			if lacked {
				none += w.now.Sub(last)
			}
			last, lacked = w.now, len(w.p.direction(true).usable(w.now)) == 0
			if n := w.p.cfg.Limit.inFlight; n > 8 || n < 0 {
				t.Fatalf("%d builds in flight", n)
			}
		})
		t.Logf("success %v: %d builds in 5 h, without tunnel for %v", success, w.builds, none)
		if none > time.Hour || success > 0.1 && none > 2*time.Minute {
			t.Errorf("success %v: without tunnel for %v of 5 h", success, none)
		}
		if w.builds > 5*3600 {
			t.Errorf("success %v: %d builds", success, w.builds)
		}
	}
}

func TestPoolBacksOff(t *testing.T) {
	w := newPoolWorld(t, quota(2))
	w.success = 0
	w.run(time.Hour, nil)
	if w.builds < 500 || w.builds > 2500 {
		t.Errorf("%d builds in an hour of failures", w.builds)
	}
	w.success = 1
	w.run(time.Minute, nil)
	if a, b := len(w.p.direction(true).usable(w.now)), len(w.p.direction(false).usable(w.now)); a < 2 || b < 2 {
		t.Errorf("%d and %d tunnels a minute after", a, b)
	}
}

// TestPoolSlowBuilds: the first builds get no answer. Others are tried long
// before they time out, and only as long as there is no tunnel.
func TestPoolSlowBuilds(t *testing.T) {
	w := newPoolWorld(t, PoolConfig{Outbound: Quota{Tunnels: 2, Hops: 3}})
	w.success = 0
	var lost []*pooled
	w.run(2*time.Second, func() {
		for _, t := range w.building() {
			if !slices.Contains(lost, t) {
				lost = append(lost, t)
			}
		}
		w.events = nil // nobody ever answers
	})
	if len(lost) != 2 {
		t.Fatalf("%d builds at first, not 2", len(lost))
	}
	w.success = 1
	w.run(6*time.Second, nil)
	if n := len(w.p.direction(false).usable(w.now)); n != 2 || w.builds != 4 {
		t.Errorf("%d tunnels after 8 s and %d builds, not 2 and 4", n, w.builds)
	}
	for _, p := range lost {
		if p.state != building {
			t.Error("a build was not waited for any longer")
		}
	}
	w.run(time.Minute, nil)
	if w.builds != 4 {
		t.Errorf("%d builds, though there were tunnels", w.builds)
	}
}

// TestPoolOverdue: builds that most likely come to nothing are made up for at once where there is no tunnel, and
// are not where there is one.
func TestPoolOverdue(t *testing.T) {
	w := newPoolWorld(t, PoolConfig{Outbound: Quota{Tunnels: 2, Hops: 3}})
	w.success = 0
	again := func(builds int) {
		t.Helper()
		for _, b := range w.building() {
			w.p.Overdue(b)
		}
		if w.run(time.Second, func() { w.events = nil }); w.builds != builds {
			t.Errorf("%d builds, not %d", w.builds, builds)
		}
	}
	w.run(time.Second, func() { w.events = nil })
	again(4)
	w.p.Built(w.now, w.building()[0])
	w.p.Built(w.now, w.building()[0])
	again(4)
}

// TestPoolListsStay: a list of tunnels is still what it was when the pool has
// changed meanwhile.
func TestPoolListsStay(t *testing.T) {
	w := newPoolWorld(t, quota(4))
	w.run(time.Minute, nil)
	list := w.p.Standing(true)
	want := slices.Clone(list)
	for _, p := range list[:2] {
		w.p.Lost(p)
	}
	w.run(time.Minute, nil)
	if now := w.p.Standing(true); !slices.Equal(list, want) || len(now) < 4 || slices.Contains(now, want[0]) || slices.Contains(now, want[1]) {
		t.Errorf("of %d tunnels two were lost: %d in the old list, %d now", len(want), len(list), len(now))
	}
}

func TestPoolLateReply(t *testing.T) {
	w := newPoolWorld(t, quota(1))
	var first *pooled
	for _, a := range w.p.Tick(w.now) {
		if a.Kind == ActionBuild && first == nil {
			first = a.Tunnel
		}
	}
	w.success = 0
	w.run(20*time.Second, nil)
	if !w.p.Built(w.now, first) || w.p.Built(w.now, first) {
		t.Error("a reply after 20 s is to be taken, once")
	}
	w.p.BuildFailed(w.now, first) // of no effect
	if len(w.p.direction(false).usable(w.now))+len(w.p.direction(true).usable(w.now)) != 1 {
		t.Error("one usable tunnel expected")
	}
	w.p.Lost(first)
	if w.p.Built(w.now, first) {
		t.Error("a tunnel that was lost was taken")
	}
}

func TestPoolLengths(t *testing.T) {
	for _, c := range []struct{ hops, variance, min, max int }{
		{3, 0, 3, 3}, {2, 1, 2, 3}, {1, -1, 1, 2}, {3, -2, 1, 5}, {0, 0, 0, 0}, {0, 2, 0, 2}, {7, 3, 7, 7},
	} {
		q := Quota{Tunnels: 4, Hops: c.hops, Variance: c.variance}
		w := newPoolWorld(t, PoolConfig{Inbound: q, Outbound: q})
		w.run(2*time.Hour, nil)
		for n := range w.lens {
			if n < c.min || n > c.max {
				t.Errorf("%+v: tunnel of %d hops", c, n)
			}
		}
		if len(w.lens) != c.max-c.min+1 {
			t.Errorf("%+v: lengths %v", c, w.lens)
		}
	}
}
