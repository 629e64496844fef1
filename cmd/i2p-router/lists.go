package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/words"
)

func peersCommand() *cli.Command {
	return listCommand("peers", "list the sessions with other routers", (*client.Client).Peers,
		"ROUTER\tTRANSPORT\tWAY\tADDRESS\tVERSION\tCAPS\tIN\tOUT",
		func(w io.Writer, p control.Peer) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Router, p.Transport, p.Direction, p.Address, p.Version, p.Caps, words.Bytes(p.BytesIn), words.Bytes(p.BytesOut))
		})
}

func tunnelsCommand() *cli.Command {
	return listCommand("tunnels", "list the tunnels that the router made or carries", (*client.Client).Tunnels,
		"KIND\tWAY\tROLE\tSTATE\tID\tEXPIRES\tBYTES\tHOPS",
		func(w io.Writer, t control.Tunnel) {
			hops := make([]string, len(t.Hops))
			for i, h := range t.Hops {
				hops[i] = h[:min(8, len(h))]
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", t.Kind, t.Direction, t.Role, t.State, t.ID,
				t.Expires.UTC().Format(time.TimeOnly), words.Bytes(t.Bytes), strings.Join(hops, " "))
		})
}

func transportsCommand() *cli.Command {
	return listCommand("transports", "list the transports and what they listen on", (*client.Client).Transports,
		"NAME\tLISTEN\tPUBLISHED\tSESSIONS\tPENDING\tIN\tOUT",
		func(w io.Writer, t control.Transport) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", t.Name, strings.Join(t.Listen, ","), strings.Join(t.Published, ","), t.Sessions, t.Pending, words.Bytes(t.BytesIn), words.Bytes(t.BytesOut))
		})
}

// listCommand is a verb that prints a list that the router gives.
func listCommand[T any](name, usage string, ask func(*client.Client, context.Context) ([]T, error), head string, row func(io.Writer, T)) *cli.Command {
	return &cli.Command{
		Name:  name,
		Usage: usage,
		Flags: cli.RouterFlags(cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			if _, err := cli.Positionals(c, 0, 0); err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			items, err := ask(router, c.Context)
			if err != nil {
				return err
			}
			return cli.PrintList(c, items, func(w io.Writer, items []T) error {
				table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, head)
				for _, item := range items {
					row(table, item)
				}
				return table.Flush()
			})
		},
	}
}
