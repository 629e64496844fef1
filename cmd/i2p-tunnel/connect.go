package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/processors"
)

func connectCommand() *cli.Command {
	return &cli.Command{
		Name:      "connect",
		Usage:     "connect stdin and stdout to a destination",
		ArgsUsage: "DEST[:PORT] | DEST PORT",
		Description: "DEST is a name, a b32 address, with or without .b32.i2p, a destination in base64, or a link. As ssh's ProxyCommand: i2p-tunnel connect %h %p.\n" +
			"It ends when both directions have ended; stdin that is a terminal ends with the peer.\n" +
			"Some peers, i2pd's server tunnels among them, end both directions once they learn of stdin's end, and their\n" +
			"answer is lost: for those it is held back until they have ended, or have been silent for 30 seconds. Peers\n" +
			"that are known to answer after it are told at once.\n" +
			"An address that nobody knows is asked for during ten seconds: it may have been opened just now.\n" +
			"With a service in front, as in _smtp._tcp.DEST, it goes where and to which port DEST's lease set says that it is.\n" +
			"Started by inetd or systemd for a connection, it connects that one; with systemd's socket activation it\n" +
			"connects each that comes, see SUPER-SERVERS. With -u it sends datagrams, see DATAGRAMS.",
		Flags: append(datagramFlags("send by PROTOCOL, datagram2 without it"), tunnelFlags(cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up with status 5 when there is no stream after `DURATION`"},
			cli.Seconds(0, cli.Forever, cli.DurationFlag{Name: "q", Usage: "hold the end of stdin back until the peer has ended, but for `SECONDS` at most; 0: not at all. With -u: wait for answers until none has come for so long", DefaultText: "as the peer needs it; with -u 10s"}),
			cli.Int(1, math.MaxInt32, cli.IntFlag{Name: "count", Usage: "with -u: end once `NUMBER` answers have come, and with status 5 where fewer do", DefaultText: "as many as come"}),
			cli.Seconds(0, cli.Forever, cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Usage: "with -u: wait `SECONDS` between two datagrams, and not only until the router has room", DefaultText: "none"}),
			commandFlag(), idleFlag(),
			&cli.BoolFlag{Name: "reconnect", Usage: "try again when there is no router or no stream, for as long as stdin lasts; also when the stream breaks that has carried nothing yet"},
			cli.Duration(0, cli.Forever, cli.DurationFlag{Name: "exit-idle", Usage: "with socket activation: end when there was no connection for `DURATION`", DefaultText: "never"}),
		)...),
		Action: func(c *cli.Context) error {
			req, name, err := target(c)
			if err != nil {
				return err
			}
			if err := checkDatagramFlags(c, "connect", []string{"exec", "idle", "reconnect", "exit-idle"}, []string{"interval", "count"}); err != nil {
				return err
			}
			if c.Bool("udp") {
				d := &dialer{c: c, req: req, name: name}
				defer d.close()
				return d.datagrams(c.Context)
			}
			sockets, err := activated()
			if err != nil {
				return err
			}
			defer sockets.close()
			if c.IsSet("exit-idle") && len(sockets.listeners) == 0 {
				return cli.Usagef("connect: --exit-idle is for socket activation, and no socket was passed that listens")
			}
			defer processors.Follow()()
			d := &dialer{c: c, req: req, name: name}
			defer d.close()
			if len(sockets.listeners) > 0 {
				return d.serve(c.Context, sockets.listeners)
			}
			if command := c.String("exec"); command != "" {
				return d.execute(c.Context, command)
			}
			end, err := standard()
			if len(sockets.conns) > 0 {
				end, err = connection(sockets.conns[0])
			}
			if err != nil {
				return err
			}
			if c.Bool("reconnect") {
				return d.again(c.Context, end)
			}
			stream, err := d.dial(c.Context)
			if err != nil {
				end.abort()
				return err
			}
			defer stream.Close()
			_, err = d.carry(c.Context, stream, end)
			return err
		},
	}
}

// dialer opens streams to one destination. They share a session, which is opened again where
// the router has ended it.
type dialer struct {
	c    *cli.Context
	req  control.Connect
	name i2p.Name

	mu      sync.Mutex
	session *client.Session // nil before the first stream
}

// dial opens a stream, as soon as --timeout allows.
func (d *dialer) dial(ctx context.Context) (*client.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, d.c.Duration("timeout"))
	defer cancel()
	session, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := session.Connect(ctx, d.req)
	if err != nil {
		if _, _, service := leaseset.CutService(d.req.Destination); service { // what is wrong may be anybody's
			return nil, timedOut(err, "no stream to "+d.req.Destination)
		}
		return nil, noStream(err, d.name, d.req.Port)
	}
	cli.Verbosef(d.c, "connected%s", encrypted(stream))
	return stream, nil
}

// encrypted says how a stream is, where that is known.
func encrypted(stream *client.Stream) string {
	if stream.Encryption == "" {
		return ""
	}
	return ", encrypted by " + stream.Encryption
}

