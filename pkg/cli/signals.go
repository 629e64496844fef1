package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

var errInterrupted = errors.New("interrupted")

// grace is how long a program that was interrupted has to tidy up.
const grace = time.Second

// service is where a context keeps whether the program is a service.
type service struct{}

// Serve makes the program a service: it ends when it has stopped, however long it takes. A
// second signal still ends it at once.
func Serve(c *Context) {
	if s, ok := c.Context.Value(service{}).(*atomic.Bool); ok {
		s.Store(true)
	}
}

// Served tells whether the program has served until a signal ended that: which is what it is for, and no failure.
func Served(c *Context) bool {
	s, ok := c.Context.Value(service{}).(*atomic.Bool)
	return ok && s.Load() && c.Context.Err() != nil
}

// untilInterrupted runs a program. A filter ends soon after the first signal, even where it
// waits for something that no context ends, such as a pipe that nobody writes to.
func untilInterrupted(ctx context.Context, run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
	}
	if s, ok := ctx.Value(service{}).(*atomic.Bool); ok && s.Load() {
		return <-done
	}
	return context.Cause(ctx)
}

// await makes a call that may wait for others in a way that no context ends: the opening of
// a pipe, a read from a terminal. When ctx ends it is left behind, until the process ends.
func await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := call()
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
}

// interruptible returns a context that the first INT or TERM ends; the second ends the
// process at once. SIGPIPE keeps Go's default: a write to a closed stdout ends the
// program silently.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, service{}, new(atomic.Bool)))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			select {
			case <-signals:
				if n > 1 {
					os.Exit(StatusInterrupted)
				}
				cancel(errInterrupted)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// OnHangup calls reload for every HUP from now on until stop is called, which waits for one that
// runs. That is for the very end: a HUP that nobody listens to ends a service, also one that is
// busy stopping.
func OnHangup(reload func()) (stop func()) {
	hangups, end := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-hangups:
				reload()
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-stopped
		signal.Stop(hangups)
	}
}
