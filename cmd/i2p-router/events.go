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
		Description: "Ends when the router stops. A line with \"lost\" tells how many events came too fast.",
		Flags:       cli.RouterFlags(),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			return router.Events(c.Context, func(e control.Event) error { return cli.PrintJSON(e) })
		}),
	}
}
