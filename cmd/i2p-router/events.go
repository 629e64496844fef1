package main

import (
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:        "events",
		Usage:       "follow what happens in the router, one JSON object a line",
		Description: "Ends when the router stops, or at an interrupt. A line with \"lost\" tells how many events came too fast.",
		Flags: cli.RouterFlags(
			&cli.BoolFlag{Name: "json", Usage: "print JSON, one object a line, as it does anyway"},
		),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			err := router.Events(c.Context, func() { cli.Serve(c) }, func(e control.Event) error { return cli.PrintJSON(e) })
			if cli.Served(c) {
				return nil // it was told to stop, and it did
			}
			return err
		}),
	}
}