func (d *dialer) open(ctx context.Context) (*client.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != nil {
		select {
		case <-d.session.Done():
		default:
			return d.session, nil
		}
	}
	// Nobody needs to find who only connects: the peer gets the lease set along with the
	// stream.
	asked := idleOptions(d.c)
	asked["i2cp.dontPublishLeaseSet"] = "true"
	session, err := openSession(d.c, ctx, control.Open{Options: asked})
	if err == nil {
		d.session = session
	}
	return session, err
}

func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != nil {
		d.session.Close()
	}
}

// carry connects what is here to a stream, and reports whether the peer has said anything.
func (d *dialer) carry(ctx context.Context, stream *client.Stream, end local) (heard bool, err error) {
	h := holdFor(d.c, stream)
	err = carry(ctx, stream, end, h)
	// One that is known to answer after our end says nothing because it wants to.
	if err == nil && h.silent() && !stream.HalfCloses {
		cli.Notef(d.c, "the peer ended, and has said nothing")
	}
	return !h.silent(), err
}

// again is carry with a stream that is opened again until it has carried something: from then
// on nobody but the peers themselves knows what would be lost.
func (d *dialer) again(ctx context.Context, end local) error {
	input := newSource(end.in)
	var b backoff
	for {
		heard, err := d.try(ctx, end, input)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if heard || !input.untouched() || !passing(err) {
			end.abort()
			return err
		}
		cli.Warnf(d.c, "%v: trying again", err)
		if !input.wait(ctx, b.pause()) {
			end.abort()
			return err
		}
	}
}

// try carries by one stream.
func (d *dialer) try(ctx context.Context, end local, input *source) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.dial(ctx)
	if err != nil {
		return false, err
	}
	defer stream.Close()
	end.in, end.abort = input.reader(ctx), func() {}
	return d.carry(ctx, stream, end)
}

// execute gives a stream to a command, once there is one.
func (d *dialer) execute(ctx context.Context, command string) error {
	var b backoff
	for {
		stream, err := d.dial(ctx)
		if err == nil {
			defer stream.Close()
			return execute(ctx, command, stream)
		}
		if !d.c.Bool("reconnect") || !passing(err) {
			return err
		}
		cli.Warnf(d.c, "%v: trying again", err)
		if !pause(ctx, b.pause()) {
			return err
		}
	}
}

// noStream says why there is none.
func noStream(err error, to i2p.Name, port uint16) error {
	switch {
	case errors.Is(err, &control.Error{Code: control.NotFound}) && mayCome(to):
		return cli.WithHint(err, "whoever listens there is down, or has not been published yet")
	case errors.Is(err, &control.Error{Code: control.Refused}):
		return cli.WithHint(fmt.Errorf("%s refused the stream", address(to)), "it is there, but listens on no port %d", port)
	}
	return timedOut(err, "no stream to "+address(to))
}

// mayCome tells whether somebody may yet be at an address: at one of zeros nobody ever is.
func mayCome(n i2p.Name) bool {
	return n.Kind == i2p.NameBlinded || n.Kind != i2p.NameHost && n.Hash != (i2p.Hash{})
}

// address is what errors call a name: destinations are long.
func address(n i2p.Name) string {
	if n.Kind == i2p.NameDestination {
		return n.Hash.B32()
	}
	return n.String()
}

// target reads DEST[:PORT], or DEST and PORT.
func target(c *cli.Context) (req control.Connect, name i2p.Name, err error) {
	args := c.Args().Slice()
	if service, text, found := leaseset.CutService(args[0]); found {
		return serviceOf(service, text, args[1:])
	}
	name, err = i2p.ParseName(args[0])
	if at := strings.LastIndexByte(args[0], ':'); err != nil && at > 0 {
		if _, plainErr := i2p.ParseName(args[0][:at]); plainErr == nil {
			return req, name, cli.Usagef("connect: %q is no port", args[0][at+1:])
		}
	}
	if err != nil {
		return req, name, cli.WithHint(cli.Dataf("%w", err), "i2p-lookup book list shows which names are known")
	}
	req = control.Connect{Destination: name.String(), Port: name.Port}
	if len(args) == 2 {
		n, err := strconv.ParseUint(args[1], 10, 16)
		switch {
		case err != nil:
			return req, name, cli.Usagef("connect: %q is no port", args[1])
		case name.Port != 0:
			return req, name, cli.Usagef("connect: two ports, %d and %s", name.Port, args[1])
		}
		req.Port = uint16(n)
	}
	return req, name, nil
}

// serviceOf reads SERVICE.DEST, whose port is for a record to say.
func serviceOf(service, text string, more []string) (req control.Connect, name i2p.Name, err error) {
	if err := leaseset.CheckServiceName(service); err != nil {
		return req, name, cli.Dataf("%q is no service such as _smtp._tcp, with _tcp or _udp", service)
	}
	if name, err = cli.ParseName(text); err != nil {
		return req, name, err
	}
	if name.Port != 0 || len(more) > 0 {
		return req, name, cli.Usagef("connect: the record of a service says at which port it is")
	}
	return control.Connect{Destination: service + "." + name.String()}, name, nil
}
