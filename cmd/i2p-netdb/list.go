package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list RouterInfos",
		ArgsUsage: "[FILE|DIRECTORY|ZIP|-]…",
		Description: "Without an argument it lists what the running router knows. With -0 it prints hashes only.\n" +
			"Signatures are not verified: show does that.",
		Flags: append(filterFlags(), cli.RouterFlags(cli.JSONFlag(), cli.NulFlag())...),
		Action: func(c *cli.Context) error {
			args, err := cli.Positionals(c, 0, -1)
			if err != nil {
				return err
			}
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			var routers []record.Router
			take := func(ri *routerinfo.RouterInfo) {
				if wanted(ri) {
					routers = append(routers, record.OfRouter(ri, false))
				}
			}
			if len(args) == 0 {
				err = fromRouter(c, take)
			}
			for _, path := range args {
				if err == nil {
					err = fromPath(c, path, take)
				}
			}
			if err != nil {
				return err
			}
			return cli.PrintList(c, routers, func(w io.Writer, routers []record.Router) error { return printRouters(c, w, routers) })
		},
	}
}

// fromRouter lists what the running router knows.
func fromRouter(c *cli.Context, take func(*routerinfo.RouterInfo)) error {
	router, err := cli.Router(c)
	if err != nil {
		return err
	}
	damaged := 0
	err = router.NetDB(c.Context, control.KindRouterInfo, func(r control.Record) error {
		if ri, err := routerinfo.Parse(r.Data); err == nil {
			take(ri)
		} else {
			damaged++
		}
		return nil
	})
	if damaged > 0 {
		cli.Warnf(c, "the router gave %s", words.Count(damaged, "damaged RouterInfo"))
	}
	return err
}

// fromPath reads files.
func fromPath(c *cli.Context, path string, take func(*routerinfo.RouterInfo)) error {
	counts, err := load(c.Context, path, take)
	if err != nil {
		return err
	}
	if bad := counts.Junk + counts.Misnamed; bad > 0 {
		cli.Warnf(c, "%s: %d of %s %s damaged or misnamed", path, bad, words.Count(counts.Files, "file"), words.Verb(bad, "is", "are"))
	}
	if counts.Skipped > 0 {
		cli.Verbosef(c, "%s: %s skipped for want of a RouterInfo", path, words.Count(counts.Skipped, "file"))
	}
	return context.Cause(c.Context)
}

func printRouters(c *cli.Context, w io.Writer, routers []record.Router) error {
	if c.Bool("0") {
		for _, r := range routers {
			fmt.Fprint(w, r.Hash, cli.End(c))
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HASH\tCAPS\tVERSION\tPUBLISHED\tADDRESSES")
	for _, r := range routers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Hash, record.Clean(r.Caps), record.Clean(r.Version), r.Published.Format("2006-01-02T15:04Z"), strings.Join(r.Endpoints(), ", "))
	}
	return t.Flush()
}
