package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

// maxPlans bounds a file of plans.
const maxPlans = 1 << 20 // bytes

// verb is a command that makes a forward of one type.
type verb struct {
	name, usage, args, description string
	// fill takes the arguments.
	fill    func(p *plan.Plan, args []string)
	of      plan.Type
	instead plan.Type // with --serve
}

// verbs are those of the types.
func verbs() []*cli.Command {
	listen := func(p *plan.Plan, args []string) {
		p.Listen, p.Destinations = onThisMachine(args[0]), args[1:]
	}
	targets := func(p *plan.Plan, args []string) {
		for _, a := range args {
			p.Targets = append(p.Targets, onThisMachine(a))
		}
	}
	proxy := func(standard string) func(*plan.Plan, []string) {
		return func(p *plan.Plan, args []string) {
			p.Listen = standard
			if len(args) > 0 {
				p.Listen = onThisMachine(args[0])
			}
		}
	}
	return commandsOf(
		verb{name: "client", of: plan.Client, usage: "lead a local port or socket to a destination", args: "LISTEN DEST[:PORT]…", fill: listen,
			description: "LISTEN is ADDRESS:PORT, a port of 127.0.0.1, or unix:/PATH. Several destinations are tried in turn."},
		verb{name: "server", of: plan.Server, usage: "lead a destination to a local server", args: "TARGET…", fill: targets,
			description: "TARGET is ADDRESS:PORT, a port of 127.0.0.1, or unix:/PATH. Several are tried in turn."},
		verb{name: "http", of: plan.HTTP, usage: "run an HTTP proxy", args: "[LISTEN]", fill: proxy("127.0.0.1:4444"),
			description: "LISTEN is 127.0.0.1:4444 by default."},
		verb{name: "socks", of: plan.SOCKS, usage: "run a SOCKS proxy", args: "[LISTEN]", fill: proxy("127.0.0.1:4447"),
			description: "It speaks SOCKS 4, 4a and 5. LISTEN is 127.0.0.1:4447 by default."},
		verb{name: "irc", of: plan.IRC, usage: "lead a local port to an IRC server, without what leaks", args: "LISTEN DEST[:PORT]…", fill: listen,
			description: "Several destinations are tried in turn."},
		verb{name: "udp", of: plan.UDPClient, instead: plan.UDPServer, usage: "carry datagrams", args: "LISTEN DEST[:PORT] | TARGET…", fill: nil,
			description: "From LISTEN to a destination, and with --serve from a destination to TARGET."},
		verb{name: "httpserver", of: plan.HTTPServer, usage: "lead a destination to a local web server", args: "TARGET…", fill: targets,
			description: "The server learns who asks from headers, which nobody else can send."},
		verb{name: "ircserver", of: plan.IRCServer, usage: "lead a destination to a local IRC server", args: "TARGET…", fill: targets,
			description: "Each peer has a host name of its own there."},
		verb{name: "streamr", of: plan.StreamrClient, instead: plan.StreamrServer, usage: "subscribe to a sender of datagrams, or be one", args: "DEST[:PORT] TARGET… | LISTEN", fill: nil,
			description: "What the destination sends goes to TARGET. With --serve what comes to LISTEN goes to all who subscribe."},
		verb{name: "meta", of: plan.Meta, usage: "be a destination in whose place others serve", args: "DEST…",
			fill: func(p *plan.Plan, args []string) { p.Destinations = args },
			description: "Who dials its address comes to one of the others: to one that costs least, and to the next where that does\n" +
				"not answer. A cost of 1 to 255 goes behind an address, as in 'ADDRESS 10'. They serve with keys of their own,\n" +
				"anywhere; this one needs no more than to be on, and may be a router beside them."},
	)
}

func commandsOf(all ...verb) (commands []*cli.Command) {
	for _, v := range all {
		commands = append(commands, v.command())
	}
	return commands
}

