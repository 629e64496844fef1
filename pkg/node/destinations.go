package node

import (
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/router"
)

// newHall makes the hall of the router's destinations, on which every door stands.
func newHall(env *env.Whole, r *router.Router, settings *reload.Settings, lacks func() string) server.Hall {
	return server.Hall{
		Destinations: destinations.New(destinations.Config{OpenTunnels: r.OpenTunnels, Lacks: lacks, Env: env}),
		Defaults: func() options.Options { // what holds for a destination that does not say otherwise
			c, o := settings.Current().Client, options.Default()
			o.Inbound.Length, o.Inbound.Quantity = c.InLength, c.InQuantity
			o.Outbound.Length, o.Outbound.Quantity = c.OutLength, c.OutQuantity
			return o
		},
	}
}
