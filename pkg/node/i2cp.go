package node

import (
	"context"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2cpserver"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// newI2CP makes the server for programs that speak I2CP, and its door.
func (n *Node) newI2CP(e env.Env) error {
	var d *door.Door
	n.i2cp = i2cpserver.New(i2cpserver.Config{
		Log: e.Log, Now: e.Now, Open: n.openI2CP, Defaults: n.Hall.Defaults,
		Named: func(ctx context.Context, by i2cpserver.Local, name i2p.Name) (i2p.Destination, error) {
			if local, ok := by.(*destinations.Local); ok {
				return n.names.Resolve(ctx, local, name)
			}
			return n.names.Lookup(name.Host)
		},
		Required: func() bool { return d.Users().Required() },
		Bandwidth: func() (in, out int) {
			b := n.settings.Current().Bandwidth
			return b.In, b.Out
		},
	})
	var err error
	d, err = n.newDoor("i2cp", func(ctx context.Context, c *door.Client) { n.i2cp.Serve(ctx, c) },
		func(c config.Config) door.Settings { return c.I2CP.Settings() })
	return err
}

// openI2CP opens a destination of a client's, or without a keeper one that only looks things up.
func (n *Node) openI2CP(ctx context.Context, to i2p.Destination, keeper client.Keeper, asked options.Options) (i2cpserver.Local, error) {
	local, err := n.Hall.Destinations.Open(ctx, destinations.Request{Destination: to, Keeper: keeper, Options: asked})
	if err != nil {
		return nil, err // and no nil *Local, which would be a Local
	}
	return local, nil
}
