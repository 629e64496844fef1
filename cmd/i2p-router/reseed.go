package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/words"
)

func reseedCommand() *cli.Command {
	return &cli.Command{
		Name:      "reseed",
		Usage:     "make the running router get RouterInfos from reseed servers or files now",
		ArgsUsage: "[URL|PATH]…",
		Description: "Without an argument it asks whom its configuration names, or the known servers. A PATH is a su3 file, a zip\n" +
			"or a netDb directory, which the router reads itself. Each source gets a line that says what came of it.",
		Flags: cli.RouterFlags(cli.JSONFlag(),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: 2 * time.Minute, Usage: "give up with status 5 after `DURATION`"}),
		),
		Action: func(c *cli.Context) error {
			sources, err := reseedSources(c.Args().Slice())
			if err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer cancel()
			done, err := router.Reseed(ctx, sources)
			if err != nil {
				return late(err, "the router is still asking")
			}
			if err := cli.PrintList(c, done.Servers, printReseed); err != nil {
				return err
			}
			servers := slices.ContainsFunc(done.Servers, func(s control.ReseedServer) bool { return strings.Contains(s.Server, "://") })
			switch {
			case done.Learned > 0:
				cli.Notef(c, "%s", done.Reason)
				return nil
			case done.Reached:
				return fmt.Errorf("no RouterInfos: %s", done.Reason)
			case !servers: // there was nobody to be reached
				return fmt.Errorf("no RouterInfos from %s", words.Count(len(done.Servers), "source"))
			}
			return control.Errorf(control.NoTunnels, "no RouterInfos: %s", done.Reason) // nothing else is lacking
		},
	}
}

// reseedSources are URLs as they are, and paths as the router finds them.
func reseedSources(args []string) ([]string, error) {
	urls, paths := splitSources(args)
	for _, p := range paths {
		if p == "-" {
			return nil, cli.Usagef("reseed: the router reads files, not this command's input")
		}
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		urls = append(urls, abs)
	}
	return urls, nil
}

func printReseed(w io.Writer, servers []control.ReseedServer) error {
	t := cli.NewTable(w)
	t.Row("SOURCE", "FOUND", "TAKEN", "NEW", "SIGNER", "RESULT")
	for _, s := range servers {
		t.Row(s.Server, s.Found, s.Accepted, s.New, s.Signer, s.Reason)
	}
	return t.Flush()
}

// reseedRows are what status says of it: how it stands, and of each server of the last try.
func reseedRows(row func(name, format string, args ...any), r control.Reseed) {
	switch {
	case r.State == "": // an older router
		return
	case r.State == control.ReseedWaiting && !r.Next.IsZero():
		row("reseed", "%s, again at %s: %s", r.State, r.Next.UTC().Format(time.TimeOnly), r.Reason)
	case r.Last.IsZero():
		row("reseed", "%s: %s", r.State, r.Reason)
	default:
		row("reseed", "%s, last at %s: %s", r.State, r.Last.UTC().Format(time.DateTime), r.Reason)
	}
	for _, s := range r.Servers {
		row("", "%s: %s", s.Server, s.Reason)
	}
}
