package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	errInterrupted = errors.New("interrupted")
	errTerminated  = fmt.Errorf("%w by TERM", errInterrupted)
)

// Terminated tells whether TERM ends the program: of a service, that is no failure.
func Terminated(c *Context) bool { return errors.Is(context.Cause(c.Context), errTerminated) }

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
			case s := <-signals:
				if n > 1 {
					os.Exit(StatusInterrupted)
				}
				if s == syscall.SIGTERM {
					cancel(errTerminated)
				} else {
					cancel(errInterrupted)
				}
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

// OnHangup calls reload for every HUP from now on until ctx ends. wait returns when it has
// stopped listening.
func OnHangup(ctx context.Context, reload func()) (wait func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer signal.Stop(hangups)
		for {
			select {
			case <-hangups:
				reload()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { <-stopped }
}
