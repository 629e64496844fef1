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
	Deliver   func(i2np.Message)
	Changed   func(TunnelState)
	Published func() // a floodfill has confirmed what the party publishes
}

// party is one of those for whom the router works: itself, or a local
// destination. What one party sends, asks and learns never touches another.
type party struct {
	cfg      TunnelsConfig
	segment  *netdb.Segment
	expected expected
	in, out  *pool
	policy   *tunnel.Pool
	order    i2p.Hash // secret: the order of hops in this party's tunnels
	resting  bool     // it only says farewell
	closed   bool
}

// pool is one direction of a party's tunnels.
type pool struct {
	party   *party
	inbound bool
	tunnels []*ownTunnel // in the order in which they were built
	last    *ownTunnel   // zero hops, for a router that has no other tunnel yet
}

// ownTunnel is a tunnel that we created.
type ownTunnel struct {
	pool      *pool
	ref       uint64 // the policy's name for it
	in        *tunnel.Inbound
	out       *tunnel.Outbound
	id        uint32 // we receive with it, or the party names the outbound tunnel by it
	gateway   i2p.Hash
	gatewayID uint32
	hops      []i2p.Hash
	created   time.Time
	expires   time.Time
	rtt       time.Duration // of the last test, or of the build
	failing   bool
	messages  uint64
	bytes     uint64
}

func (t *ownTunnel) zeroHop() bool { return len(t.hops) == 0 }

func (ps *pools) newParty(cfg TunnelsConfig, destination bool) *party {
	p := &party{
		cfg:      cfg,
		expected: newExpected(),
		segment: netdb.NewSegment(netdb.SegmentConfig{
			DB: ps.db, Rand: ps.rand, Destination: destination, Explore: !destination,
		}),
	}
	ps.rand.Fill(p.order[:])
	p.policy = tunnel.NewPool(tunnel.PoolConfig{
		Inbound:      cfg.Inbound.quota(),
		Outbound:     cfg.Outbound.quota(),
		BuildTimeout: ps.cfg.Limits.BuildTimeout,
		Limit:        ps.pace, Rand: ps.rand,
	})
	p.in, p.out = &pool{party: p, inbound: true}, &pool{party: p}
	if !destination {
		p.in.last, p.out.last = ps.zeroHopTunnel(p.in, 0), ps.zeroHopTunnel(p.out, 0)
		ps.inbound[p.in.last.id] = p.in.last
	}
	return p
}

// tick does what time asks of a party's tunnels.
func (ps *pools) tick(p *party) time.Time {
	now := ps.now
	if !ps.waits(p) {
		for _, a := range p.policy.Tick(now) {
			ps.act(p, a)
		}
	}
	for _, t := range p.in.tunnels {
		t.in.Expire(now)
	}
	if ps.waits(p) {
		return time.Time{}
	}
	return p.policy.Deadline(now)
}

// waits reports whether a destination has to wait for the router's tunnels
// before it can ask for its own.
func (ps *pools) waits(p *party) bool {
	return p != ps.self && !ps.isReady && p.cfg.Inbound.Hops > 0 && p.cfg.Outbound.Hops > 0
}

// best is the tunnel to use now: of those that work, one at random, so that a
// bad one does not stop everything. The router itself falls back on a tunnel
// without hops until it has others.
func (ps *pools) best(pl *pool) *ownTunnel {
	working := pl.usable(ps.now, true)
	for _, ts := range [...][]*ownTunnel{ps.undoubted(working), working, pl.usable(ps.now, false)} {
		if t := ps.draw(ts); t != nil {
			return t
		}
	}
	return pl.last
}

// undoubted are the tunnels without a hop that seems to have gone.
func (ps *pools) undoubted(ts []*ownTunnel) []*ownTunnel {
	return slices.DeleteFunc(slices.Clone(ts), func(t *ownTunnel) bool { return ps.doubts.holds(ps.now, t.hops) })
}

