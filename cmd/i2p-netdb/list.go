package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list RouterInfos",
		ArgsUsage: "[FILE|DIRECTORY|ZIP|SU3|-]…",
		Description: "Without an argument it lists what the running router knows. With -0 it prints hashes only.\n" +
			"An argument that is damaged or missing is told on stderr, and makes the status 3 or 1; the others are listed all\n" +
			"the same. Of directories and zips, the files with the names that RouterInfos have are read; how many were passed\n" +
			"over is told, and with -v which, and why. Signatures are looked at with --verify: what is badly signed is passed\n" +
			"over then, too.",
		Flags: append(filterFlags(), cli.RouterFlags(
			&cli.BoolFlag{Name: "verify", Usage: "list only what is signed well"}, cli.JSONFlag(), cli.NulFlag())...),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(c.Context)
			defer cancel()
			out := newLister(c)
			take := func(ri *routerinfo.RouterInfo) {
				if wanted(ri) && !out.print(ri) {
					cancel()
				}
			}
			if len(args) == 0 {
				err = fromRouter(ctx, c, take)
			} else {
				err = fromPaths(ctx, c, args, take)
			}
			return out.end(err)
		},
	}
}

// fromRouter lists what the running router knows.
func fromRouter(ctx context.Context, c *cli.Context, take func(*routerinfo.RouterInfo)) error {
	router, err := cli.Router(c)
	if err != nil {
		return err
	}
	damaged := 0
	err = router.NetDB(ctx, control.KindRouterInfo, func(r control.Record) error {
		ri, err := routerinfo.Parse(r.Data)
		if err == nil && c.Bool("verify") {
			err = ri.Verify()
		}
		if err != nil {
			damaged++
			return nil
		}
		take(ri)
		return nil
	})
	if damaged > 0 {
		cli.Warnf(c, "the router gave %s", words.Count(damaged, "damaged RouterInfo"))
	}
	return err
}

// fromPaths reads files, each for itself.
func fromPaths(ctx context.Context, c *cli.Context, paths []string, take func(*routerinfo.RouterInfo)) error {
	var failures cli.Failures
	for _, path := range paths {
		if err := failures.Note(c, fromPath(ctx, c, path, take)); err != nil {
			return err
		}
	}
	return failures.Err()
}

// fromPath reads a file, directory, zip or bundle.
func fromPath(ctx context.Context, c *cli.Context, path string, take func(*routerinfo.RouterInfo)) error {
	counts, err := load(ctx, c, path, looked(c), take)
	if err != nil {
		return err
	}
	tell(c, cli.InputName(path), counts)
	return ctx.Err()
}

// looked tells of a file that is passed over, with -v; with --verify one that is badly signed is, too.
func looked(c *cli.Context) netdbdir.LoadConfig {
	return netdbdir.LoadConfig{Verify: c.Bool("verify"), Passed: func(file string, why error) { cli.Verbosef(c, "%s: passed over: %v", file, why) }}
}

// tell says how many files of a directory or zip were no use.
func tell(c *cli.Context, name string, counts netdbdir.Loaded) {
	if bad := counts.Junk + counts.Misnamed; bad > 0 {
		cli.Warnf(c, "%s: %d of %s %s damaged or misnamed", name, bad, words.Count(counts.Files, "file"), words.Verb(bad, "is", "are"))
	}
	if counts.Foreign > 0 {
		cli.Notef(c, "%s: %s of other names passed over", name, words.Count(counts.Foreign, "file"))
	}
	if counts.Skipped > 0 {
		cli.Warnf(c, "%s: %s too many passed over", name, words.Count(counts.Skipped, "file"))
	}
}

// lister prints RouterInfos as they come: a netDb has too many to wait for the last.
type lister struct {
	json  bool
	nul   bool
	w     *bufio.Writer
	begun bool
	err   error
}

func newLister(c *cli.Context) *lister {
	return &lister{json: c.Bool("json"), nul: c.Bool("0"), w: bufio.NewWriter(os.Stdout)}
}

// print tells whether there is use in printing more.
func (l *lister) print(ri *routerinfo.RouterInfo) bool {
	if l.err != nil {
		return false
	}
	switch {
	case l.json:
		l.err = cli.WriteJSON(l.w, record.OfRouter(ri, false))
	case l.nul:
		_, l.err = l.w.WriteString(ri.Hash().String() + "\x00")
	default:
		l.head()
		r := record.OfRouter(ri, false)
		l.row(r.Hash, r.Caps, r.Version, r.Published.Format("2006-01-02T15:04Z"), strings.Join(r.Endpoints(), ", "))
	}
	return l.err == nil
}

func (l *lister) head() {
	if !l.begun && !l.json && !l.nul {
		l.begun = true
		l.row("HASH", "CAPS", "VERSION", "PUBLISHED", "ADDRESSES")
	}
}

// row prints columns that are as wide as what is mostly in them.
func (l *lister) row(hash, caps, version, published, addresses string) {
	if _, err := fmt.Fprintf(l.w, "%-44s  %-6s  %-7s  %-17s  %s\n", hash, cli.Clean(caps), cli.Clean(version), published, cli.Clean(addresses)); l.err == nil {
		l.err = err
	}
}

// end writes what is left, and returns what went wrong. A list of none has a head, unless
// nothing could be read.
func (l *lister) end(err error) error {
	if l.err != nil {
		return l.err
	}
	if err == nil {
		l.head()
	}
	if flushErr := l.w.Flush(); flushErr != nil {
		return flushErr
	}
	return err
}
