package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/processors"
)

func connectCommand() *cli.Command {
	return &cli.Command{
		Name:      "connect",
		Usage:     "connect stdin and stdout to a destination",
		ArgsUsage: "DEST[:PORT] | DEST PORT",
		Description: "DEST is a b32 address, with or without .b32.i2p, a destination in base64, or a link. As ssh's ProxyCommand: i2p-tunnel connect %h %p.\n" +
			"It ends when both directions have ended; stdin that is a terminal ends with the peer.\n" +
			"Some peers, i2pd's server tunnels among them, end both directions once they learn of stdin's end, and their\n" +
			"answer is lost: for those it is held back until they have ended, or have been silent for 30 seconds. Peers\n" +
			"that are known to answer after it are told at once.\n" +
			"An address that nobody knows is asked for during ten seconds: it may have been opened just now.",
		Flags: tunnelFlags(cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up with status 5 when there is no stream after `DURATION`"},
			cli.Seconds(0, cli.Forever, cli.DurationFlag{Name: "q", Usage: "hold the end of stdin back until the peer has ended, but for `SECONDS` at most; 0: not at all", DefaultText: "as the peer needs it"})),
		Action: func(c *cli.Context) error {
			req, name, err := target(c)
			if err != nil {
				return err
			}
			defer processors.Follow()()
			ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer cancel()
			// Nobody needs to find who only connects: the peer gets the lease
			// set along with the stream.
			session, err := openSession(c, ctx, control.Open{Options: map[string]string{"i2cp.dontPublishLeaseSet": "true"}})
			if err != nil {
				return err
			}
			defer session.Close()
			stream, err := session.Connect(ctx, req)
			if err != nil {
				return noStream(err, name, req.Port)
			}
			cancel()
			defer stream.Close()
			cli.Verbosef(c, "connected")
			h := holdFor(c, stream)
			err = carry(c.Context, stream, h)
			// One that is known to answer after our end says nothing because it wants to.
			if err == nil && h.silent() && !stream.HalfCloses {
				cli.Notef(c, "the peer ended, and has said nothing")
			}
			return err
		},
	}
}

// noStream says why there is none.
func noStream(err error, to i2p.Name, port uint16) error {
	switch {
	case errors.Is(err, &control.Error{Code: control.NotFound}) && to.Kind != i2p.NameHost:
		return cli.WithHint(err, "whoever listens there is down, or has not been published yet")
	case errors.Is(err, &control.Error{Code: control.Refused}):
		return cli.WithHint(fmt.Errorf("%s refused the stream", address(to)), "it is there, but listens on no port %d", port)
	}
	return timedOut(err, "no stream to "+address(to))
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
	name, err = i2p.ParseName(args[0])
	if at := strings.LastIndexByte(args[0], ':'); err != nil && at > 0 {
		if _, plainErr := i2p.ParseName(args[0][:at]); plainErr == nil {
			return req, name, cli.Usagef("connect: %q is no port", args[0][at+1:])
		}
	}
	if err != nil {
		return req, name, cli.WithHint(cli.Dataf("%w", err), "a destination is a b32 address or base64")
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
