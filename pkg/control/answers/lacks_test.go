package answers

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/control"
)

func TestLacks(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)
	tried := control.Reseed{State: control.ReseedWaiting, Reason: "nobody was reached", Last: at, Next: at.Add(5 * time.Second)}
	for _, tt := range []struct {
		needs needs
		want  string
	}{
		{needs{enabled: true, public: true, auto: true}, "no other router is known: reseed has not begun yet"},
		{needs{auto: true, reseed: control.Reseed{State: control.ReseedRunning}}, "no other router is known: reseed servers are being asked"},
		{needs{auto: true, reseed: tried}, "no other router is known: nobody was reached, and reseed asks again at 09:30:05 UTC"},
		{needs{public: true}, "no other router is known, and reseed is off: name some"},
		{needs{enabled: true}, "no other router is known, and a private network has no reseed servers that are known: name some"},
		{needs{enabled: true, bootstrap: true}, "no other router is known, and bootstrap gave none of this network: name some"},
		{needs{known: 1, hops: 2}, "only 1 other router is known, and tunnels have 2 hops"},
		{needs{known: 3, hops: 2, failed: 4}, "none of 3 known routers can be reached: "},
		{needs{bootstrap: true, clock: "8 RouterInfos are of the future"}, "8 RouterInfos are of the future: have the clock set"},
		{needs{known: 3, hops: 2, failed: 4, clock: "7 handshakes failed"}, "7 handshakes failed: have the clock set"},
		{needs{known: 3, hops: 2, sessions: 1, clock: "7 handshakes failed", builds: control.BuildCounts{Accepted: 1}}, ""},
		{needs{known: 3, hops: 2, sessions: 1, builds: control.BuildCounts{Refused: 2, Expired: 1}}, "none of 3 tunnel builds was accepted: 2 refused, 1 without an answer"},
		{needs{known: 3, hops: 2, sessions: 1, builds: control.BuildCounts{Accepted: 1, Expired: 1}}, ""},
		{needs{known: 3, hops: 2}, ""},
		{needs{known: 3, hops: 2, sessions: 1, stuck: 1, builds: control.BuildCounts{Accepted: 9}}, "none of the router's own tunnels works, and 1 local destination waits: "},
	} {
		if got := tt.needs.text(); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%+v: %q, expected %q", tt.needs, got, tt.want)
		}
	}
}

// TestLackIsToldRarely: at once where nothing will change by itself, and then now and then.
func TestLackIsToldRarely(t *testing.T) {
	for hopeless, told := range map[bool]int{true: 1, false: 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var looks atomic.Int64
			go warnOfLacks(ctx, hopeless, func() { looks.Add(1) })
			for _, step := range []struct {
				after time.Duration
				more  int
			}{{0, told}, {59 * time.Second, 0}, {time.Second, 1}, {10 * time.Minute, 1}, {time.Hour, 1}, {3 * time.Hour, 3}} {
				time.Sleep(step.after)
				synctest.Wait()
				if got := looks.Swap(0); got != int64(step.more) {
					t.Errorf("%v later it was told %d times, expected %d", step.after, got, step.more)
				}
			}
		})
	}
}
