package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
		ArgsUsage: "[FILE | NAME] [SETTING=VALUE]…",
		Description: "FILE is TOML, and the settings are those of such a file, see FORWARDS: NAME type=http listen=127.0.0.1:4444\n" +
			"options.inbound.length=2. Values of lists have commas between them. The router keeps the forwards, and\n" +
			"begins them again when it starts. Of a file with errors nothing is added.",
		Flags: cli.RouterFlags(
			fileFlag(),
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

// fileFlag is -f. A file is known without it where it stands alone.
func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "the TOML `FILE` of forwards"}
}

// addition is what is to be added.
func addition(c *cli.Context) ([]plan.Plan, error) {
	args := c.Args().Slice()
	switch {
	case c.IsSet("file") && len(args) > 0:
		return nil, cli.Usagef("add: both -f and %q", args[0])
	case c.IsSet("file"):
		return readWhole(c, c.String("file"))
	case len(args) == 0:
		return nil, cli.Usagef("add: neither FILE nor NAME SETTING=VALUE…")
	case len(args) == 1:
		plans, err := readWhole(c, args[0])
		if errors.Is(err, fs.ErrNotExist) && plan.CheckName(args[0]) == nil {
			err = cli.WithHint(err, "add NAME type=TYPE SETTING=VALUE… makes a forward without a file")
		}
		return plans, err
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

// assign reads SETTING=VALUE. As elsewhere on a command line, a port alone is one of this machine.
func assign(p *plan.Plan, text string) (key string, err error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return "", fmt.Errorf("%q is no SETTING=VALUE", text)
	}
	switch key {
	case "listen", "targets":
		all := parts(value)
		for i := range all {
			all[i] = onThisMachine(all[i])
		}
		value = strings.Join(all, ",")
	}
	return key, set(p, key, value)
}

// readPlans reads a file of plans, and tells those of its tables that are none.
func readPlans(c *cli.Context, path string) (plans []plan.Plan, bad plan.Faults, err error) {
	text, err := cli.ReadText(c, path, maxPlans)
	if err != nil {
		return nil, nil, err
	}
	plans, bad = plan.ParseEach(text)
	return plans, bad, nil
}

// readWhole reads a file of plans all of which are to make sense.
func readWhole(c *cli.Context, path string) ([]plan.Plan, error) {
	plans, bad, err := readPlans(c, path)
	if err == nil && len(bad) > 0 {
		err = cli.BadData(cli.InputName(path), bad)
	}
	return plans, err
}

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name:      "reload",
		Usage:     "make the router's forwards those of a file",
		ArgsUsage: "[FILE]",
		Description: "What is in the file and not in the router is added, what differs is changed, what the file does not have is\n" +
			"removed, and what is the same stays with all its streams. What was done is printed. Forwards that run in\n" +
			"the foreground of other commands stay as they are. A table that is wrong is told, with status 3, and hinders no\n" +
			"other; what the router has by its name stays. Of a file with no table that makes sense nothing is done.",
		Flags: cli.RouterFlags(
			fileFlag(),
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done"},
			cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			path := c.Args().First()
			switch {
			case c.IsSet("file") && path != "":
				return cli.Usagef("reload: both -f and %q", path)
			case c.IsSet("file"):
				path = c.String("file")
			case path == "":
				return cli.Usagef("reload: FILE is missing")
			}
			plans, bad, err := readPlans(c, path)
			if err == nil && len(plans) == 0 && len(bad) > 0 { // all that there is would be removed
				err = cli.BadData(cli.InputName(path), bad)
			}
			if err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			done, err := router.ApplyForwards(c.Context, control.ApplyForwards{Plans: plans, Keep: bad.Tables(), Dry: c.Bool("dry-run")})
			if err != nil {
				return err
			}
			var wrong cli.Failures
			for _, err := range bad.In(cli.InputName(path)) {
				if err := wrong.Note(c, cli.BadData("", err)); err != nil {
					return err
				}
			}
			var now []control.Forward
			if !c.Bool("dry-run") {
				if now, err = located(c.Context, router, slices.Concat(done.Added, done.Changed)); err != nil {
					return err
				}
			}
			return cmp.Or(printApplied(c, done, now), wrong.Err())
		},
	}
}

func removeCommand() *cli.Command {
	return &cli.Command{
		Name:        "remove",
		Usage:       "end forwards, and forget them",
		ArgsUsage:   "NAME…",
		Description: "Their key files stay: a forward that is added with the same key is at the same address again.",
		Flags:       cli.RouterFlags(cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			done := control.AppliedForwards{Added: []string{}, Changed: []string{}, Removed: []string{}, Kept: []string{}}
			var failures cli.Failures
			var ended error
			for _, name := range c.Args().Slice() {
				err := router.RemoveForward(c.Context, name)
				if err == nil {
					done.Removed = append(done.Removed, name)
				}
				if ended = failures.Note(c, err); ended != nil {
					break
				}
			}
			return cmp.Or(ended, printApplied(c, done, nil), failures.Err())
		},
	}
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list the forwards",
		ArgsUsage: "[NAME…]",
		Description: "A line for each, or for those that are named: its state, where it is to be found on this machine and in\n" +
			"I2P, the streams that it carries now, the bytes a second of the last seconds, and the tunnels that stand in\n" +
			"and out. The states are opening (its tunnels are being built), ready, no tunnels (those that it had have\n" +
			"gone, since when is told below), idle (it has none before somebody connects), failed (why is told below) and\n" +
			"stopped.",
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
