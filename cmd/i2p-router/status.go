package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show how the running router is",
		Flags: cli.RouterFlags(cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			if _, err := cli.Positionals(c, 0, 0); err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			st, err := router.Status(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.PrintJSON(st)
			}
			return printStatus(st)
		},
	}
}

func printStatus(st control.Status) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("router", "%s", st.Router)
	row("version", "%s (I2P API %s)", st.Version, st.APILevel)
	row("state", "%s for %s", st.State, time.Duration(st.UptimeSeconds)*time.Second)
	row("network", "%d%s", st.NetID, map[bool]string{true: " (testnet)"}[st.Testnet])
	row("caps", "%s", st.Caps)
	for _, a := range st.Addresses {
		row("address", "%s", a)
	}
	row("known", "%d routers, %d floodfills, %d lease sets", st.Known.Routers, st.Known.Floodfills, st.Known.LeaseSets)
	row("sessions", "%d", st.Sessions)
	t := st.Tunnels
	row("tunnels", "exploratory %d in %d out, client %d in %d out, transit %d",
		t.ExploratoryIn, t.ExploratoryOut, t.ClientIn, t.ClientOut, t.Transit)
	row("builds", "%d accepted, %d refused, %d expired", st.Builds.Accepted, st.Builds.Refused, st.Builds.Expired)
	row("transit", "%d builds accepted, %d refused; %d messages, %d bytes", st.Transit.Accepted, st.Transit.Refused, st.Transit.Messages, st.Transit.Bytes)
	row("clients", "%d", st.Clients)
	row("traffic", "%d bytes in, %d bytes out; %d and %d bytes/s now",
		st.Traffic.BytesIn, st.Traffic.BytesOut, st.Traffic.RateIn, st.Traffic.RateOut)
	reseedRows(row, st.Reseed)
	row("data", "%s", st.DataDir)
	row("log level", "%s", st.LogLevel)
	return w.Flush()
}
