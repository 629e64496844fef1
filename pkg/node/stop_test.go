package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestDrain: a graceful stop takes as long as there are tunnels of others, but not for ever,
// and not where somebody is in a hurry; any other stop does not wait for them.
func TestDrain(t *testing.T) {
	for name, c := range map[string]struct {
		last  time.Duration // the tunnels'
		stop  bool          // is not asked to be graceful
		soon  time.Duration // when Stop comes; 0: never
		now   time.Duration // when StopNow comes; 0: never
		term  time.Duration // when a signal comes; 0: never
		fails time.Duration // when a part does; 0: never
		takes time.Duration
	}{
		"nothing is carried": {},
		"they run out":       {last: 3*time.Minute + 100*time.Millisecond, takes: 3*time.Minute + drainLook},
		"they do not":        {last: time.Hour, takes: drainTime},
		"any other stop":     {last: time.Hour, stop: true},
		"hurry":              {last: time.Hour, soon: 7 * time.Second, takes: 7 * time.Second},
		"haste":              {last: time.Hour, now: 7 * time.Second, takes: 7 * time.Second},
		"a signal":           {last: time.Hour, term: 7 * time.Second, takes: 7 * time.Second},
		"a part fails":       {last: time.Hour, fails: 7 * time.Second, takes: 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, told, begun := newStopping(), 0, time.Now()
				work, fail := context.WithCancel(t.Context())
				defer fail()
				ctx, term := context.WithCancel(t.Context())
				defer term()
				for at, what := range map[time.Duration]func(){c.soon: s.Stop, c.now: s.StopNow, c.term: term} {
					if at > 0 {
						time.AfterFunc(at, what)
					}
				}
				if c.fails > 0 {
					time.AfterFunc(c.fails, fail)
				}
				if s.StopGracefully(); c.stop {
					s.Stop()
				}
				if !s.await(ctx, work) {
					t.Error("there is no time for a graceful stop")
				}
				s.drain(ctx, work, func() int {
					if time.Since(begun) < c.last {
						return 3
					}
					return 0
				}, func(tunnels int) { told += tunnels })
				if d := time.Since(begun); d != c.takes {
					t.Errorf("it takes %v, expected %v", d, c.takes)
				}
				if (told == 3) != (c.last > 0 && !c.stop) {
					t.Errorf("%d tunnels are told of", told)
				}
			})
		})
	}
}

// TestTakeLeave: what is open has some seconds to end, and none where somebody is in haste.
func TestTakeLeave(t *testing.T) {
	for name, c := range map[string]struct {
		takes, now, fails, want time.Duration
	}{
		"nothing is open":   {},
		"it ends":           {takes: 3 * time.Second, want: 3 * time.Second},
		"it does not":       {takes: time.Hour, want: LeaveTime},
		"haste":             {takes: time.Hour, now: time.Second, want: time.Second},
		"in haste at first": {takes: time.Hour, now: 1},
		"a part fails":      {takes: time.Hour, fails: time.Second, want: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, begun := newStopping(), time.Now()
				work, fail := context.WithCancel(t.Context())
				defer fail()
				if c.now > 0 {
					time.AfterFunc(c.now, s.StopNow)
				}
				if c.fails > 0 {
					time.AfterFunc(c.fails, fail)
				}
				s.takeLeave(work, func(ctx context.Context) {
					select {
					case <-time.After(c.takes):
					case <-ctx.Done():
					}
				})
				if d := time.Since(begun).Round(time.Millisecond); d != c.want {
					t.Errorf("it takes %v, expected %v", d, c.want)
				}
			})
		})
	}
}

// TestReasonsToStop: each ends the wait for what does not come, and tells whether there is time.
func TestReasonsToStop(t *testing.T) {
	for name, c := range map[string]struct {
		end        func(s *stopping, cancel, fail func())
		gracefully bool
	}{
		"a signal":       {func(_ *stopping, cancel, _ func()) { cancel() }, true},
		"stop":           {func(s *stopping, _, _ func()) { s.Stop(); s.Stop() }, true},
		"gracefully":     {func(s *stopping, _, _ func()) { s.StopGracefully() }, true},
		"stop now":       {func(s *stopping, _, _ func()) { s.StopNow(); s.StopNow() }, false},
		"stop, then now": {func(s *stopping, _, _ func()) { s.Stop(); s.StopNow() }, false},
		"a part fails":   {func(_ *stopping, _, fail func()) { fail() }, false},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		work, fail := context.WithCancel(t.Context())
		s, came := newStopping(), make(chan struct{})
		c.end(s, cancel, fail)
		if s.comes(ctx, work, came) {
			t.Errorf("%s: what never came is there", name)
		}
		if got := s.await(ctx, work); got != c.gracefully {
			t.Errorf("%s: there is time: %v", name, got)
		}
		cancel()
		fail()
	}
	came := make(chan struct{})
	close(came)
	if !newStopping().comes(t.Context(), t.Context(), came) {
		t.Error("what came is not there")
	}
}
