package tunnel

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// poolWorld runs a pool against a network in which builds take a while and
// succeed with some probability.
type poolWorld struct {
	t       *testing.T
	p       *Pool
	now     time.Time
	r       *rand.Rand
	success float64
	broken  map[uint64]bool // tunnels that lose all messages

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
	p := NewPool(cfg)
	return &poolWorld{t: t, p: p, now: epoch, r: rand.New(seeded(2)), success: 1,
		broken: map[uint64]bool{}, drops: map[DropReason]int{}, lens: map[int]int{}}
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

func (w *poolWorld) do(as []Action) {
	for _, a := range as {
		w.trace = append(w.trace, fmt.Sprint(w.now.Sub(epoch), a))
		switch a.Kind {
		case ActionBuild:
			w.builds++
			w.lens[a.Hops]++
			if gap := w.now.Sub(w.last[0]); gap < 250*time.Millisecond {
				w.t.Fatalf("%d builds within %v", urgentBurst+1, gap)
			}
			w.last = [urgentBurst]time.Time(append(w.last[1:], w.now))
			switch x := w.r.Float64(); {
			case x < w.success:
				w.after(time.Duration(w.r.IntN(4000))*time.Millisecond, func() { w.p.Built(w.now, a.ID) })
			case w.r.IntN(2) == 0:
				w.after(time.Second, func() { w.p.BuildFailed(w.now, a.ID) })
			}
		case ActionTest:
			if !w.broken[a.ID] && !w.broken[a.Back] {
				w.after(300*time.Millisecond, func() { w.p.TestOK(w.now, a.Test, 300*time.Millisecond) })
			}
		case ActionDrop:
			w.drops[a.Reason]++
		}
	}
}

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
			if n := len(w.p.Usable(w.now, in)); n < 3 || n > 6 {
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
	for _, s := range w.p.Tunnels() {
		if s.RTT == 0 && s.Built && w.now.Sub(s.Started) > 2*time.Minute {
			t.Errorf("tunnel %d was never tested", s.ID)
		}
	}
	for _, a := range w.p.Close() {
		if a.Kind != ActionDrop {
			t.Error(a)
		}
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
	builds, standing := w.builds, len(w.p.Usable(w.now, true))
	w.run(5*time.Minute, nil)
	if n := len(w.p.Usable(w.now, true)); n != standing || w.builds != builds {
		t.Errorf("%d of %d tunnels left, %d builds", n, standing, w.builds-builds)
	}
	w.run(15*time.Minute, nil)
	if n := len(w.p.Tunnels()); n != 0 || w.builds != builds || !w.p.Deadline(w.now).IsZero() {
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
			last, lacked = w.now, len(w.p.Usable(w.now, true)) == 0
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
	if a, b := len(w.p.Usable(w.now, true)), len(w.p.Usable(w.now, false)); a < 2 || b < 2 {
		t.Errorf("%d and %d tunnels a minute after", a, b)
	}
}

// TestPoolSlowBuilds: the first builds get no answer. Others are tried long
// before they time out, and only as long as there is no tunnel.
func TestPoolSlowBuilds(t *testing.T) {
	w := newPoolWorld(t, PoolConfig{Outbound: Quota{Tunnels: 2, Hops: 3}})
	w.success = 0
	var lost []uint64
	w.run(2*time.Second, func() {
		for _, t := range w.p.tunnels {
			if !slices.Contains(lost, t.id) {
				lost = append(lost, t.id)
			}
		}
		w.events = nil // nobody ever answers
	})
	if len(lost) != 2 {
		t.Fatalf("%d builds at first, not 2", len(lost))
	}
	w.success = 1
	w.run(6*time.Second, nil)
	if n := len(w.p.Usable(w.now, false)); n != 2 || w.builds != 4 {
		t.Errorf("%d tunnels after 8 s and %d builds, not 2 and 4", n, w.builds)
	}
	for _, id := range lost {
		if p := w.p.find(id); p == nil || p.timedOut {
			t.Error("a build was not waited for any longer")
		}
	}
	w.run(time.Minute, nil)
	if w.builds != 4 {
		t.Errorf("%d builds, though there were tunnels", w.builds)
	}
}

func TestPoolReplacesBrokenTunnels(t *testing.T) {
	w := newPoolWorld(t, quota(2))
	w.run(30*time.Second, nil)
	bad := w.p.Usable(w.now, true)[0]
	w.broken[bad] = true
	w.run(4*time.Minute, nil)
	if slices.Contains(w.p.Usable(w.now, true), bad) {
		t.Error("the broken tunnel is still in use")
	}
	if w.drops[DropTests] > 2 {
		t.Errorf("%d tunnels dropped for one broken", w.drops[DropTests])
	}
	// With all of them broken the last one stays.
	for _, s := range w.p.Tunnels() {
		w.broken[s.ID] = true
	}
	w.success = 0
	w.run(3*time.Minute, nil)
	if a, b := len(w.p.Usable(w.now, true)), len(w.p.Usable(w.now, false)); a != 1 || b != 1 {
		t.Errorf("%d and %d tunnels, one each expected", a, b)
	}
}

// TestPoolBlame: a broken tunnel takes none of those with it that it was
// tested with.
func TestPoolBlame(t *testing.T) {
	for i := range 20 {
		w := newPoolWorld(t, quota(3))
		w.run(30*time.Second+time.Duration(i)*5*time.Second, nil)
		good := w.p.Usable(w.now, true)
		bad := good[i%3]
		w.broken[bad] = true
		w.p.Suspect(w.now)
		w.run(suspectPause, nil)
		if slices.Contains(w.p.Usable(w.now, true), bad) {
			t.Errorf("run %d: after %v a broken tunnel is still in use", i, suspectPause)
		}
		if w.drops[DropTests] != 1 {
			t.Errorf("run %d: %d tunnels dropped for one broken", i, w.drops[DropTests])
		}
	}
}

// TestPoolDoubt: a tunnel of which one hop has gone away ends with the first
// test that fails, and stays if it works.
func TestPoolDoubt(t *testing.T) {
	w := newPoolWorld(t, quota(3))
	w.run(30*time.Second, nil)
	ids := w.p.Usable(w.now, false)
	bad, good := ids[0], ids[1]
	w.broken[bad] = true
	w.p.Doubt(w.now, bad)
	w.p.Doubt(w.now, good)
	w.p.Doubt(w.now, 12345)
	if last := w.p.Usable(w.now, false); last[0] != ids[2] {
		t.Errorf("order of use %v: %d and %d are doubtful", last, bad, good)
	}
	w.run(5*time.Second, nil)
	if now := w.p.Usable(w.now, false); slices.Contains(now, bad) || !slices.Contains(now, good) {
		t.Errorf("%v in use, %d is broken and %d is not", now, bad, good)
	}
}

// TestPoolSuspects: however often somebody complains, the tests have a pace.
func TestPoolSuspects(t *testing.T) {
	w := newPoolWorld(t, quota(3))
	w.run(30*time.Second, nil)
	tests := 0
	for range 600 {
		w.p.Suspect(w.now)
		w.run(100*time.Millisecond, nil)
	}
	for _, line := range w.trace {
		if strings.Contains(line, fmt.Sprint("{", ActionTest)) {
			tests++
		}
	}
	if tests == 0 || tests > 60 {
		t.Errorf("%d tests in a minute", tests)
	}
}

func TestPoolLateReply(t *testing.T) {
	w := newPoolWorld(t, quota(1))
	var first uint64
	for _, a := range w.p.Tick(w.now) {
		if a.Kind == ActionBuild && first == 0 {
			first = a.ID
		}
	}
	w.success = 0
	w.run(20*time.Second, nil)
	if !w.p.Built(w.now, first) || w.p.Built(w.now, first) {
		t.Error("a reply after 20 s is to be taken, once")
	}
	if w.p.Built(w.now, 12345) {
		t.Error("an unknown build was taken")
	}
	w.p.BuildFailed(w.now, first) // of no effect
	if len(w.p.Usable(w.now, false))+len(w.p.Usable(w.now, true)) != 1 {
		t.Error("one usable tunnel expected")
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

func TestBuildLimitIsShared(t *testing.T) {
	limit := NewBuildLimit(0, 5)
	var pools []*Pool
	for i := range 10 {
		cfg := quota(2)
		cfg.Limit, cfg.Rand = limit, seeded(byte(i))
		p := NewPool(cfg)
		pools = append(pools, p)
	}
	builds := 0
	for i := range 100 {
		for _, p := range pools {
			for _, a := range p.Tick(epoch.Add(time.Duration(i) * 100 * time.Millisecond)) {
				if a.Kind == ActionBuild {
					builds++
				}
			}
		}
	}
	if builds != 5 {
		t.Errorf("%d builds in flight, 5 allowed", builds)
	}
	for _, p := range pools {
		p.Close()
	}
	if limit.inFlight != 0 {
		t.Errorf("%d in flight at the end", limit.inFlight)
	}
}

// TestBuildLimitBurst: after a pause a few builds start at once, for who has no
// tunnel more than for others; then the pace holds.
func TestBuildLimitBurst(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		limit := NewBuildLimit(0, 1000)
		now, burst, after := epoch, 0, 0
		for limit.take(now, urgent) {
			burst++
		}
		for ; now.Before(epoch.Add(10 * time.Second)); now = now.Add(10 * time.Millisecond) {
			if limit.take(now, urgent) {
				after++
			}
		}
		if want := map[bool]int{false: buildBurst, true: urgentBurst}[urgent]; burst != want || after < 39 || after > 40 {
			t.Errorf("urgent %v: %d builds at once, %d in 10 s after them", urgent, burst, after)
		}
	}
}

// TestUrgentBuilds: pools that come and go take up the pace, and the tunnels of
// one that stays are renewed all the same.
func TestUrgentBuilds(t *testing.T) {
	limit := NewBuildLimit(0, 0)
	pool := func(seed int) *Pool {
		cfg := quota(2)
		cfg.Limit, cfg.Rand = limit, seeded(byte(seed))
		p := NewPool(cfg)
		return p
	}
	const step, buildTime = 50 * time.Millisecond, 2 * time.Second
	replies := map[time.Time][]func(){}
	tick := func(p *Pool, now time.Time) {
		for _, a := range p.Tick(now) {
			switch a.Kind {
			case ActionBuild:
				at := now.Add(buildTime)
				replies[at] = append(replies[at], func() { p.Built(at, a.ID) })
			case ActionTest:
				p.TestOK(now, a.Test, time.Millisecond)
			}
		}
	}
	steady, others, none := pool(0), []*Pool(nil), time.Duration(0)
	for i := range int(time.Hour / step) {
		now := epoch.Add(time.Duration(i) * step)
		for _, reply := range replies[now] {
			reply()
		}
		delete(replies, now)
		if i%4 == 0 {
			others = append(others, pool(i))
		}
		if len(others) > 5 {
			others[0].Close()
			others = others[1:]
		}
		for _, p := range append([]*Pool{steady}, others...) { // in the order of their opening, as the router does
			tick(p, now)
		}
		if len(steady.Usable(now, true)) == 0 || len(steady.Usable(now, false)) == 0 {
			none += step
		}
	}
	if none > buildTime {
		t.Errorf("without tunnels for %v of an hour", none)
	}
}
