package simtest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/node"
)

// wrongClock is a machine's clock that is set: the date jumps, and what lies between two times that a program has read does not, as
// time.Time has both. A bubble's times have a date alone.
type wrongClock struct {
	start time.Time
	ahead atomic.Int64 // seconds
}

func (c *wrongClock) Now() time.Time {
	const monotonic, since1885 = 1 << 63, 2682288000 // a time that has both has its seconds since 1885 (package time, Time)
	t := time.Now()
	seconds, elapsed := t.Unix()+c.ahead.Load()+since1885, t.Sub(c.start)
	parts := (*[2]uint64)(unsafe.Pointer(&t))
	parts[0] = monotonic | uint64(seconds)<<30 | uint64(t.Nanosecond())
	parts[1] = uint64(elapsed + 1)
	return t
}

// TestClockPutRight: a router whose machine's clock is wrong says that it is, and by how much, and has no sessions; it joins by itself
// within three minutes of the moment at which the clock is put right.
func TestClockPutRight(t *testing.T) {
	long(t)
	for ahead, said := range map[time.Duration]string{
		-365 * 24 * time.Hour: "this machine's clock is 365 d behind that of 2 reseed servers",
		24 * time.Hour:        "this machine's clock is 1 d ahead of that of 2 reseed servers",
	} {
		t.Run(ahead.String(), func(t *testing.T) {
			simulate(t, worldConfig{routers: 12, seed: 17}, func(t *testing.T, w *world) {
				w.awaitTunnels(t, 5*time.Minute)
				clock := &wrongClock{start: time.Now()}
				before := clock.Now()
				clock.ahead.Store(int64(ahead / time.Second))
				if now := clock.Now(); now.Sub(before) != 0 || now.Round(0).Sub(before.Round(0)) != ahead {
					t.Fatalf("set from %v to %v", before, now)
				}
				n := w.newcomer(t, node.Config{Now: clock.Now})
				ended := make(chan error, 1)
				go func() { ended <- n.Run(t.Context()) }()
				time.Sleep(5 * time.Minute)
				if st := n.Status(); !strings.HasPrefix(st.Lacks, said) || st.Sessions != 0 {
					t.Errorf("%d sessions, and it lacks %q, want %q", st.Sessions, st.Lacks, said)
				}
				clock.ahead.Store(0)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				defer cancel()
				begun := time.Now()
				if err := n.Wait(ctx, control.WaitTunnels); err != nil {
					t.Errorf("no tunnels: %v, %+v", err, n.Status())
				}
				t.Logf("tunnels %v after the clock is right", time.Since(begun))
				n.StopNow()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
