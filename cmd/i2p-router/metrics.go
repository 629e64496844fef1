package main

import (
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control/client"
)

func metricsCommand() *cli.Command {
	return &cli.Command{
		Name:  "metrics",
		Usage: "print what the running router counts, for Prometheus",
		Description: "The output is in the Prometheus text format; docs/metrics.md lists what there is. No label names a\n" +
			"destination, a peer or an address. A scraper has the same by GET /v1/metrics at the control socket.",
		Flags: cli.RouterFlags(),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			return router.Metrics(c.Context, os.Stdout)
		}),
	}
}
