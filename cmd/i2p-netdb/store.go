package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/words"
)

func storeCommand() *cli.Command {
	return &cli.Command{
		Name:      "store",
		Usage:     "have floodfills keep a router's or a destination's entry",
		ArgsUsage: "FILE|-",
		Description: "FILE is a RouterInfo or a lease set of any kind, as its owner signed it. The router sends it through tunnels of its own to\n" +
			"floodfills near the key of the day, one after the other until -n have confirmed it, and then asks others for it: they\n" +
			"have it once it was passed on. Nobody renews it: a lease set is gone when it expires, a RouterInfo after a day.",
		Flags: cli.RouterFlags(
			cli.Int(1, control.MaxCopies, cli.IntFlag{Name: "n", Value: 2, Usage: "`NUMBER` of floodfills that are to confirm it"}),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up with status 5 after `DURATION`"}),
			cli.JSONFlag(),
		),
		Action: func(c *cli.Context) error {
			in, err := cli.PeekInput(c, c.Args().First())
			if err != nil {
				return err
			}
			defer in.Close()
			b, err := in.ReadAll(maxRecord)
			if err != nil {
				return cli.BadData(in.Name, err)
			}
			_, kind, err := record.Identify(b, time.Now())
			if err != nil {
				return cli.Dataf("%s: %w", in.Name, err)
			}
			done, err := deposit(c, control.Store{StoreType: kind, Data: b, Copies: c.Int("n"), TimeoutMillis: c.Duration("timeout").Milliseconds()})
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = cli.PrintJSON(done)
			} else {
				err = printStored(done)
			}
			switch {
			case err != nil:
				return err
			case done.Error != nil:
				return fmt.Errorf("nobody has taken it: %w", done.Error)
			case done.Check != nil && done.Check.Error != nil && len(done.Check.Asked) > 0:
				return fmt.Errorf("others do not have it: %w", done.Check.Error)
			}
			return nil
		},
	}
}

func deposit(c *cli.Context, req control.Store) (control.Stored, error) {
	router, err := cli.Router(c)
	if err != nil {
		return control.Stored{}, err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout")+5*time.Second) // the router's own clock decides
	defer cancel()
	return router.Store(ctx, req)
}

func printStored(done control.Stored) error {
	head := cli.NewTable(os.Stdout)
	head.Row(done.Kind, done.Hash)
	head.Row("routing key", done.RoutingKey)
	head.Rowf("taken by", "%s of %d", words.Count(done.Taken, "floodfill"), len(done.Sent))
	if err := head.Flush(); err != nil {
		return err
	}
	if err := cli.Printf(""); err != nil {
		return err
	}
	if err := record.PrintSteps(os.Stdout, done.Sent); err != nil || done.Check == nil {
		return err
	}
	if err := cli.Printf(""); err != nil {
		return err
	}
	if len(done.Check.Asked) == 0 {
		return cli.Printf("No other floodfill is known that could be asked for it.")
	}
	if done.Check.Record == nil {
		if err := cli.Printf("No other gave it, of %d that were asked:", len(done.Check.Asked)); err != nil {
			return err
		}
		return record.PrintSteps(os.Stdout, done.Check.Asked)
	}
	by := "another floodfill"
	for _, a := range done.Check.Asked {
		if a.Answer == control.AnswerGave {
			by = a.Floodfill
		}
	}
	return cli.Printf("%s gave it, who was not sent it: it was passed on.", by)
}
