package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// tunnelFlags are what all verbs take that make a local destination.
func tunnelFlags(timeout cli.DurationFlag, more ...cli.Flag) []cli.Flag {
	return append(more, cli.RouterFlags(
		cli.Int(0, 7, cli.IntFlag{Name: "hops", Usage: "make tunnels of `NUMBER` hops both ways, 0 to 7", DefaultText: "the router's"}),
		cli.Int(0, 7, cli.IntFlag{Name: "in-hops", Usage: "`NUMBER` of hops of inbound tunnels", DefaultText: "as --hops"}),
		cli.Int(0, 7, cli.IntFlag{Name: "out-hops", Usage: "`NUMBER` of hops of outbound tunnels", DefaultText: "as --hops"}),
		cli.Int(1, 16, cli.IntFlag{Name: "tunnels", Usage: "keep `NUMBER` tunnels each way, 1 to 16", DefaultText: "the router's"}),
		cli.CheckedList(cli.StringSliceFlag{Name: "option", Aliases: []string{"O"}, Usage: "I2CP `OPTION=VALUE` by its documented name; may be repeated"}, checkOption),
		cli.Timeout(timeout),
	)...)
}

// options turns the flags into I2CP options; what -O says comes last.
func options(c *cli.Context) map[string]string {
	out := make(map[string]string)
	for _, f := range []struct {
		flag  string
		names []string
	}{
		{"hops", []string{"inbound.length", "outbound.length"}},
		{"in-hops", []string{"inbound.length"}},
		{"out-hops", []string{"outbound.length"}},
		{"tunnels", []string{"inbound.quantity", "outbound.quantity"}},
	} {
		if !c.IsSet(f.flag) {
			continue
		}
		for _, name := range f.names {
			out[name] = strconv.Itoa(c.Int(f.flag))
		}
	}
	for _, o := range c.StringSlice("option") {
		name, value, _ := strings.Cut(o, "=")
		out[name] = value
	}
	return out
}

func checkOption(text string) error {
	if name, _, ok := strings.Cut(text, "="); !ok || name == "" {
		return fmt.Errorf("%q is no OPTION=VALUE", text)
	}
	return nil
}

// openSession makes the local destination that the flags describe.
func openSession(c *cli.Context, ctx context.Context, req control.Open) (*client.Session, error) {
	named := options(c)
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
