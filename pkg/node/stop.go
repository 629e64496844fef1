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
	soon  chan struct{} // closed by those that do not wait for the tunnels of others
	now   chan struct{} // closed by StopNow
	tell  func()
	hurry func()
	haste func()
	begun atomic.Bool
}

func newStopping() *stopping {
	s := &stopping{told: make(chan struct{}), soon: make(chan struct{}), now: make(chan struct{})}
	s.tell = sync.OnceFunc(func() { close(s.told) })
	s.hurry = sync.OnceFunc(func() { close(s.soon) })
	s.haste = sync.OnceFunc(func() { close(s.now) })
	return s
}

// StopGracefully begins a stop that first lets the tunnels of others run out, and returns
// at once.
func (s *stopping) StopGracefully() { s.tell() }

// Stop begins a stop that gives what is open some seconds to end, and returns at once.
func (s *stopping) Stop() {
	s.hurry()
	s.tell()
}

// StopNow begins a stop that waits for nobody, and returns at once.
func (s *stopping) StopNow() {
	s.haste()
	s.Stop()
}

// await returns once there is a reason to stop: it was told to, ctx or the work
// has ended. It reports whether there is time to take leave.
func (s *stopping) await(ctx, work context.Context) (orderly bool) {
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

// drain waits until nothing is carried for others any more, where that was asked for, as
// long as it may take and nobody is in a hurry: no signal comes, and no other stop. It tells
// once how much there is to wait for.
func (s *stopping) drain(ctx, work context.Context, carried func() int, waits func(tunnels int)) {
	tunnels := carried()
	if tunnels == 0 || ctx.Err() != nil || isClosed(s.soon) {
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
		case <-s.soon:
			return
		case <-ctx.Done():
			return
		case <-work.Done():
			return
		}
	}
}

// LeaveTime is how long the router's own destinations may take leave: service managers
// wait for longer, and a page is read by then.
const LeaveTime = 10 * time.Second

// takeLeave calls leave with a context that ends once that may take no longer.
func (s *stopping) takeLeave(work context.Context, leave func(context.Context)) {
	ctx, cancel := context.WithTimeout(work, LeaveTime)
	defer cancel()
	go func() {
		select {
		case <-s.now:
			cancel()
		case <-ctx.Done():
		}
	}()
	leave(ctx)
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
