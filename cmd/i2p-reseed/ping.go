package main

import (
	"context"
	"sync"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
)

// pingsAtOnce bounds how many servers are asked at a time.
const pingsAtOnce = 8

func pingCommand() *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "see which reseed servers work",
		ArgsUsage: "[URL]…",
		Description: "Each server, without an argument each of the known ones, is asked for its bundle, which is checked and\n" +
			"forgotten. The exit status is 0 if all of them work, 5 if the only trouble is that some were not reached,\n" +
			"1 if one does not do as it should.",
		Flags: clientFlags(),
		Action: func(c *cli.Context) error {
			cfg, err := fetchConfig(c)
			if err != nil {
				return err
			}
			servers, paths, err := sources(c.Args().Slice())
			if err != nil {
				return err
			}
			if len(paths) > 0 {
				return cli.Usagef("ping: %q is no URL", paths[0])
			}
			reports, err := ping(c.Context, cfg, servers)
			if err != nil {
				return err
			}
			if err := printReports(c, reports); err != nil {
				return err
			}
			return pingStatus(reports)
		},
	}
}

// ping asks all servers, in the order given.
func ping(ctx context.Context, cfg fetch.Config, servers []string) ([]fetch.Report, error) {
	if len(servers) == 0 {
		servers = reseed.Servers()
	}
	reports := make([]fetch.Report, len(servers))
	slots := make(chan struct{}, pingsAtOnce)
	var asking sync.WaitGroup
	for i, server := range servers {
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			reports[i], _, _ = fetch.One(ctx, cfg, server) // the report has the error
		})
	}
	asking.Wait()
	return reports, context.Cause(ctx)
}

func pingStatus(reports []fetch.Report) error {
	status := cli.StatusDone
	for _, r := range reports {
		switch {
		case r.Result == fetch.OK:
		case !r.Result.Unreached():
			return cli.Silent(cli.StatusFailed)
		default:
			status = cli.StatusAgain
		}
	}
	if status != cli.StatusDone {
		return cli.Silent(status)
	}
	return nil
}
