package node

import (
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/options"
)

// newHall makes the hall of the router's destinations, on which every door stands.
func (n *Node) newHall() {
	hall := destinations.New(destinations.Config{
		OpenTunnels: n.router.OpenTunnels, Env: n.env,
	})
	n.Hall = server.Hall{Destinations: hall, Defaults: n.destinationDefaults}
}

// destinationDefaults is what holds for a destination that does not say otherwise.
func (n *Node) destinationDefaults() options.Options {
	c, o := n.settings().Client, options.Default()
	o.Inbound.Length, o.Inbound.Quantity = c.InLength, c.InQuantity
	o.Outbound.Length, o.Outbound.Quantity = c.OutLength, c.OutQuantity
	return o
}
