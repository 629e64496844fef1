package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
)

func addCommand() *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "add forwards, from a file or by their settings",
		ArgsUsage: "[FILE|NAME] [SETTING=VALUE]…",
		Description: "FILE is TOML, and the settings are those of such a file, see FORWARDS in i2p-tunnel(1):\n" +
			"NAME type=http listen=127.0.0.1:4444 options.inbound.length=2. Values of lists have commas between them.\n" +
			"The router keeps the forwards, and begins them again when it starts. Of a file with errors nothing is added.",
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
		_, err := assign(&p, text)
		if err = cmp.Or(seen(text), err); err != nil {
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
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
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
	plans, bad = plan.Parse(text)
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
			"removed, and what is the same stays with all its streams; of key files with another transient key the new one is\n" +
			"taken, and streams go on. What was done is printed. Forwards that run in the foreground of other commands stay as they are. A table that is wrong is told, with status 3, and hinders no\n" +
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
