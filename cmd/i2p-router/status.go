package main

import (
	"cmp"
	"os"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/words"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "show how the running router is",
		Description: "Of forwards whose own key is kept offline it is told, from a week before, when their transient key expires.",
		Flags:       cli.RouterFlags(cli.JSONFlag()),
		Action: cli.WithRouter(func(c *cli.Context, router *client.Client) error {
			st, err := router.Status(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.PrintJSON(st)
			}
			forwards, err := router.Forwards(c.Context)
			if err != nil {
				return err
			}
			return printStatus(st, keysEnd(forwards, time.Now()))
		}),
	}
}

// keysEnd says whose transient keys end soon, or have.
func keysEnd(forwards []control.Forward, now time.Time) (said []string) {
	for _, f := range forwards {
		if text := cli.KeyEnds(f.KeyExpires, now); text != "" {
			said = append(said, f.Name+": "+text)
		}
	}
	return said
}

// printStatus prints a status, with what ends soon.
func printStatus(st control.Status, ending []string) error {
	w := cli.NewTable(os.Stdout)
	row := w.Rowf
	row("router", "%s", st.Router)
	row("version", "%s (I2P API %s)", st.Version, st.APILevel)
	row("state", "%s", st.State)
	if st.Lacks != "" {
		row("lacks", "%s", st.Lacks)
	}
	row("up", "%s", words.Span(time.Duration(st.UptimeSeconds)*time.Second))
	row("network", "%d%s", st.NetID, map[bool]string{true: " (testnet)"}[st.Testnet])
	row("caps", "%s", st.Caps)
	row("floodfill", "%s: %s", map[bool]string{true: "yes", false: "no"}[st.Floodfill], st.FloodfillWhy)
	for _, a := range st.Addresses {
		row("address", "%s", a)
	}
	if st.AddressLost != "" {
		row("address lost", "%s", st.AddressLost)
	}
	for _, r := range st.Reach {
		row(r.Family, "%s", reachText(r))
	}
	if m := st.PortMapping; m != nil {
		row("port mapping", "%s", mappingText(m))
	}
	row("known", "%s (%s), %s", words.Count(st.Known.Routers, "router"),
		words.Count(st.Known.Floodfills, "floodfill"), words.Count(st.Known.LeaseSets, "lease set"))
	row("sessions", "%d", st.Sessions)
	t := st.Tunnels
	row("tunnels", "exploratory %d in %d out, client %d in %d out, transit %d",
		t.ExploratoryIn, t.ExploratoryOut, t.ClientIn, t.ClientOut, t.Transit)
	row("builds", "%d accepted, %d refused, %d expired", st.Builds.Accepted, st.Builds.Refused, st.Builds.Expired)
	row("transit", "%s accepted, %d refused; %s, %s", words.Count(st.Transit.Accepted, "build"), st.Transit.Refused,
		words.Count(st.Transit.Messages, "message"), words.Bytes(st.Transit.Bytes))
	row("clients", "%d", st.Clients)
	row("traffic", "%s in, %s out; now %s/s in, %s/s out", words.Bytes(st.Traffic.BytesIn), words.Bytes(st.Traffic.BytesOut),
		words.Bytes(st.Traffic.RateIn), words.Bytes(st.Traffic.RateOut))
	for _, text := range ending {
		row("key", "%s", text)
	}
	reseedRows(row, st.Reseed)
	row("data", "%s", cmp.Or(st.DataDir, "none: nothing is written"))
	row("log level", "%s", st.LogLevel)
	return w.Flush()
}

// mappingText says what the gateway passes on.
func mappingText(m *control.PortMapping) string {
	var parts []string
	for _, p := range m.Ports {
		parts = append(parts, p.External+" "+p.Protocol)
	}
	if len(parts) > 0 {
		parts = []string{strings.Join(parts, ", ") + " by " + m.By}
	}
	if m.Problem != "" {
		parts = append(parts, m.Problem)
	}
	return cmp.Or(strings.Join(parts, "; "), "none")
}

// reachText says how others reach us.
func reachText(r control.Reach) string {
	text := string(r.State) + " (" + string(r.Reason) + ")"
	if r.Seen != "" {
		text += ", peers see " + r.Seen
	}
	if r.Introducers > 0 {
		text += ", introduced by " + words.Count(r.Introducers, "router")
	}
	return text
}
