package main

import (
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:        "events",
		Usage:       "follow what happens in the router, one JSON object a line",
		Description: "Ends when the router stops. A line with \"lost\" tells how many events came too fast.",
		Flags:       cli.RouterFlags(),
		Action: func(c *cli.Context) error {
			if _, err := cli.Positionals(c, 0, 0); err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			return router.Events(c.Context, func(e control.Event) error { return cli.PrintJSON(e) })
		},
	}
}
