// Command i2p-lookup finds destinations.
package main

import (
	"time"

	"i2ptoolkit/pkg/cli"
)

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual:    manual(),
		Name:      "i2p-lookup",
		Usage:     "find the destination behind a name",
		ArgsUsage: "NAME|B32|B33|B64|HASH|-…",
		Commands:  []*cli.Command{bookCommand()},
		Description: "Host names are found in the router's address books, addresses by asking the network. It prints\n" +
			"destinations in base64, one a line, in the order of the names; - reads names from stdin, one a\n" +
			"line. A name that was not found leaves its line empty where there are several, and the status is that\n" +
			"of the worst failure. A hash in base64 may be a router's: then its identity is printed. Addresses are\n" +
			"understood in upper case, without .b32.i2p, with a dot at their end, and out of links.\n" +
			"With a service in front of a name, as in _smtp._tcp.NAME, it prints who offers it, a line for each: priority,\n" +
			"weight, port, address, the seconds for which that holds, and what is for the application. Those who do not say so\n" +
			"by themselves are left out, with a warning.",
		Flags: cli.RouterFlags(
			&cli.BoolFlag{Name: "b32", Usage: "print b32 addresses"},
			&cli.BoolFlag{Name: "hash", Usage: "print hashes in base64"},
			&cli.BoolFlag{Name: "reverse", Usage: "print the host names that the address books have for a destination"},
			&cli.BoolFlag{Name: "leaseset", Usage: "show lease sets: leases, encryption types, expiry, options"},
			&cli.BoolFlag{Name: "trace", Usage: "show every floodfill that was asked for the entry and what it answered, and say why it was not found"},
			&cli.BoolFlag{Name: "ping", Usage: "have destinations echo, and print round trip times and their statistics"},
			cli.Int(1, 1_000_000, cli.IntFlag{Name: "count", Aliases: []string{"c"}, Value: 4, Usage: "with --ping: `NUMBER` of echoes"}),
			cli.Duration(10*time.Millisecond, time.Hour, cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Value: time.Second, Usage: "with --ping: `DURATION` between them"}),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give a name up after `DURATION`"}),
			offlineFlag(), cli.JSONFlag(), cli.NulFlag(),
		),
		Action: lookup,
	}
}
