package router

import (
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// parties are those for whom the router works, and what they are told of their
// tunnels.
type parties struct {
	*core
	self    *party
	list    []*party      // self first; in the order of their opening
	opened  int           // ever, self not counted
	ready   chan struct{} // closed once exploratory tunnels stand both ways
	isReady bool
}

func newParties(c *core) *parties { return &parties{core: c, ready: make(chan struct{})} }

// label is what the log calls the next party.
func (ps *parties) label() string {
	if ps.self == nil {
		return "router"
	}
	return fmt.Sprintf("destination %d", ps.opened+1)
}

// add makes a party one of them: the first is the router itself.
func (ps *parties) add(p *party) {
	if ps.self == nil {
		ps.self = p
	} else {
		ps.opened++
	}
	ps.list = append(ps.list, p)
}

func (ps *parties) remove(p *party) {
	ps.list = slices.DeleteFunc(ps.list, func(other *party) bool { return other == p })
}

// fates are how far the tunnels came of parties of a kind, where this one is to be
// counted.
func (ps *parties) fates(t *ownTunnel) *Fates {
	switch {
	case !ps.window.has(t.Started()):
		return new(Fates)
	case t.party == ps.self:
		return &ps.counts.Exploratory
	}
	return &ps.counts.Client
}

// expect reports whether some party expects an answer.
func (ps *parties) expect(answer func(*expected) bool) bool {
	return slices.ContainsFunc(ps.list, func(p *party) bool { return answer(&p.expected) })
}

// waits reports whether a destination has to wait for the router's tunnels
// before it can ask for its own.
func (ps *parties) waits(p *party) bool {
	return p != ps.self && !ps.isReady && max(p.cfg.Inbound.Hops, p.cfg.Outbound.Hops) > 0
}

// hold notes whether the builds of a direction of a destination's have a tunnel to go through.
func (ps *parties) hold(d *direction, held bool) {
	switch was := !d.held.IsZero(); {
	case held && !was:
		d.held = ps.now
		ps.cfg.Log.Info("builds of a destination wait: no tunnel of the router's works that they could go through", "inbound", d.inbound)
	case !held && was:
		ps.cfg.Log.Info("builds of a destination go on", "inbound", d.inbound, "waited", ps.now.Sub(d.held).Round(time.Second))
		d.held = time.Time{}
	}
}

// holdPatience is how long a destination's builds may wait before somebody is told why.
const holdPatience = 10 * time.Second

// stuck counts the destinations that have no tunnel and whose builds have waited
// for one to go through.
func (ps *parties) stuck() (n int) {
	stuck := func(d *direction) bool {
		return !d.held.IsZero() && ps.now.Sub(d.held) >= holdPatience && len(d.usable(ps.now, true)) == 0
	}
	for _, p := range ps.list {
		if stuck(&p.in) || stuck(&p.out) {
			n++
		}
	}
	return n
}

// changed tells a party of its tunnels, and the world that the router is
// ready once it has exploratory ones both ways.
func (ps *parties) changed(p *party) {
	if p.cfg.Changed != nil && !p.closed {
		p.cfg.Changed(p.state(ps.now))
	}
	if p == ps.self && !ps.isReady && len(p.in.tunnels()) > 0 && len(p.out.tunnels()) > 0 {
		ps.isReady = true
		close(ps.ready)
		ps.event("ready", i2p.Hash{}, 0, p.cfg.Name, "")
	}
}
