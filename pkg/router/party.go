package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/tunnel"
)

// Shape says how many tunnels of which length a pool keeps.
type Shape struct {
	Hops     int // 0 to tunnel.MaxHops
	Variance int // up to so many hops more, or if negative more or fewer
	Quantity int
}

func (s Shape) quota() tunnel.Quota {
	return tunnel.Quota{Tunnels: s.Quantity, Hops: s.Hops, Variance: s.Variance}
}

// TunnelState is what stands at the moment: the leases of the inbound tunnels
// and the ids of the outbound ones, those that last longest first.
type TunnelState struct {
	Leases   []leaseset.Lease
	Outbound []uint32
	RTT      time.Duration // out through one and in through another: the longest seen
}

// TunnelsConfig describes a pair of tunnel pools.
type TunnelsConfig struct {
	Name              string // for status and events
	Inbound, Outbound Shape
	// Deliver is given the garlic that arrives in the inbound tunnels, and
	// owns it. Changed is told of tunnels that came or went. Both are called
	// from the loop and must not block.
	Deliver   func(tunnel uint32, m i2np.Message) // the tunnel by our own id of it
	Changed   func(TunnelState)
	Published func() // a floodfill has confirmed what the party publishes
}

// party is one of those for whom the router works: itself, or a local
// destination. What one party sends, asks and learns never touches another.
type party struct {
	cfg      TunnelsConfig
	label    string // in the log, which outlives the run and names no destination
	segment  *netdb.Segment
	expected expected
	pool     *tunnel.Pool[*ownTunnel]
	in, out  direction
	order    i2p.Hash // secret: the order of hops in this party's tunnels
	resting  bool     // it only says farewell
	closed   bool
}

// direction is one of a party's two.
type direction struct {
	party   *party
	inbound bool
	last    *ownTunnel // zero hops, for a router that has no other tunnel yet
	held    time.Time  // since when a build waits for a tunnel to go through; zero: none does
}

// opposite is the other direction of a party.
func (d *direction) opposite(p *party) *direction {
	if d.inbound {
		return &p.out
	}
	return &p.in
}

// shape is that of its tunnels.
func (d *direction) shape() Shape {
	if d.inbound {
		return d.party.cfg.Inbound
	}
	return d.party.cfg.Outbound
}

// tunnels are those that stand.
func (d *direction) tunnels() []*ownTunnel { return d.party.pool.Standing(d.inbound) }

// tunnels are those that stand, inbound ones first.
func (p *party) tunnels() []*ownTunnel { return slices.Concat(p.in.tunnels(), p.out.tunnels()) }

// useMargin: a tunnel with less time left is not begun to be used.
const useMargin = 15 * time.Second

// usable are the tunnels that last a while, or only those that work.
func (d *direction) usable(now time.Time, working bool) (out []*ownTunnel) {
	for _, t := range d.tunnels() {
		if t.Expires().Sub(now) >= useMargin && !(working && t.Failing()) {
			out = append(out, t)
		}
	}
	return out
}

// serving are the tunnels that work and last a while, those that last longest
// first; where there are none, those that there are.
func (d *direction) serving(now time.Time) []*ownTunnel {
	out := d.usable(now, true)
	if len(out) == 0 {
		out = d.usable(now, false)
	}
	if len(out) == 0 {
		for _, t := range d.tunnels() {
			if t.Expires().After(now) {
				out = append(out, t)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *ownTunnel) int { return b.Expires().Compare(a.Expires()) })
	return out
}

// state lists what a destination can use.
func (p *party) state(now time.Time) TunnelState {
	var s TunnelState
	for _, t := range p.in.serving(now) {
		s.Leases = append(s.Leases, leaseset.Lease{Gateway: t.gateway, TunnelID: t.gatewayID, Expires: i2p.DateOf(t.Expires())})
	}
	for _, t := range p.out.serving(now) {
		s.Outbound = append(s.Outbound, t.id)
	}
	for _, d := range [...]*direction{&p.in, &p.out} {
		for _, t := range d.usable(now, true) {
			s.RTT = max(s.RTT, t.RTT())
		}
	}
	return s
}
