package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/tunnel"
)

// stopping is how a router is told to stop, and whether it has begun to.
type stopping struct {
	told  chan struct{} // closed by whatever stop comes first
	now   chan struct{} // closed by StopNow
	tell  func()
	haste func()
	begun atomic.Bool
}

func newStopping() *stopping {
	s := &stopping{told: make(chan struct{}), now: make(chan struct{})}
	s.tell = sync.OnceFunc(func() { close(s.told) })
	s.haste = sync.OnceFunc(func() { close(s.now) })
	return s
}

// Stop begins a graceful stop and returns at once.
func (s *stopping) Stop() { s.tell() }

// StopNow begins a stop that waits for nobody, and returns at once.
func (s *stopping) StopNow() {
	s.haste()
	s.tell()
}

// await returns once there is a reason to stop: it was told to, ctx or the work
// has ended. It reports whether there is time for a graceful stop.
func (s *stopping) await(ctx, work context.Context) (gracefully bool) {
	s.comes(ctx, work, nil)
	return work.Err() == nil && !isClosed(s.now)
}

// comes waits for something, and reports whether it came before a reason to stop. Nil never comes.
func (s *stopping) comes(ctx, work context.Context, what <-chan struct{}) bool {
	select {
	case <-what:
		return true
	case <-ctx.Done():
	case <-s.told:
	case <-work.Done():
	}
	return false
}

// How long the tunnels of others, of which no new ones are taken on, may take to
// run out, and how often they are counted.
const (
	drainTime = tunnel.Lifetime + time.Minute
	drainLook = 250 * time.Millisecond
)

// drain waits until nothing is carried for others any more, as long as that may
// take and nobody is in haste. It tells once how much there is to wait for.
func (s *stopping) drain(work context.Context, carried func() int, waits func(tunnels int)) {
	tunnels := carried()
	if tunnels == 0 {
		return
	}
	waits(tunnels)
	deadline := time.NewTimer(drainTime)
	defer deadline.Stop()
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for carried() > 0 {
		select {
		case <-look.C:
		case <-deadline.C:
			return
		case <-s.now:
			return
		case <-work.Done():
			return
		}
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
