package node

import (
	"context"
	"slices"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
)

// published are the settings that our RouterInfo depends on.
const published = "floodfill floodfill_auto hidden host bandwidth.* transit.*"

// newReloader has each part make its own settings hold when they change.
func (n *Node) newReloader(policies reseedPolicies) *reload.Reloader {
	return reload.New(reload.Config{
		Settings: n.settings, Read: n.cfg.Reread, Log: n.log, Now: n.cfg.Now,
		Parts:     n.parts(policies),
		Announced: published, Announce: n.announcer.publish,
	})
}

// parts are who has settings that can hold at once.
func (n *Node) parts(policies reseedPolicies) []reload.Part {
	return append(n.doorParts, []reload.Part{
		n.logbook.part(),
		n.announcer.hosts.part(),
		reload.Always("hidden", func(config.Config) {}), // what is announced says it
		reload.Always("floodfill floodfill_auto", func(config.Config) { n.serve() }),
		reload.Always("transit.*", func(to config.Config) { n.router.Limit(transitLimits(to)) }),
		reload.Always("exploratory.*", func(to config.Config) { n.router.Reshape(exploratory(to)) }),
		reload.Always("bandwidth.*", func(to config.Config) { n.transport.SetBandwidth(to.Bandwidth.In<<10, to.Bandwidth.Out<<10) }),
		reload.Always("ntcp2.max_sessions", func(to config.Config) { n.transport.SetSessions(to.NTCP2.MaxSessions) }),
		reload.Always("names.*", func(config.Config) {}), // they are asked for each time
		{Keys: "bootstrap reseed.*", Prepare: func(from, to config.Config) (func(), error) {
			policy, err := policies.of(to)
			if err == nil {
				err = checkNamed(from, to)
			}
			return func() {
				n.readBootstrap(from, to)
				n.joiner.Change(policy)
			}, err
		}},
	}...)
}

// readBootstrap reads what is newly named.
func (n *Node) readBootstrap(from, to config.Config) {
	for _, path := range to.Bootstrap {
		if !slices.Contains(from.Bootstrap, path) {
			n.keeper.loadFrom(context.Background(), n.router.Knowledge(), path, netdb.FromReseed)
		}
	}
}

// exploratory are the shapes of the router's own tunnels.
func exploratory(s config.Config) (in, out router.Shape) {
	e := s.Exploratory
	return router.Shape{Hops: e.InLength, Quantity: e.InQuantity}, router.Shape{Hops: e.OutLength, Quantity: e.OutQuantity}
}

// transitLimits has the router take -1 for none.
func transitLimits(s config.Config) router.Limits {
	if s.Transit.MaxTunnels == 0 {
		return router.Limits{TransitTunnels: -1}
	}
	return router.Limits{TransitTunnels: s.Transit.MaxTunnels}
}
