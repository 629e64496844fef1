package router

import (
	"slices"

	"i2ptoolkit/pkg/i2p"
)

// parties are those for whom the router works, and what they are told of their
// tunnels.
type parties struct {
	*core
	self    *party
	list    []*party      // self first; in the order of their opening
	ready   chan struct{} // closed once exploratory tunnels stand both ways
	isReady bool
}

func newParties(c *core) *parties { return &parties{core: c, ready: make(chan struct{})} }

// add makes a party one of them: the first is the router itself.
func (ps *parties) add(p *party) {
	if ps.self == nil {
		ps.self = p
	}
	ps.list = append(ps.list, p)
}

func (ps *parties) remove(p *party) {
	ps.list = slices.DeleteFunc(ps.list, func(other *party) bool { return other == p })
}

// fates are how far the tunnels came of parties of a kind.
func (ps *parties) fates(p *party) *Fates {
	if p == ps.self {
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
	return p != ps.self && !ps.isReady && p.cfg.Inbound.Hops > 0 && p.cfg.Outbound.Hops > 0
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
