package main

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// tunnelFlags are what all verbs take that make a local destination.
func tunnelFlags(timeout time.Duration, timeoutUsage string, more ...cli.Flag) []cli.Flag {
	return append(more, cli.RouterFlags(
		&cli.IntFlag{Name: "hops", Usage: "make tunnels of `NUMBER` hops both ways, 0 to 7", DefaultText: "the router's"},
		&cli.IntFlag{Name: "in-hops", Usage: "`NUMBER` of hops of inbound tunnels", DefaultText: "as --hops"},
		&cli.IntFlag{Name: "out-hops", Usage: "`NUMBER` of hops of outbound tunnels", DefaultText: "as --hops"},
		&cli.IntFlag{Name: "tunnels", Usage: "keep `NUMBER` tunnels each way, 1 to 16", DefaultText: "the router's"},
		&cli.StringSliceFlag{Name: "option", Aliases: []string{"O"}, Usage: "I2CP `OPTION=VALUE` by its documented name; may be repeated"},
		&cli.DurationFlag{Name: "timeout", Value: timeout, Usage: timeoutUsage},
	)...)
}

// options turns the flags into I2CP options; what -O says comes last.
func options(c *cli.Context) (map[string]string, error) {
	out := make(map[string]string)
	for _, f := range []struct {
		flag        string
		least, most int
		names       []string
	}{
		{"hops", 0, 7, []string{"inbound.length", "outbound.length"}},
		{"in-hops", 0, 7, []string{"inbound.length"}},
		{"out-hops", 0, 7, []string{"outbound.length"}},
		{"tunnels", 1, 16, []string{"inbound.quantity", "outbound.quantity"}},
	} {
		if !c.IsSet(f.flag) {
			continue
		}
		n := c.Int(f.flag)
		if n < f.least || n > f.most {
			return nil, cli.Usagef("--%s %d is not within %d to %d", f.flag, n, f.least, f.most)
		}
		for _, name := range f.names {
			out[name] = strconv.Itoa(n)
		}
	}
	for _, o := range c.StringSlice("option") {
		name, value, ok := strings.Cut(o, "=")
		if !ok || name == "" {
			return nil, cli.Usagef("-O %q is no OPTION=VALUE", o)
		}
		out[name] = value
	}
	return out, nil
}

// openSession makes the local destination that the flags describe.
func openSession(c *cli.Context, ctx context.Context, req control.Open) (*client.Session, error) {
	named, err := options(c)
	if err != nil {
		return nil, err
	}
	if req.Options == nil {
		req.Options = named
	} else {
		maps.Copy(req.Options, named)
	}
	router, err := cli.Router(c)
	if err != nil {
		return nil, err
	}
	session, err := router.Open(ctx, req)
	return session, timedOut(err, "the router does not answer")
}

// timedOut says what did not happen in time.
func timedOut(err error, what string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return cli.Againf("timed out: %s", what)
	}
	return err
}
