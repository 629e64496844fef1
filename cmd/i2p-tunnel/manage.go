package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/words"
)

func addCommand() *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "add forwards, from a file or by their settings",
		ArgsUsage: "[NAME] [SETTING=VALUE]…",
		Description: "The settings are those of a file of plans, see FORWARDS: type=http listen=127.0.0.1:4444\n" +
			"options.inbound.length=2. Values of lists have commas between them. The router keeps the forwards, and\n" +
			"begins them again when it starts. Of a file with errors nothing is added.",
		Flags: cli.RouterFlags(
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "add the forwards of the TOML `FILE`"},
			&cli.BoolFlag{Name: "replace", Usage: "change those that are there already"},
			cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			plans, err := addition(c)
			if err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			return keep(c, router, plans)
		},
	}
}

// addition is what is to be added.
func addition(c *cli.Context) ([]plan.Plan, error) {
	args := c.Args().Slice()
	switch {
	case c.IsSet("file") && len(args) > 0:
		return nil, cli.Usagef("add: both -f and %q", args[0])
	case c.IsSet("file"):
		return readPlans(c, c.String("file"))
	case len(args) == 0:
		return nil, cli.Usagef("add: neither -f FILE nor NAME SETTING=VALUE…")
	}
	p := plan.Plan{Name: args[0]}
	for _, text := range args[1:] {
		if _, err := assign(&p, text); err != nil {
			return nil, cli.Usagef("%v", err)
		}
	}
	if err := p.Check(); err != nil {
		return nil, cli.Usagef("%v", err)
	}
	return []plan.Plan{p}, nil
}

// assign reads SETTING=VALUE.
func assign(p *plan.Plan, text string) (key string, err error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return "", fmt.Errorf("%q is no SETTING=VALUE", text)
	}
	return key, set(p, key, value)
}

// readPlans reads a file of plans.
func readPlans(c *cli.Context, path string) ([]plan.Plan, error) {
	text, err := cli.ReadText(c, path, maxPlans)
	if err != nil {
		return nil, err
	}
	plans, err := plan.Parse(text)
	return plans, cli.BadData(cli.InputName(path), err)
}

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "make the router's forwards those of a file",
		Description: "What is in the file and not in the router is added, what differs is changed, what the file does not have is\n" +
			"removed, and what is the same stays with all its streams. What was done is printed. Forwards that run in\n" +
			"the foreground of other commands stay as they are. Of a file with errors nothing is done.",
		Flags: cli.RouterFlags(
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "the TOML `FILE` with all forwards"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done"},
			cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			if !c.IsSet("file") {
				return cli.Usagef("reload: -f FILE is missing")
			}
			plans, err := readPlans(c, c.String("file"))
			if err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			done, err := router.ApplyForwards(c.Context, control.ApplyForwards{Plans: plans, Dry: c.Bool("dry-run")})
			if err != nil {
				return err
			}
			return printApplied(c, done)
		},
	}
}

// printApplied says what became of forwards. One that failed makes the command fail.
func printApplied(c *cli.Context, done control.AppliedForwards) error {
	if c.Bool("json") {
		if err := cli.PrintJSON(done); err != nil {
			return err
		}
	} else {
		for _, part := range []struct {
			what  string
			names []string
		}{{"added", done.Added}, {"changed", done.Changed}, {"removed", done.Removed}, {"kept", done.Kept}} {
			for _, name := range part.names {
				if err := cli.Printf("%-7s %s", part.what, name); err != nil {
					return err
				}
			}
		}
	}
	return failuresOf(c, done)
}

// failuresOf says which forwards could not be had, and why.
func failuresOf(c *cli.Context, done control.AppliedForwards) error {
	var failures cli.Failures
	for _, name := range slices.Sorted(maps.Keys(done.Failed)) {
		if err := failures.Note(c, fmt.Errorf("%s: %s", name, done.Failed[name])); err != nil {
			return err
		}
	}
	return failures.Err()
}

func removeCommand() *cli.Command {
	return &cli.Command{
		Name:        "remove",
		Usage:       "end forwards, and forget them",
		ArgsUsage:   "NAME…",
		Description: "Their key files stay: a forward that is added with the same key is at the same address again.",
		Flags:       cli.RouterFlags(),
		Action: func(c *cli.Context) error {
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			var failures cli.Failures
			for _, name := range c.Args().Slice() {
				err := router.RemoveForward(c.Context, name)
				if err == nil {
					err = cli.Printf("removed %s", name)
				}
				if err := failures.Note(c, err); err != nil {
					return err
				}
			}
			return failures.Err()
		},
	}
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the forwards",
		Description: "A line for each: its state, where it is to be found on this machine and in I2P, the streams that it carries\n" +
			"now, the bytes a second of the last seconds, and the tunnels that stand in and out. The states are opening\n" +
			"(its tunnels are being built), ready, no tunnels (those that it had have gone, since when is told below),\n" +
			"idle (it has none before somebody connects), failed (why is told below) and stopped.",
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
	}
	return t.Flush()
}

// stateText is a state as people read it.
func stateText(s control.ForwardState) string { return strings.ReplaceAll(string(s), "_", " ") }

// whyNot says why a forward is of no use, and since when it has no tunnels.
func whyNot(f control.Forward) string {
	if f.State != control.ForwardNoTunnels {
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
