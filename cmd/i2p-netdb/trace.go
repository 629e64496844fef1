package main

import (
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
)

// traced is a lookup with what it found, as JSON.
type traced struct {
	record.Trace
	Entry record.Shown `json:"entry,omitempty"`
}

// trace asks the network, and shows whom the router asked for that; then the entry.
func trace(c *cli.Context, router *client.Client, name i2p.Name, kind string, hash i2p.Hash) error {
	traces, err := cli.TraceLookUp(c.Context, router, kind, hash, c.Duration("timeout"))
	if err != nil {
		return err
	}
	for i, t := range traces {
		if err := printTrace(c, i, name, t); err != nil {
			return err
		}
	}
	return cli.FailureOf(traces)
}

func printTrace(c *cli.Context, i int, name i2p.Name, t control.Trace) error {
	now := time.Now()
	shown := traced{Trace: record.OfTrace(c.Args().First(), name, t, now)}
	var unreadable error
	if t.Record != nil {
		if shown.Entry, unreadable = record.Of(*t.Record, now); unreadable != nil {
			unreadable = cli.Dataf("%w", unreadable)
		}
	}
	if c.Bool("json") {
		if err := cli.PrintJSON(shown); err != nil {
			return err
		}
		return unreadable
	}
	if i > 0 {
		if err := cli.Printf(""); err != nil {
			return err
		}
	}
	if err := shown.Trace.Print(os.Stdout); err != nil {
		return err
	}
	if shown.Entry == nil {
		return unreadable
	}
	if err := cli.Printf(""); err != nil {
		return err
	}
	return shown.Entry.Print(os.Stdout)
}
