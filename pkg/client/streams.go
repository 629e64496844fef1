package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// noKeepAlive is in the place of what the streaming library calls doing nothing.
const noKeepAlive = 24 * time.Hour

// streams is how the destination's streams are set up.
func (c *Client) streams() sockets.Config {
	o := c.cfg.Options
	s, l := o.Streaming, o.Streaming.Limits
	sc := sockets.Config{
		Env: c.cfg.Env, Keys: c.cfg.Keys, Loop: c.in, Send: c.send, Doubted: c.doubted, Stalled: c.stalled,
		Quiet: func() { c.tunnels.Suspect() }, WriteBuffer: s.WriteBuffer, Allows: o.Access.Allows, Encryption: c.encryption,
	}
	sc.Engine = streaming.Config{
		PathRTT: c.pathRTT, InitialRTO: s.InitialRTO, MTU: s.MTU, MaxWindow: s.MaxWindow, NoPong: s.Silent,
		Limits: streaming.Limits{
			Streams: l.Streams, PeerPerMinute: l.PeerPerMinute, PeerPerHour: l.PeerPerHour, PeerPerDay: l.PeerPerDay,
			TotalPerMinute: l.TotalPerMinute, TotalPerHour: l.TotalPerHour, TotalPerDay: l.TotalPerDay, Reset: l.Reset,
		},
	}
	switch s.InactivityAction {
	case options.InactivityNothing:
		sc.Engine.KeepAlive = noKeepAlive
	case options.InactivityDisconnect:
		sc.Engine.Idle = s.InactivityTimeout
	case options.InactivitySend:
		sc.Engine.KeepAlive = s.InactivityTimeout
	}
	return sc
}

// encryption names the type of key that is used with another destination.
func (l *loop) encryption(peer i2p.Hash) string {
	r := l.remotes[peer]
	if r == nil || len(r.key.Key) == 0 {
		return ""
	}
	return r.key.Type.String()
}

// pathRTT guesses the round trip to another destination: twice our own, as each
// way leads through tunnels of both ends.
func (l *loop) pathRTT() time.Duration { return 2 * l.state.RTT }

// Dial opens a stream to another destination.
func (c *Client) Dial(ctx context.Context, to i2p.Destination, port uint16) (*sockets.Conn, error) {
	return c.DialWith(ctx, to, sockets.Options{Port: port})
}

// DialWith is Dial from a port of ours as well.
func (c *Client) DialWith(ctx context.Context, to i2p.Destination, o sockets.Options) (*sockets.Conn, error) {
	if c.host == nil {
		return nil, ErrNoStreams
	}
	if limit := c.patience; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	nth := c.dialled.Add(1)
	if err := c.Standing(ctx); err != nil {
		return nil, fmt.Errorf("client: waiting for tunnels: %w", err)
	}
	for attempt := 1; ; attempt++ {
		c.inTurn(nth)
		set, err := c.Lookup(ctx, to.Hash())
		if err != nil {
			return nil, err
		}
		c.inTurn(nth)
		var s *sockets.Conn
		var again bool
		if mirror := set.Destination(); mirror.Hash() != to.Hash() {
			s, again, err = c.dialMirror(ctx, to.Hash(), mirror, o)
			again = again && attempt < maxMirrors
		} else {
			s, err = c.dial(ctx, to, o)
			again = errors.Is(err, ErrTakenBack) // it has gone, or has come back by now
		}
		if !again {
			return s, err
		}
	}
}

// inTurn is for simulations: of those who dial and whom one turn of the loop has woken it is not chance
// who goes on first.
func (c *Client) inTurn(nth uint64) {
	if c.cfg.Turn != nil {
		c.cfg.Turn(nth)
	}
}

// dial opens a stream by the lease set that is known, for as long as that stands:
// one who has left does not answer, and the floodfills are told some seconds later.
func (c *Client) dial(ctx context.Context, to i2p.Destination, o sockets.Options) (*sockets.Conn, error) {
	ctx, stop := c.watched(ctx, to.Hash())
	defer stop()
	return c.host.DialWith(ctx, to, o)
}

// Listen takes the streams for a port, or for every port without a listener
// when port is 0.
func (c *Client) Listen(port uint16) (*sockets.Listener, error) {
	if c.host == nil {
		return nil, ErrNoStreams
	}
	return c.host.Listen(port)
}

// Ping measures a round trip to a destination with the streaming protocol's
// own echo, which not every destination answers.
func (c *Client) Ping(ctx context.Context, to i2p.Destination) (time.Duration, error) {
	if c.host == nil {
		return 0, ErrNoStreams
	}
	if err := c.Standing(ctx); err != nil {
		return 0, fmt.Errorf("client: waiting for tunnels: %w", err)
	}
	set, err := c.Lookup(ctx, to.Hash())
	if err != nil {
		return 0, err
	}
	return c.host.Ping(ctx, set.Destination())
}
