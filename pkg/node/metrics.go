package node

import (
	"time"

	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/metrics"
)

// newMetrics gathers what the parts count.
func (n *Node) newMetrics(started time.Time) *metrics.Registry {
	return metrics.New(metrics.Sources{
		Lost: n.transport.Lost, Drivers: n.transport.Drivers, Router: n.router.Numbers,
		Destinations: n.Hall.Destinations.Stats, Reseed: n.joiner.Stats, Portmap: n.mapped, Names: n.names.Stats, Events: n.events.Stats,
		Log: n.lines.Lines, Files: n.keeper.counts, Control: n.control.stats, Reloads: n.reloader.Stats, I2CP: n.i2cp.Stats, SAM: n.sam.Stats, Doors: func() []*door.Door { return n.doors }, BOB: n.bridges.bob.Stats, I2PControl: n.bridges.control.Stats, Proxies: n.forwards.Proxies, Forwards: n.forwards.Stats,
		Node: func() metrics.Node { return metrics.Node{State: n.State(), Started: started} },
	})
}
