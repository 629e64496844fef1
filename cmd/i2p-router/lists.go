package main

import (
	"context"
	"io"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/words"
)

func peersCommand() *cli.Command {
	return listCommand("peers", "list the sessions with other routers", (*client.Client).Peers,
		"ROUTER TRANSPORT WAY ADDRESS VERSION CAPS IN OUT",
		func(t cli.Table, p control.Peer) {
			t.Row(p.Router, p.Transport, p.Direction, p.Address, p.Version, p.Caps, words.Bytes(p.BytesIn), words.Bytes(p.BytesOut))
		})
}

func tunnelsCommand() *cli.Command {
	return listCommand("tunnels", "list the tunnels that the router made or carries", (*client.Client).Tunnels,
		"KIND WAY ROLE STATE ID EXPIRES BYTES HOPS",
		func(table cli.Table, t control.Tunnel) {
			hops := make([]string, len(t.Hops))
			for i, h := range t.Hops {
				hops[i] = h[:min(8, len(h))]
			}
			table.Row(t.Kind, t.Direction, t.Role, t.State, t.ID,
				t.Expires.UTC().Format(time.TimeOnly), words.Bytes(t.Bytes), strings.Join(hops, " "))
		})
}

func transportsCommand() *cli.Command {
	return listCommand("transports", "list the transports, what they listen on, and how others reach them", (*client.Client).Transports,
		"NAME LISTEN PUBLISHED REACH SESSIONS PENDING IN OUT",
		func(table cli.Table, t control.Transport) {
			var reach []string
			for _, r := range t.Reach {
				reach = append(reach, r.Family+":"+string(r.State))
			}
			table.Row(t.Name, strings.Join(t.Listen, ","), strings.Join(t.Published, ","), strings.Join(reach, ","), t.Sessions, t.Pending, words.Bytes(t.BytesIn), words.Bytes(t.BytesOut))
		})
}

// listCommand is a verb that prints a list that the router gives.
func listCommand[T any](name, usage string, ask func(*client.Client, context.Context) ([]T, error), head string, row func(cli.Table, T)) *cli.Command {
	return &cli.Command{
		Name:  name,
		Usage: usage,
		Flags: cli.RouterFlags(cli.JSONFlag()),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			items, err := ask(router, c.Context)
			if err != nil {
				return err
			}
			return cli.PrintList(c, items, func(w io.Writer, items []T) error {
				table := cli.NewTable(w)
				var names []any
				for name := range strings.FieldsSeq(head) {
					names = append(names, name)
				}
				table.Row(names...)
				for _, item := range items {
					row(table, item)
				}
				return table.Flush()
			})
		}),
	}
}
