package router

import (
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tunnel"
)

// pools is the tunnels of our own parties: those that stand, those that are
// being built, and what is known of the ways to others.
type pools struct {
	*core
	carried func(id uint32) bool // whether a tunnel of somebody's has an id
	budget  *tunnel.Budget

	self    *party
	parties []*party // self first; in the order of their opening
	inbound map[uint32]*ownTunnel
	doubts  doubts
	wanted  wanted
	pace    *tunnel.BuildLimit
	asked   neighbours
	out     []tunnel.Out      // scratch
	came    []tunnel.Delivery // scratch

	ready   chan struct{} // closed once exploratory tunnels stand both ways
	isReady bool
}

func newPools(c *core, budget *tunnel.Budget, carried func(uint32) bool) *pools {
	ps := &pools{
		core: c, carried: carried, budget: budget,
		inbound: make(map[uint32]*ownTunnel),
		doubts:  make(doubts),
		wanted:  wanted{peers: make(map[i2p.Hash]int)},
		pace:    tunnel.NewBuildLimit(c.cfg.Limits.BuildEvery, 0),
		asked:   newNeighbours(c.cfg.Hash),
		ready:   make(chan struct{}),
	}
	ps.self = ps.newParty(TunnelsConfig{Name: "exploratory", Inbound: c.cfg.Inbound, Outbound: c.cfg.Outbound}, false)
	ps.parties = []*party{ps.self}
	return ps
}

// owns reports whether a tunnel of ours has an id.
func (ps *pools) owns(id uint32) bool { return ps.inbound[id] != nil }

// expire forgets what is not waited for any more.
func (ps *pools) expire() {
	ps.asked.expire(ps.now)
	for _, p := range ps.parties {
		p.expected.expire(ps.now)
	}
}

// close gives a party's tunnels up.
func (ps *pools) close(p *party) {
	p.policy.Close()
	for _, pl := range []*pool{p.in, p.out} {
		for _, t := range pl.tunnels {
			ps.forget(t)
		}
		pl.tunnels = nil
	}
	for i, other := range ps.parties {
		if other == p {
			ps.parties = append(ps.parties[:i], ps.parties[i+1:]...)
			break
		}
	}
}
