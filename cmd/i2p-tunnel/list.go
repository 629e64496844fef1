package main

import (
	"cmp"
	"context"
	"fmt"
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/words"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list the forwards",
		ArgsUsage: "[NAME…]",
		Description: "A line for each, or for those that are named: its state, where it is to be found on this machine and in\n" +
			"I2P, the streams that it carries now, the bytes a second of the last seconds, and the tunnels that stand in\n" +
			"and out. The states are opening (its tunnels are being built), ready, no tunnels (those that it had have\n" +
			"gone, since when is told below), idle (it has none before somebody connects), failed (why is told below) and\n" +
			"stopped. Transient keys are spoken of below from a week before they expire.",
		Flags: cli.RouterFlags(
			&cli.BoolFlag{Name: "names", Usage: "print nothing but the names"},
			&cli.BoolFlag{Name: "watch", Usage: "list them again and again, until interrupted"},
			cli.Duration(100*time.Millisecond, time.Hour, cli.DurationFlag{Name: "every", Value: 2 * time.Second, Usage: "with --watch, every `DURATION`"}),
			cli.JSONFlag(), cli.NulFlag()),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			if !c.Bool("watch") {
				return listForwards(c, router)
			}
			return watchForwards(c, router)
		}),
	}
}

// listed is one line of list.
type listed struct {
	control.Forward
	TunnelsIn  int `json:"tunnels_in"`
	TunnelsOut int `json:"tunnels_out"`
}

// forwardsNow asks the router, with the tunnels of each.
func forwardsNow(ctx context.Context, router *client.Client) ([]listed, error) {
	forwards, err := router.Forwards(ctx)
	if err != nil {
		return nil, err
	}
	tunnels, err := router.Tunnels(ctx)
	if err != nil {
		return nil, err
	}
	in, out := make(map[string]int), make(map[string]int)
	for _, t := range tunnels {
		if t.Direction == control.Inbound {
			in[t.Owner]++
		} else {
			out[t.Owner]++
		}
	}
	var all []listed
	for _, f := range forwards {
		l := listed{Forward: f}
		if f.Address != "" {
			l.TunnelsIn, l.TunnelsOut = in[f.Address], out[f.Address]
		}
		all = append(all, l)
	}
	return all, nil
}

func listForwards(c *cli.Context, router *client.Client) error {
	all, err := forwardsNow(c.Context, router)
	if err != nil {
		return err
	}
	var failures cli.Failures
	if names := c.Args().Slice(); len(names) > 0 {
		all = slices.DeleteFunc(all, func(l listed) bool { return !slices.Contains(names, l.Name) })
		for _, name := range names {
			if slices.ContainsFunc(all, func(l listed) bool { return l.Name == name }) {
				continue
			}
			if err := failures.Note(c, fmt.Errorf("there is no forward %s", name)); err != nil {
				return err
			}
		}
		if len(all) == 0 {
			return failures.Err()
		}
	}
	return cmp.Or(printListed(c, all), failures.Err())
}

func printListed(c *cli.Context, all []listed) error {
	return cli.PrintList(c, all, func(w io.Writer, all []listed) error {
		if c.Bool("names") || c.Bool("0") {
			for _, l := range all {
				if _, err := io.WriteString(w, l.Name+cli.End(c)); err != nil {
					return err
				}
			}
			return nil
		}
		return printForwards(w, all)
	})
}

func printForwards(w io.Writer, all []listed) error {
	t := cli.NewTable(w)
	t.Row("NAME", "TYPE", "STATE", "LOCAL", "IN I2P", "STREAMS", "IN/S", "OUT/S", "TUNNELS")
	for _, l := range all {
		state := stateText(l.State)
		if l.Foreground {
			state += "*"
		}
		t.Row(l.Name, l.Type, state, localEnd(l.Forward), farEnd(l.Forward), l.Streams, words.Bytes(l.RateIn), words.Bytes(l.RateOut),
			fmt.Sprintf("%d/%d", l.TunnelsIn, l.TunnelsOut))
	}
	for _, l := range all {
		if why := whyNot(l.Forward); why != "" {
			t.Rowf("", "%s: %s", l.Name, why)
		}
		if text := cli.KeyEnds(l.KeyExpires, time.Now()); text != "" {
			t.Rowf("", "%s: %s", l.Name, text)
		}
	}
	return t.Flush()
}

// stateText is a state as people read it.
func stateText(s control.ForwardState) string { return strings.ReplaceAll(string(s), "_", " ") }

// whyNot says why a forward is of no use, as far as that is seen, and since when it has no tunnels.
func whyNot(f control.Forward) string {
	to := f.Destinations
	if f.Type.Serves() {
		to = f.Targets
	}
	switch {
	case f.State == control.ForwardReady && f.Opened == 0 && f.Failed > 0 && len(to) > 0:
		return fmt.Sprintf("%s failed, and none has come through to %s", words.Count(int(f.Failed), "connection"), strings.Join(to, ", "))
	case f.State != control.ForwardNoTunnels:
		return f.Error
	}
	text := "no tunnels since " + f.Since.UTC().Format(time.RFC3339)
	if f.Error != "" {
		text += ": " + f.Error
	}
	return text
}

// localEnd is where a forward is to be found on this machine, or what it leads to there.
func localEnd(f control.Forward) string {
	if f.Listen != "" {
		return f.Listen
	}
	return strings.Join(f.Targets, ",")
}

// farEnd is where a server is to be found in I2P, and where a client goes.
func farEnd(f control.Forward) string {
	switch {
	case f.Type.Serves():
		return f.Address
	case len(f.Destinations) > 0:
		return strings.Join(f.Destinations, ",")
	}
	return "-"
}

// watchForwards lists again and again; on a terminal in the same place.
func watchForwards(c *cli.Context, router *client.Client) error {
	timer := time.NewTicker(c.Duration("every"))
	defer timer.Stop()
	again := cli.Decorates(c, os.Stdout) && !c.Bool("json")
	for {
		if again {
			if _, err := io.WriteString(os.Stdout, "\x1b[H\x1b[J"); err != nil {
				return err
			}
		}
		if err := listForwards(c, router); err != nil {
			return err
		}
		cli.Serve(c)
		select {
		case <-timer.C:
		case <-c.Context.Done():
			return nil // it was told to stop, and it did
		}
	}
}
