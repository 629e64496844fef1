package router

import (
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tally"
	"i2ptoolkit/pkg/tunnel"
)

// TunnelInfo describes one tunnel.
type TunnelInfo struct {
	Owner    string // the party, or "" for a tunnel of others
	Own      bool
	Client   bool
	Inbound  bool
	Role     tunnel.Role // of a tunnel of others
	ID       uint32
	Hops     []i2p.Hash
	Failing  bool
	RTT      time.Duration
	Created  time.Time
	Expires  time.Time
	Messages uint64
	Bytes    uint64
}

// Numbers are the router's counts with what there is at the moment.
type Numbers struct {
	Counts
	ExploratoryIn, ExploratoryOut int
	ClientIn, ClientOut           int
	Transit                       int
	FilterBytes                   int    // what the filters of its tunnels take, beside a little for each
	FiltersSmall                  uint64 // that were not let grow
	Parties                       int
	Stuck                         int // of them without a tunnel, and without one of the router's to build it through
	DB                            netdb.Stats
	Segments                      netdb.SegmentStats   // of all parties
	Endpoints                     tunnel.EndpointStats // of all tunnels that end here
	Garlic                        ratchet.Stats        // to the router itself
	Profiles                      profile.Stats
}

// Numbers returns the counts with what there is at the moment.
func (r *Router) Numbers() (n Numbers) {
	r.within(func() { n = r.numbers() })
	return n
}

func (r *Router) numbers() Numbers {
	n := Numbers{Counts: r.counts}
	n.InboxDropped = r.in.Dropped()
	n.Transit = len(r.transit.hops)
	n.FilterBytes, n.FiltersSmall = r.transit.budget.Filters()
	n.DB, n.Profiles, n.Garlic = r.db.Stats(), r.peers.Stats(), r.garlic.router.Stats()
	n.Segments, n.Endpoints = r.mail.gone, r.endpoints
	n.Stuck = r.parties.stuck()
	for _, p := range r.parties.list {
		if p != r.parties.self && !p.resting {
			n.Parties++
		}
		tally.Add(&n.Segments, p.segment.Stats())
		if p == r.parties.self {
			n.ExploratoryIn, n.ExploratoryOut = len(p.in.tunnels()), len(p.out.tunnels())
			continue
		}
		n.ClientIn += len(p.in.tunnels())
		n.ClientOut += len(p.out.tunnels())
	}
	return n
}

// Tunnels lists all tunnels: our own by party, then those of others by id.
func (r *Router) Tunnels() (out []TunnelInfo) {
	r.within(func() { out = r.tunnels() })
	return out
}

func (r *Router) tunnels() (out []TunnelInfo) {
	for _, p := range r.parties.list {
		for _, t := range p.tunnels() {
			out = append(out, TunnelInfo{
				Owner: p.cfg.Name, Own: true, Client: p != r.parties.self, Inbound: t.Inbound(),
				ID: t.id, Hops: t.hops, Failing: t.Failing(), RTT: t.RTT(),
				Created: t.Created(), Expires: t.Expires(), Messages: t.messages, Bytes: t.bytes,
			})
		}
	}
	return append(out, r.transit.list()...)
}

// Start has the router begin to build tunnels and to publish itself. Before,
// it only listens: the netDb is being loaded. Once it has begun that does nothing.
func (r *Router) Start() {
	r.in.Call(func() {
		if !r.started {
			r.started, r.serves = true, true
			r.mail.publishInfo()
		}
	})
}

// Republish has our RouterInfo, which has changed, published at once.
func (r *Router) Republish() {
	r.in.Call(func() {
		if r.started {
			r.mail.publishInfo()
		}
	})
}

// TransitLoad tells how many tunnels those have asked for who hold few of what we
// carry, and how many of these were refused, since it was asked last. Who holds
// much is refused for that, and says nothing of how we are.
func (r *Router) TransitLoad() (asked, refused int) {
	r.within(func() {
		l := r.transit.takeLoad()
		asked, refused = l.asked, l.refused
	})
	return asked, refused
}

// StopTransit takes on no more tunnels of others.
func (r *Router) StopTransit() { r.in.Call(func() { r.transit.stopping = true }) }

// Limit changes the limits that may change while the router runs; zero fields
// stay as they are.
func (r *Router) Limit(l Limits) {
	r.in.Call(func() {
		if l.TransitTunnels != 0 {
			r.cfg.Limits.TransitTunnels = l.TransitTunnels
		}
	})
}
