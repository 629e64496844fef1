package tunnel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPoolReplacesBrokenTunnels(t *testing.T) {
	w := newPoolWorld(t, quota(2))
	w.run(30*time.Second, nil)
	bad := w.p.direction(true).usable(w.now)[0]
	w.broken[bad] = true
	w.run(4*time.Minute, nil)
	if slices.Contains(w.p.direction(true).usable(w.now), bad) {
		t.Error("the broken tunnel is still in use")
	}
	if w.drops[DropTests] > 2 {
		t.Errorf("%d tunnels dropped for one broken", w.drops[DropTests])
	}
	// With all of them broken the last one stays.
	for _, p := range append(w.standing(), w.building()...) {
		w.broken[p] = true
	}
	w.success = 0
	w.run(3*time.Minute, nil)
	if a, b := len(w.p.direction(true).usable(w.now)), len(w.p.direction(false).usable(w.now)); a != 1 || b != 1 {
		t.Errorf("%d and %d tunnels, one each expected", a, b)
	}
}

// TestPoolBlame: a broken tunnel takes none of those with it that it was
// tested with.
func TestPoolBlame(t *testing.T) {
	for i := range 20 {
		w := newPoolWorld(t, quota(3))
		w.run(30*time.Second+time.Duration(i)*5*time.Second, nil)
		good := w.p.direction(true).usable(w.now)
		bad := good[i%3]
		w.broken[bad] = true
		w.p.Suspect(w.now)
		w.run(suspectPause, nil)
		if slices.Contains(w.p.direction(true).usable(w.now), bad) {
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
	all := w.p.direction(false).usable(w.now)
	bad, good := all[0], all[1]
	w.broken[bad] = true
	w.p.Doubt(w.now, bad)
	w.p.Doubt(w.now, good)
	if last := w.p.direction(false).usable(w.now); last[0] != all[2] {
		t.Errorf("%d is used first: %d and %d are doubtful", last[0].n, bad.n, good.n)
	}
	w.run(5*time.Second, nil)
	if now := w.p.direction(false).usable(w.now); slices.Contains(now, bad) || !slices.Contains(now, good) {
		t.Errorf("%d in use, the broken one: %v", len(now), slices.Contains(now, bad))
	}
}

// TestPoolFailing: one test may be lost. A tunnel comes after others when two in
// a row are, or one where there was reason to doubt it, until one comes back.
func TestPoolFailing(t *testing.T) {
	p := testPool(quota(1))
	now := epoch
	for _, a := range p.Tick(now) {
		p.Built(now, a.Tunnel)
	}
	out, in := p.Standing(false)[0], p.Standing(true)[0]
	fail := func(ok bool) {
		t.Helper()
		now = now.Add(p.cfg.TestEvery * 5 / 4)
		as := p.Tick(now)
		i := slices.IndexFunc(as, func(a Action[*pooled]) bool { return a.Kind == ActionTest })
		if i < 0 {
			t.Fatal("no test was due")
		}
		if now = now.Add(time.Second); ok {
			p.TestOK(now, as[i].Test)
		} else {
			p.TestFailed(now, as[i].Test)
		}
	}
	expect := func(failing bool) {
		t.Helper()
		if out.Failing() != failing || in.Failing() != failing {
			t.Errorf("failing: %v and %v", out.Failing(), in.Failing())
		}
	}
	fail(false)
	expect(false)
	fail(true)
	p.Recheck(now, out)
	p.Recheck(now, in)
	expect(false)
	fail(false)
	expect(true)
	fail(true)
	expect(false)
	p.Doubt(now, out)
	p.Doubt(now, in)
	expect(true)
	if fail(true); out.RTT() != time.Second {
		t.Errorf("the last test took %v", out.RTT())
	}
	expect(false)
}

// TestPoolLostTest: a test that is lost tells against a tunnel that it ends, and
// against none where one of its two had gone for another reason.
func TestPoolLostTest(t *testing.T) {
	for _, lost := range []bool{false, true} {
		p := testPool(quota(2))
		now := epoch
		for range 10 { // nothing is tested so early
			for _, a := range p.Tick(now) {
				if a.Kind == ActionBuild {
					p.Built(now, a.Tunnel)
				}
			}
			now = now.Add(time.Second)
		}
		out := p.Standing(false)[0]
		p.Doubt(now, out)
		var test *Test[*pooled]
		for _, a := range p.Tick(now) {
			if a.Kind == ActionTest && a.Test.Out == out {
				test = a.Test
			}
		}
		if test == nil {
			t.Fatal("what is in doubt was not tested")
		}
		if lost {
			p.Lost(out)
		}
		now = now.Add(p.cfg.TestTimeout)
		as := p.Tick(now)
		if !slices.ContainsFunc(as, func(a Action[*pooled]) bool { return a.Kind == ActionTestTimeout && a.Test == test }) {
			t.Fatal("the test was not given up")
		}
		if slices.Contains(p.Standing(false), out) {
			t.Errorf("lost before %v: the tunnel still stands", lost)
		}
		if fs := test.Failing(); slices.Contains(fs, out) == lost || len(fs) > 1 {
			t.Errorf("lost before %v: %d tunnels have failed the test, this one among them: %v", lost, len(fs), slices.Contains(fs, out))
		}
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