// usable are the tunnels that last a while, or only those that work.
func (pl *pool) usable(now time.Time, working bool) (out []*ownTunnel) {
	for _, t := range pl.tunnels {
		if t.expires.Sub(now) >= useMargin && !(working && t.failing) {
			out = append(out, t)
		}
	}
	return out
}

func (ps *pools) draw(ts []*ownTunnel) *ownTunnel {
	if len(ts) == 0 {
		return nil
	}
	return ts[ps.rand.Below(len(ts))]
}

// useMargin: a tunnel with less time left is not begun to be used.
const useMargin = 15 * time.Second

// state lists what a destination can use.
func (p *party) state(now time.Time) TunnelState {
	var s TunnelState
	for _, t := range p.in.serving(now) {
		s.Leases = append(s.Leases, leaseset.Lease{Gateway: t.gateway, TunnelID: t.gatewayID, Expires: i2p.DateOf(t.expires)})
	}
	for _, t := range p.out.serving(now) {
		s.Outbound = append(s.Outbound, t.id)
	}
	for _, pl := range [...]*pool{p.in, p.out} {
		for _, t := range pl.usable(now, true) {
			s.RTT = max(s.RTT, t.rtt)
		}
	}
	return s
}

// serving are the tunnels that work and last a while, those that last longest
// first; where there are none, those that there are.
func (pl *pool) serving(now time.Time) []*ownTunnel {
	out := pl.usable(now, true)
	if len(out) == 0 {
		out = pl.usable(now, false)
	}
	if len(out) == 0 {
		for _, t := range pl.tunnels {
			if t.expires.After(now) {
				out = append(out, t)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *ownTunnel) int { return b.expires.Compare(a.expires) })
	return out
}

// changed tells a party of its tunnels, and the world that the router is
// ready once it has exploratory ones both ways.
func (ps *pools) changed(p *party) {
	if p.cfg.Changed != nil && !p.closed {
		p.cfg.Changed(p.state(ps.now))
	}
	if p == ps.self && !ps.isReady && len(p.in.tunnels) > 0 && len(p.out.tunnels) > 0 {
		ps.isReady = true
		close(ps.ready)
		ps.event("ready", i2p.Hash{}, 0, p.cfg.Name, "")
	}
}

// outbound sends a message through a tunnel of ours. It takes ownership.
func (ps *pools) outbound(t *ownTunnel, to tunnel.Delivery, m i2np.Message) {
	to.Message = m
	ps.outboundAll(t, []tunnel.Delivery{to})
}

func (ps *pools) outboundAll(t *ownTunnel, ds []tunnel.Delivery) {
	outs, err := t.out.Send(ps.out[:0], ps.now, ds...)
	if err != nil {
		ps.cfg.Log.Debug("message not sent through the tunnel", "error", err)
	}
	t.messages += uint64(len(outs))
	t.bytes += uint64(len(outs)) * i2np.TunnelDataLen
	for _, o := range outs {
		ps.send(o.To, o.Message)
	}
	clear(outs)
	ps.out = outs
}

func toRouter(h i2p.Hash) tunnel.Delivery {
	return tunnel.Delivery{Kind: tunnel.ToRouter, Router: h}
}

func toTunnel(gateway i2p.Hash, id uint32) tunnel.Delivery {
	return tunnel.Delivery{Kind: tunnel.ToTunnel, Router: gateway, Tunnel: id}
}

// handle handles a message that came through a tunnel of ours, and gives
// what came out of it to deliver, with its ownership. It takes ownership.
func (ps *pools) handle(t *ownTunnel, m i2np.Message, deliver func(i2np.Message)) {
	t.messages++
	t.bytes += uint64(len(m.Body))
	var err error
	if ps.came, err = t.in.Handle(ps.came[:0], ps.now, m); err != nil {
		ps.counts.Malformed++
		ps.cfg.Log.Debug("tunnel message dropped", "error", err)
	}
	for i := range ps.came {
		d := &ps.came[i]
		if d.Kind == tunnel.ToLocal && !t.pool.party.closed {
			deliver(d.Message)
		} else {
			ps.counts.Unknown++
			d.Message.Release()
		}
		*d = tunnel.Delivery{}
	}
}
