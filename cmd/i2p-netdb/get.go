package main

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
)

func getCommand() *cli.Command {
	return &cli.Command{
		Name:      "get",
		Usage:     "ask the network for a router's or a destination's entry",
		ArgsUsage: "HASH|NAME",
		Description: "A NAME is a host name of the router's address books or an address. The entry is shown, or its exact bytes are written to -o FILE. A b32 address is a destination's; a\nhash in base64 may be a router's too, and --kind says whose it is.\n\n" +
			"The router asks floodfills near the key of the day, also where it has the entry itself. --trace shows each one that was\n" +
			"asked: when, how many leading bits its hash shares with that key, and what it answered after how long; then where\n" +
			"the entry came from, or why it was not found.",
		Flags: cli.RouterFlags(
			cli.OneOf(cli.StringFlag{Name: "kind", Usage: "ask for a `KIND` only: router or leaseset"}, "router", "leaseset"),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give up with status 5 after `DURATION`"}),
			&cli.BoolFlag{Name: "trace", Usage: "show every floodfill that was asked, and what it answered"},
			cli.JSONFlag(), cli.OutputFlag(), cli.ForceFlag(),
		),
		Action: func(c *cli.Context) error {
			if c.Bool("trace") && c.String("output") != "" {
				return cli.Usagef("--trace shows how the entry is found, and -o writes its bytes: they exclude each other")
			}
			args := c.Args().Slice()
			name, err := cli.ParseName(args[0])
			if err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			if name, err = ofHost(c, name); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			hash, kind, err := cli.EntryOf(name, time.Now())
			if err != nil {
				return err
			}
			switch c.String("kind") {
			case "router":
				kind = control.KindRouterInfo
			case "leaseset":
				kind = control.KindLeaseSet
			}
			if c.Bool("trace") {
				return trace(c, router, name, kind, hash)
			}
			found, err := cli.LookUp(c.Context, router, kind, hash, c.Duration("timeout"))
			if err != nil {
				return err
			}
			if c.String("output") != "" {
				return cli.WriteOutput(c, found.Data)
			}
			shown, err := record.Of(found, time.Now())
			if err != nil {
				return cli.Dataf("%w", err)
			}
			out := &printer{c: c}
			out.print(shown)
			return out.err
		},
	}
}
