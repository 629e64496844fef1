package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
)

func exploreCommand() *cli.Command {
	return &cli.Command{
		Name:  "explore",
		Usage: "have the router look for routers that it does not know",
		Description: "For each of several random keys the router asks a floodfill which routers are near, and then looks up those that\n" +
			"it did not know. It is what it does from time to time by itself. Each search is shown: who was asked, how long the answer\n" +
			"took, how many routers it named, how many of them were new, and of how many the RouterInfo was found.",
		Flags: cli.RouterFlags(
			cli.Int(1, control.MaxSearches, cli.IntFlag{Name: "n", Value: 4, Usage: "`NUMBER` of searches"}),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "wait no longer than `DURATION`"}),
			cli.JSONFlag(),
		),
		Action: func(c *cli.Context) error {
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			timeout := c.Duration("timeout")
			ctx, cancel := context.WithTimeout(c.Context, timeout+time.Second) // the router's own clock decides
			defer cancel()
			done, err := router.Explore(ctx, control.Explore{Searches: c.Int("n"), TimeoutMillis: timeout.Milliseconds()})
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = cli.PrintJSON(done)
			} else {
				err = printExplored(done)
			}
			if err != nil {
				return err
			}
			return vain(done)
		},
	}
}

func printExplored(done control.Explored) error {
	t := cli.NewTable(os.Stdout)
	t.Row("FLOODFILL", "BITS", "TOOK", "NAMED", "NEW", "LEARNT")
	for _, s := range done.Searches {
		for _, a := range s.Asked {
			if a.Answer == control.AnswerNamed {
				t.Row(a.Floodfill, a.SharedBits, fmt.Sprintf("%d ms", a.TookMillis), a.Named, a.New, len(s.Learned))
			} else {
				t.Row(a.Floodfill, a.SharedBits, "-", "-", "-", "-")
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return cli.Printf("%d routers learnt, %d known now", done.Learned, done.Known)
}

// vain is why nothing came of any search: nil where one was answered.
func vain(done control.Explored) (failure error) {
	for _, s := range done.Searches {
		if s.Error == nil {
			return nil
		}
		failure = s.Error
	}
	return failure
}
