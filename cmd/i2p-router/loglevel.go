package main

import (
	"slices"
	"strings"

	"i2ptoolkit/pkg/cli"
)

func logLevelCommand() *cli.Command {
	return &cli.Command{
		Name:        "log-level",
		Usage:       "show the running router's log level, or change it until it stops",
		ArgsUsage:   "[debug|info|warn|error]",
		Description: "Without an argument it prints the level.",
		Flags:       cli.RouterFlags(),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if len(args) == 1 {
				args[0] = strings.ToLower(args[0]) // as --log-level takes it
			}
			if len(args) == 1 && !slices.Contains(logLevels(), args[0]) {
				return cli.Usagef("log-level: %q is none of %s", args[0], strings.Join(logLevels(), ", "))
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return router.ChangeLogLevel(c.Context, args[0])
			}
			level, err := router.LogLevel(c.Context)
			if err != nil {
				return err
			}
			return cli.Printf("%s", level)
		},
	}
}
