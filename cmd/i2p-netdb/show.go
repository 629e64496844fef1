package main

import (
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// maxRecord bounds a netDb entry's file.
const maxRecord = 64 << 10

func showCommand() *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "show netDb entries in full, with their signatures' state",
		ArgsUsage:   "FILE|DIRECTORY|ZIP|SU3|-…",
		Description: "Files are RouterInfos, LeaseSets, LeaseSet2s, EncryptedLeaseSets or MetaLeaseSets.",
		Flags:       []cli.Flag{cli.JSONFlag()},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			out := &printer{c: c}
			var failures cli.Failures
			for _, path := range args {
				if err := failures.Note(c, showPath(c, path, out)); err != nil {
					return err
				}
				if out.err != nil {
					return out.err
				}
			}
			return failures.Err()
		},
	}
}

func showPath(c *cli.Context, path string, out *printer) error {
	take := func(ri *routerinfo.RouterInfo) { out.print(record.OfRouter(ri, true)) }
	return each(c, path, looked(c), take, func(name string, counts netdbdir.Loaded) { tell(c, name, counts) }, func(in *cli.Peeked) error {
		b, err := in.ReadAll(maxRecord)
		if err != nil {
			return cli.BadData(in.Name, err)
		}
		shown, err := record.Guess(b, time.Now())
		if err != nil {
			return cli.Dataf("%s: %w", in.Name, err)
		}
		out.print(shown)
		return nil
	})
}

// printer prints entries, with a line between them in text.
type printer struct {
	c     *cli.Context
	count int
	err   error
}

func (p *printer) print(shown record.Shown) {
	if p.err != nil {
		return
	}
	if p.c.Bool("json") {
		p.err = cli.PrintJSON(shown)
		return
	}
	if p.count++; p.count > 1 {
		p.err = cli.Printf("")
	}
	if p.err == nil {
		p.err = shown.Print(os.Stdout)
	}
}
