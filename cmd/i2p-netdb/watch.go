package main

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

func watchCommand() *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     "follow who comes, goes and changes",
		ArgsUsage: "[FILE|DIRECTORY|ZIP|SU3]…",
		Description: "It looks at what the running router knows, or at the files named, again and again, and prints what differs\n" +
			"since the look before, as diff does, each line with its time in front. With --snapshots it writes all that it\n" +
			"saw to a zip for each look at which something had changed, netdb-TIME.zip in DIRECTORY: list, diff and the\n" +
			"others take those. A look that fails is told on stderr, and the next one comes all the same. It ends at an\n" +
			"interrupt, or after --looks.",
		Flags: append(filterFlags(), cli.RouterFlags(
			cli.Duration(time.Second, cli.Forever, cli.DurationFlag{Name: "every", Value: time.Minute, Usage: "look every `DURATION`"}),
			cli.Int(1, 1<<30, cli.IntFlag{Name: "looks", Usage: "end after `NUMBER` looks", DefaultText: "never"}),
			cli.WrittenDirectory(cli.StringFlag{Name: "snapshots", Usage: "write what was seen into `DIRECTORY`, a zip each time"}),
			&cli.BoolFlag{Name: "all", Usage: "list those that were only published again, too"}, cli.JSONFlag())...),
		Action: func(c *cli.Context) error {
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			w := &watcher{c: c, wanted: wanted}
			if err := w.look(time.Now()); err != nil { // the first tells whether there is anything to watch
				return err
			}
			cli.Serve(c)
			return w.follow()
		},
	}
}

// watcher compares one look with the next.
type watcher struct {
	c      *cli.Context
	wanted func(*routerinfo.RouterInfo) bool
	before map[i2p.Hash]*routerinfo.RouterInfo // nil before the first look
	looks  int
}

func (w *watcher) follow() error {
	timer := time.NewTicker(w.c.Duration("every"))
	defer timer.Stop()
	for limit := w.c.Int("looks"); limit == 0 || w.looks < limit; {
		select {
		case <-w.c.Context.Done():
			return nil // it was told to stop, and it did
		case now := <-timer.C:
			switch err := w.look(now); {
			case err == nil:
			case w.c.Context.Err() != nil:
				return nil
			case unwritable(err):
				return err
			default:
				cli.Warnf(w.c, "%v", err)
			}
		}
	}
	return nil
}

// look reads all routers, and prints and keeps what differs.
func (w *watcher) look(now time.Time) error {
	w.looks++
	seen, err := setOf(w.c, w.c.Args().Slice(), w.wanted)
	if err != nil {
		return err
	}
	first := w.before == nil
	d := &differ{c: w.c, at: now}
	if !first {
		if err := d.compare(w.before, seen); err != nil {
			return written{err}
		}
	}
	w.before = seen
	if first {
		cli.Notef(w.c, "watching %s", words.Count(len(seen), "router"))
	}
	if dir := w.c.String("snapshots"); dir != "" && (first || d.new+d.gone+d.changed+d.again > 0) {
		name := filepath.Join(dir, "netdb-"+now.UTC().Format("20060102T150405Z")+".zip")
		err := atomicfile.Write(name, func(to io.Writer) error { return writeZip(to, seen) })
		if err != nil {
			return written{err}
		}
		cli.Verbosef(w.c, "%s", name)
	}
	return context.Cause(w.c.Context)
}

// written is an error of our own writing: unlike one of reading, it does not pass.
type written struct{ error }

func (w written) Unwrap() error { return w.error }

func unwritable(err error) bool {
	_, is := err.(written)
	return is
}
