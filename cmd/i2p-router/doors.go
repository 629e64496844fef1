package main

import (
	"cmp"
	"io"
	"os"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/door"
)

func doorsCommand() *cli.Command {
	return &cli.Command{
		Name:  "doors",
		Usage: "list the servers for applications, and who is connected with which sessions",
		Flags: cli.RouterFlags(cli.JSONFlag()),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			doors, err := router.Doors(c.Context)
			if err != nil {
				return err
			}
			return cli.PrintList(c, doors, printDoors)
		}),
	}
}

// printDoors prints the doors, and below them who is connected.
func printDoors(w io.Writer, doors []control.Door) error {
	table := cli.NewTable(w)
	table.Row("DOOR", "OPEN", "TLS", "PASSWORDS", "CONNECTIONS")
	yes := map[bool]string{true: "yes", false: "no"}
	clients := 0
	for _, d := range doors {
		clients += len(d.Clients)
		open := cmp.Or(strings.Join(d.Listen, ","), "no")
		if d.Error != "" {
			open += ": " + d.Error
		}
		table.Row(d.Name, open, yes[d.TLS], yes[d.Auth], d.Connections)
	}
	if err := table.Flush(); err != nil || clients == 0 {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	table = cli.NewTable(w)
	table.Row("DOOR", "CLIENT", "USER", "SINCE", "DOES", "SESSION", "STYLE", "ADDRESS")
	for _, d := range doors {
		for _, cl := range d.Clients {
			row := func(s control.DoorSession) {
				table.Row(d.Name, cmp.Or(cl.Address, "-"), cmp.Or(cl.User, "-"), cl.Since.UTC().Format(time.TimeOnly), cmp.Or(cl.Doing, "-"), cmp.Or(s.ID, "-"), cmp.Or(s.Style, "-"), cmp.Or(s.B32, "-"))
			}
			for _, s := range cl.Sessions {
				row(s)
			}
			if len(cl.Sessions) == 0 {
				row(control.DoorSession{})
			}
		}
	}
	return table.Flush()
}

func hashPasswordCommand() *cli.Command {
	return &cli.Command{
		Name:  "hash-password",
		Usage: "print what is kept of a password, for the users of a door",
		Description: "The password is asked for at a terminal, and else read from the standard input. What is printed is bcrypt's,\n" +
			"with a salt.",
		Action: func(c *cli.Context) error {
			source := "file:-"
			if cli.IsTerminal(os.Stdin) {
				source = "prompt"
			}
			password, err := readPassphrase(c, source, "password", true)
			if err != nil {
				return err
			}
			hash, err := door.Hash(string(password))
			clear(password)
			if err != nil {
				return cli.BadData("", err)
			}
			return cli.Printf("%s", hash)
		},
	}
}