func (v verb) command() *cli.Command {
	flags := []cli.Flag{
		cli.Checked(cli.StringFlag{Name: "name", Usage: "call the forward `NAME`", DefaultText: v.name}, plan.CheckName),
		&cli.BoolFlag{Name: "foreground", Usage: "run it while this command runs, in place of leaving it to the router"},
		&cli.BoolFlag{Name: "replace", Usage: "change a forward of that name"},
		&cli.StringFlag{Name: "key", Usage: "`NAME` of its key file in the router's data directory, or transient"},
		cli.CheckedList(cli.StringSliceFlag{Name: "set", Aliases: []string{"s"}, Usage: "a `SETTING=VALUE` by its name in a file of plans, see FORWARDS in i2p-tunnel(1), or @FILE with one a line, for secrets; may be repeated"}, atFile(checkTyped), settingNames()...),
		cli.JSONFlag(),
	}
	if v.instead != "" {
		flags = append(flags, &cli.BoolFlag{Name: "serve", Usage: "be the other end, to which others come"})
	}
	return &cli.Command{
		Name: v.name, Usage: v.usage, ArgsUsage: v.args,
		Description: v.description + "\n" +
			"The router keeps the forward, and begins it again when it starts, until i2p-tunnel remove. With --foreground\n" +
			"it ends with this command, which says what it becomes.",
		Flags: tunnelFlags(cli.DurationFlag{Name: "timeout", Usage: "give up with status 5 when the router has not answered after `DURATION`", DefaultText: "never"}, flags...),
		Action: func(c *cli.Context) error {
			p, err := v.plan(c)
			if err != nil {
				return err
			}
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			if p, err = addressed(c, router, p); err != nil {
				return err
			}
			if c.Bool("foreground") {
				return foreground(c, router, p)
			}
			return keep(c, router, []plan.Plan{p})
		},
	}
}

// addressed has the destinations of a meta by their addresses: names are for this machine.
func addressed(c *cli.Context, router *client.Client, p plan.Plan) (plan.Plan, error) {
	if p.Type != plan.Meta {
		return p, nil
	}
	for i, text := range p.Destinations {
		address, cost, _ := strings.Cut(strings.TrimSpace(text), " ")
		n, err := i2p.ParseName(address)
		if err != nil {
			return p, cli.Dataf("%w", err)
		}
		if n.Kind == i2p.NameHost {
			if n, _, err = cli.OfHost(c.Context, router, n); err != nil {
				return p, err
			}
			p.Destinations[i] = strings.TrimSpace(n.Hash.B32() + " " + cost)
		}
	}
	if err := p.Check(); err != nil {
		return p, cli.Usagef("%v", err)
	}
	return p, nil
}

// checkSetting tells whether a SETTING=VALUE makes sense by itself.
func checkSetting(text string) error {
	_, err := assign(new(plan.Plan), text)
	return err
}

// checkTyped is checkSetting for a command line.
func checkTyped(text string) error { return cmp.Or(seen(text), checkSetting(text)) }

// plan is what the command line asks for.
func (v verb) plan(c *cli.Context) (plan.Plan, error) {
	p := plan.Plan{Name: v.name, Type: v.of, Key: c.String("key")}
	if name := c.String("name"); name != "" {
		p.Name = name
	}
	args := c.Args().Slice()
	fill := v.fill
	if v.instead != "" {
		var err error
		if fill, err = v.either(c, &p, len(args)); err != nil {
			return p, err
		}
	}
	fill(&p, args)
	asked, err := named(c)
	if err != nil {
		return p, err
	}
	if len(asked) > 0 {
		p.Options = maps.Clone(asked)
	}
	settings, err := atFiles(c, "set", checkSetting)
	if err != nil {
		return p, err
	}
	for _, text := range settings {
		if _, err := assign(&p, text); err != nil {
			return p, cli.Usagef("%v", err)
		}
	}
	if p.Type == plan.Meta {
		return p, nil // once the router has told the addresses of names
	}
	if err := p.Check(); err != nil {
		return p, cli.Usagef("%v", err)
	}
	return p, nil
}

