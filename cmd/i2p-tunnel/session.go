package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/options"
)

// tunnelFlags are what all verbs take that make a local destination.
func tunnelFlags(timeout cli.DurationFlag, more ...cli.Flag) []cli.Flag {
	return append(more, cli.RouterFlags(
		cli.Int(0, options.MaxLength, cli.IntFlag{Name: "hops", Usage: fmt.Sprintf("make tunnels of `NUMBER` hops both ways, 0 to %d", options.MaxLength), DefaultText: "the router's"}),
		cli.Int(0, options.MaxLength, cli.IntFlag{Name: "in-hops", Usage: "`NUMBER` of hops of inbound tunnels", DefaultText: "as --hops"}),
		cli.Int(0, options.MaxLength, cli.IntFlag{Name: "out-hops", Usage: "`NUMBER` of hops of outbound tunnels", DefaultText: "as --hops"}),
		cli.Int(options.MinQuantity, options.MaxQuantity, cli.IntFlag{Name: "tunnels", Usage: fmt.Sprintf("keep `NUMBER` tunnels each way, %d to %d", options.MinQuantity, options.MaxQuantity), DefaultText: "the router's"}),
		cli.CheckedList(cli.StringSliceFlag{Name: "option", Aliases: []string{"O"}, Usage: "I2CP `OPTION=VALUE` by its documented name, see I2CP OPTIONS in i2p-tunnel(1), or @FILE with one a line, for secrets; may be repeated"}, atFile(checkOption), optionNames()...),
		cli.Timeout(timeout),
	)...)
}

// idleFlag is --idle.
func idleFlag() cli.Flag {
	return cli.Duration(time.Second, cli.Forever, cli.DurationFlag{Name: "idle", Usage: "break a stream off, with status 5, on which nothing was said for `DURATION`", DefaultText: "never"})
}

// idleOptions are what --idle asks for: the streams know best what is still on its way.
func idleOptions(c *cli.Context) map[string]string {
	asked := make(map[string]string)
	if limit := c.Duration("idle"); limit > 0 {
		asked["i2p.streaming.inactivityTimeout"] = strconv.FormatInt(limit.Milliseconds(), 10)
		asked["i2p.streaming.inactivityAction"] = "1" // disconnect
	}
	return asked
}

// named turns the flags into I2CP options; what -O says comes last.
func named(c *cli.Context) (map[string]string, error) {
	out := make(map[string]string)
	for _, f := range []struct {
		flag  string
		names []string
	}{
		{"hops", []string{"inbound.length", "outbound.length"}},
		{"in-hops", []string{"inbound.length"}},
		{"out-hops", []string{"outbound.length"}},
		{"tunnels", []string{"inbound.quantity", "outbound.quantity"}},
	} {
		if !c.IsSet(f.flag) {
			continue
		}
		for _, name := range f.names {
			out[name] = strconv.Itoa(c.Int(f.flag))
		}
	}
	asked, err := atFiles(c, "option", checkOption)
	for _, o := range asked {
		name, value, _ := strings.Cut(o, "=")
		out[name] = value
	}
	return out, err
}

// checkOption refuses what the router would refuse, before there is one.
func checkOption(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is no OPTION=VALUE", text)
	}
	_, problems := options.Parse(options.Default(), map[string]string{name: value})
	return problems.But(options.Moot).Err()
}

// optionNames are what a shell completes -O with.
func optionNames() (names []string) {
	for _, o := range options.Table() {
		if o.Effect == 0 && !strings.HasSuffix(o.Name, ".N") {
			names = append(names, o.Name+"=")
		}
	}
	return names
}

// openSession makes the local destination that the flags describe.
func openSession(c *cli.Context, ctx context.Context, req control.Open) (*client.Session, error) {
	if req.Options == nil {
		req.Options = make(map[string]string)
	}
	asked, err := named(c)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Options, asked)
	wanted, problems := options.Parse(options.Default(), req.Options)
	if err := problems.But(options.Moot).Err(); err != nil {
		return nil, cli.Usagef("%v", err)
	}
	for _, p := range problems {
		cli.Notef(c, "%v", p)
	}
	router, err := cli.Router(c)
	if err != nil {
		return nil, err
	}
	session, err := router.Open(ctx, req)
	if err == nil {
		go tellLacks(c, session, max(wanted.Inbound.Length, wanted.Outbound.Length))
	}
	return session, timedOut(err, "the router does not answer")
}

// slow is how long tunnels may take without a word: a router that has peers needs less.
const slow = 3 * time.Second

// tellLacks says once why a session has no tunnels: what waits for them may do so for ever.
func tellLacks(c *cli.Context, session *client.Session, hops int) {
	ctx, cancel := context.WithTimeout(c.Context, slow)
	defer cancel()
	if err := session.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return
	}
	if lacks := cli.RouterLacks(c, hops); lacks != "" {
		cli.Notef(c, "no tunnels yet: %s", lacks)
	}
}

// timedOut says what did not happen in time.
func timedOut(err error, what string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return cli.Againf("timed out: %s", what)
	}
	return err
}
