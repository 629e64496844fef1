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

func (r *Router) newParty(cfg TunnelsConfig, destination bool) *party {
	p := &party{
		cfg:      cfg,
		expected: newExpected(),
		segment: netdb.NewSegment(netdb.SegmentConfig{
			DB: r.db, Rand: r.rand, Destination: destination, Explore: !destination,
		}),
	}
	r.rand.Fill(p.order[:])
	p.policy = tunnel.NewPool(tunnel.PoolConfig{
		Inbound:      cfg.Inbound.quota(),
		Outbound:     cfg.Outbound.quota(),
		BuildTimeout: r.cfg.Limits.BuildTimeout,
		Limit:        r.pace, Rand: r.rand,
	})
	p.in, p.out = &pool{party: p, inbound: true}, &pool{party: p}
	if !destination {
		p.in.last, p.out.last = r.zeroHopTunnel(p.in, 0), r.zeroHopTunnel(p.out, 0)
		r.inbound[p.in.last.id] = p.in.last
	}
	return p
}

// tickParty does what time asks of a party's tunnels and its part of the netDb.
func (r *Router) tickParty(now time.Time, p *party) time.Time {
	if p.closed || !r.started {
		return time.Time{}
	}
	if !r.waits(p) {
		for _, a := range p.policy.Tick(now) {
			r.act(p, a)
		}
	}
	r.perform(p, p.segment.Tick(now))
	for _, t := range p.in.tunnels {
		t.in.Expire(now)
	}
	if r.waits(p) {
		return p.segment.Deadline()
	}
	return earliest(p.policy.Deadline(now), p.segment.Deadline())
}

// waits reports whether a destination has to wait for the router's tunnels
// before it can ask for its own.
func (r *Router) waits(p *party) bool {
	return p != r.self && !r.isReady && p.cfg.Inbound.Hops > 0 && p.cfg.Outbound.Hops > 0
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// best is the tunnel to use now: of those that work, one at random, so that a
// bad one does not stop everything. The router itself falls back on a tunnel
// without hops until it has others.
func (pl *pool) best(r *Router) *ownTunnel {
	working := pl.usable(r.now, true)
	for _, ts := range [...][]*ownTunnel{r.undoubted(working), working, pl.usable(r.now, false)} {
		if t := r.draw(ts); t != nil {
			return t
		}
	}
	return pl.last
}

// undoubted are the tunnels without a hop that seems to have gone.
func (r *Router) undoubted(ts []*ownTunnel) []*ownTunnel {
	return slices.DeleteFunc(slices.Clone(ts), func(t *ownTunnel) bool { return r.doubts.holds(r.now, t.hops) })
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

func (r *Router) draw(ts []*ownTunnel) *ownTunnel {
	if len(ts) == 0 {
		return nil
	}
	return ts[r.rand.Below(len(ts))]
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
func (r *Router) changed(p *party) {
	if p.cfg.Changed != nil && !p.closed {
		p.cfg.Changed(p.state(r.now))
	}
	if p == r.self && !r.isReady && len(p.in.tunnels) > 0 && len(p.out.tunnels) > 0 {
		r.isReady = true
		close(r.ready)
		r.event("ready", i2p.Hash{}, 0, p.cfg.Name, "")
	}
}

// outbound sends a message through a tunnel of ours. It takes ownership.
func (r *Router) outbound(t *ownTunnel, to tunnel.Delivery, m i2np.Message) {
	to.Message = m
	r.outboundAll(t, []tunnel.Delivery{to})
}

func (r *Router) outboundAll(t *ownTunnel, ds []tunnel.Delivery) {
	scratch := r.transit.out[:0]
	r.transit.out = nil
	outs, err := t.out.Send(scratch, r.now, ds...)
	if err != nil {
		r.cfg.Log.Debug("message not sent through the tunnel", "error", err)
	}
	t.messages += uint64(len(outs))
	t.bytes += uint64(len(outs)) * i2np.TunnelDataLen
	r.sendAll(outs)
	r.transit.out = outs[:0]
}

func toRouter(h i2p.Hash) tunnel.Delivery {
	return tunnel.Delivery{Kind: tunnel.DeliverRouter, Router: h}
}

func toTunnel(gateway i2p.Hash, id uint32) tunnel.Delivery {
	return tunnel.Delivery{Kind: tunnel.DeliverTunnel, Router: gateway, Tunnel: id}
}

// receive takes a message that reached us through a tunnel of ours. It takes
// ownership.
func (r *Router) receive(t *ownTunnel, m i2np.Message) {
	t.messages++
	t.bytes += uint64(len(m.Body))
	scratch := r.transit.arrived[:0]
	r.transit.arrived = nil
	deliveries, err := t.in.Handle(scratch, r.now, m)
	if err != nil {
		r.counts.Malformed++
		r.cfg.Log.Debug("tunnel message dropped", "error", err)
	}
	for i := range deliveries {
		d := &deliveries[i]
		if d.Kind == tunnel.DeliverLocal && !t.pool.party.closed {
			r.arrived(t, d.Message)
		} else {
			r.counts.Unknown++
			d.Message.Release()
		}
		*d = tunnel.Delivery{}
	}
	r.transit.arrived = deliveries[:0]
}

func (r *Router) event(kind string, peer i2p.Hash, id uint32, owner, detail string) {
	r.cfg.Event(Event{Kind: kind, Router: peer, Tunnel: id, Owner: owner, Detail: detail})
}