// either is for the verbs whose ends differ.
func (v verb) either(c *cli.Context, p *plan.Plan, args int) (func(*plan.Plan, []string), error) {
	serves := c.Bool("serve")
	if serves {
		p.Type = v.instead
	}
	least, most := 2, 2
	switch {
	case p.Type == plan.StreamrServer:
		least, most = 1, 1
	case p.Type == plan.UDPServer:
		least, most = 1, 16
	case p.Type == plan.StreamrClient:
		most = 16
	}
	if args < least || args > most {
		asked, serving, _ := strings.Cut(v.args, " | ")
		takes := v.name + " takes " + asked
		if serves {
			takes = v.name + " --serve takes " + serving
		}
		return nil, cli.WithHint(cli.Usagef("%s", takes), "see i2p-tunnel %s --help", v.name)
	}
	return func(p *plan.Plan, args []string) {
		switch p.Type {
		case plan.StreamrServer:
			p.Listen = onThisMachine(args[0])
		case plan.UDPClient:
			p.Listen, p.Destinations = onThisMachine(args[0]), args[1:]
		case plan.StreamrClient:
			p.Destinations = args[:1]
			args = args[1:]
			fallthrough
		default:
			for _, a := range args {
				p.Targets = append(p.Targets, onThisMachine(a))
			}
		}
	}, nil
}

// onThisMachine lets a port be one of this machine's.
func onThisMachine(text string) string {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		return net.JoinHostPort("127.0.0.1", text)
	}
	return text
}

// keep hands plans to the router. Those that are there already are changed with --replace only.
func keep(c *cli.Context, router *client.Client, plans []plan.Plan) error {
	ctx, cancel := limited(c)
	defer cancel()
	if err := vacant(ctx, c, router, plans); err != nil {
		return timedOut(err, "the router does not answer")
	}
	done, err := router.ApplyForwards(ctx, control.ApplyForwards{Plans: plans, Add: true})
	if err != nil {
		return timedOut(err, "the router does not answer")
	}
	done.Kept = []string{} // of others there is nothing to say
	now, err := located(ctx, router, namesOf(plans))
	if err != nil {
		return timedOut(err, "the router does not answer")
	}
	return printApplied(c, done, now)
}

// vacant tells whether the names of plans may be taken.
func vacant(ctx context.Context, c *cli.Context, router *client.Client, plans []plan.Plan) error {
	if c.Bool("replace") {
		return nil
	}
	before, err := router.Forwards(ctx)
	if err != nil {
		return err
	}
	for _, f := range before {
		for _, p := range plans {
			if f.Name == p.Name {
				return cli.WithHint(fmt.Errorf("there is a forward %s already", p.Name), "--replace changes it")
			}
		}
	}
	return nil
}

// limited is the command's context, with --timeout where there is one.
func limited(c *cli.Context) (context.Context, context.CancelFunc) {
	if limit := c.Duration("timeout"); limit > 0 {
		return context.WithTimeout(c.Context, limit)
	}
	return context.WithCancel(c.Context)
}

// foreground runs a forward for as long as the command lives.
func foreground(c *cli.Context, router *client.Client, p plan.Plan) error {
	last := control.Forward{}
	err := router.RunForward(c.Context, p, func(f control.Forward) error {
		cli.Serve(c)
		if f.Address != last.Address || f.Listen != last.Listen {
			where(c, f)
		}
		switch {
		case f.State == last.State && f.Error == last.Error:
		case f.State == control.ForwardNoTunnels:
			cli.Warnf(c, "%s: %s", f.Name, whyNot(f))
		case f.Error != "":
			cli.Warnf(c, "%s: %s: %s", f.Name, f.State, f.Error)
		default:
			cli.Notef(c, "%s: %s", f.Name, f.State)
		}
		last = f
		if c.Bool("json") {
			return cli.PrintJSON(f)
		}
		return nil
	})
	switch {
	case c.Context.Err() != nil && last.Name != "":
		return nil // it was told to stop, and it did
	case errors.Is(err, &control.Error{Code: control.InUse}):
		return cli.WithHint(err, "--name calls this one otherwise")
	case err == nil:
		return &control.Error{Code: control.Stopping, Message: "the router has ended the forward"}
	}
	return err
}
