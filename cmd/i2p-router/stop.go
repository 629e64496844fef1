package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// pollInterval is how often a verb looks whether a control socket has come or gone: there
// is nothing to wait on while no router lives.
const pollInterval = 50 * time.Millisecond

// longestStop is how long a router may take that lets the tunnels of others end.
const longestStop = 12 * time.Minute

func stopCommand() *cli.Command {
	return &cli.Command{
		Name:  "stop",
		Usage: "stop the running router",
		Description: "Returns once the router is gone. As after TERM, it opens nothing any more, takes its lease sets back, and\n" +
			"ends once its streams have, after 10 seconds at most. With --graceful it first lets the tunnels run out\n" +
			"that others have through it, while its own destinations serve on: up to 11 minutes.",
		Flags: cli.RouterFlags(
			&cli.BoolFlag{Name: "now", Usage: "do not wait for streams to end"},
			&cli.BoolFlag{Name: "graceful", Usage: "first let the tunnels of others run out; stop or a signal ends that"},
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: longestStop, Usage: "wait for the router's end as long as `DURATION`"}),
		),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer cancel()
			stop := router.Stop
			switch {
			case c.Bool("now") && c.Bool("graceful"):
				return cli.Usagef("stop: expected either --now or --graceful")
			case c.Bool("now"):
				stop = router.StopNow
			case c.Bool("graceful"):
				stop = router.StopGracefully
			}
			if err := stop(ctx); err != nil {
				return err
			}
			if err := until(ctx, func() bool { return !router.Answers(ctx) }); err != nil {
				return late(err, "the router is still stopping")
			}
			return nil
		}),
	}
}

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "make the running router read its configuration again",
		Description: "It prints which settings have changed, and when they hold: now, for new destinations, or with the next start,\n" +
			"for which the router must be stopped. A configuration that is wrong changes nothing. The forwards become what\n" +
			"tunnels.toml says; what cannot be is told, with status 1, and hinders no other; so are doors that do not open.",
		Flags: cli.RouterFlags(cli.JSONFlag()),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			done, err := router.Reload(c.Context)
			if err != nil {
				return err
			}
			err = cli.PrintList(c, done.Changed, func(w io.Writer, changes []control.Change) error {
				table := cli.NewTable(w)
				for _, change := range changes {
					table.Row(change.Key, holdsText(change.Holds))
				}
				return table.Flush()
			})
			if err != nil {
				return err
			}
			var failures cli.Failures
			for _, name := range slices.Sorted(maps.Keys(done.Failed)) {
				if err := failures.Note(c, fmt.Errorf("forward %s: %s", name, done.Failed[name])); err != nil {
					return err
				}
			}
			for _, name := range slices.Sorted(maps.Keys(done.Shut)) {
				if err := failures.Note(c, fmt.Errorf("%s is not open: %s", name, done.Shut[name])); err != nil {
					return err
				}
			}
			return failures.Err()
		}),
	}
}

// holdsText says when a setting holds.
func holdsText(h control.Holds) string {
	switch h {
	case control.HoldsNow:
		return "now"
	case control.HoldsWhenOpened:
		return "for new destinations"
	case control.HoldsNextStart:
		return "with the next start"
	}
	return string(h)
}

func waitCommand() *cli.Command {
	return &cli.Command{
		Name:        "wait",
		Usage:       "wait until the router is ready, or has tunnels",
		Description: "The router need not run yet: wait waits for its control socket too.",
		Flags: cli.RouterFlags(
			cli.OneOf(cli.StringFlag{Name: "for", Value: control.WaitReady, Usage: "`STATE`: ready (it listens, and its control socket answers) or tunnels (exploratory tunnels stand)"}, control.WaitReady, control.WaitTunnels),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Usage: "give up with status 5 after `DURATION`", DefaultText: "never"}),
		),
		Action: func(c *cli.Context) error {
			state := c.String("for")
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			ctx := c.Context
			if limit := c.Duration("timeout"); limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			return waitFor(ctx, router, state)
		},
	}
}

func waitFor(ctx context.Context, router *client.Client, state string) error {
	var err error
	lateErr := until(ctx, func() bool {
		_, err = router.Wait(ctx, state)
		return err == nil || !errors.Is(err, client.ErrNoRouter) && ctx.Err() == nil
	})
	if lateErr != nil {
		return late(lateErr, missing(ctx, router, state))
	}
	return err
}

// missing says what was waited for in vain.
func missing(ctx context.Context, router *client.Client, state string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := router.Status(ctx); errors.Is(err, client.ErrNoRouter) {
		return fmt.Sprintf("no router answers at %s yet", router.Path())
	}
	return fmt.Sprintf("the router at %s has no %s yet", router.Path(), state)
}

// late says what did not happen in time; an interrupt stays one.
func late(err error, what string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return cli.Againf("timed out: %s", what)
	}
	return err
}

// until asks again and again until done or the context's end.
func until(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}
