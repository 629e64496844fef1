package router

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tunnel"
)

// ownTunnel is a tunnel that we create. Its party's pool holds it.
type ownTunnel struct {
	tunnel.Member
	party *party
	build *build // until the hops have answered

	in        *tunnel.Inbound
	out       *tunnel.Outbound
	id        uint32 // we receive with it, or the party names the outbound tunnel by it
	gateway   i2p.Hash
	gatewayID uint32
	hops      []i2p.Hash
	carried   bool // a message is known to have come through
	awaits    int  // builds whose request or reply goes through it
	messages  uint64
	bytes     uint64
}

func (t *ownTunnel) zeroHop() bool { return len(t.hops) == 0 }

// direction is that of its party which the tunnel is one of.
func (t *ownTunnel) direction() *direction {
	if t.Inbound() {
		return &t.party.in
	}
	return &t.party.out
}

// neighbour is the hop next to us.
func (t *ownTunnel) neighbour() (i2p.Hash, bool) {
	switch {
	case t.zeroHop():
		return i2p.Hash{}, false
	case t.in != nil:
		return t.hops[len(t.hops)-1], true
	}
	return t.hops[0], true
}

// ends are our ends of the tunnels that we created.
type ends struct {
	*core
	carried func(id uint32) bool // whether a tunnel of somebody's has an id
	budget  *tunnel.Budget
	inbound map[uint32]*ownTunnel // by the id that messages come with
	wanted  wanted

	framed     []tunnel.Out      // scratch
	deliveries []tunnel.Delivery // scratch
	came       []i2np.Message    // what the last handle returned
}

func newEnds(c *core, budget *tunnel.Budget, carried func(uint32) bool) *ends {
	return &ends{
		core: c, carried: carried, budget: budget,
		inbound: make(map[uint32]*ownTunnel),
		wanted:  wanted{peers: make(map[i2p.Hash]int)},
	}
}

// owns reports whether a tunnel of ours has an id.
func (es *ends) owns(id uint32) bool { return es.inbound[id] != nil }

// free reports whether an id may be a tunnel's of ours.
func (es *ends) free(id uint32) bool { return !es.owns(id) && !es.carried(id) }

// freeID draws a tunnel id that is not in use here.
func (es *ends) freeID() uint32 {
	for {
		if id := es.rand.Nonzero32(); es.free(id) {
			return id
		}
	}
}

// zeroHop makes both ends of a tunnel without hops.
func (es *ends) zeroHop(t *ownTunnel, inbound bool) {
	t.id = es.freeID()
	if !inbound {
		t.out = tunnel.NewOutbound(tunnel.OutboundConfig{EndRouter: es.cfg.Hash, Rand: es.rand})
		return
	}
	t.gateway, t.gatewayID = es.cfg.Hash, t.id
	t.in = tunnel.NewInbound(tunnel.InboundConfig{
		Gateway: es.cfg.Hash, GatewayID: t.id, Budget: es.budget, Counts: &es.endpoints,
	})
}

// open has a tunnel used.
func (es *ends) open(t *ownTunnel) {
	if t.in != nil {
		es.inbound[t.id] = t
	}
	if h, ok := t.neighbour(); ok {
		es.wanted.add(h, 1)
	}
}

// close has a tunnel used no more, and lets its buffers go.
func (es *ends) close(t *ownTunnel) {
	if t.in != nil {
		delete(es.inbound, t.id)
		t.in.Close()
	}
	if h, ok := t.neighbour(); ok {
		es.wanted.add(h, -1)
	}
}

// enter sends messages through a tunnel of ours. It takes ownership.
func (es *ends) enter(t *ownTunnel, ds ...tunnel.Delivery) {
	outs, err := t.out.Send(es.framed[:0], es.now, ds...)
	if err != nil {
		es.cfg.Log.Debug("message not sent through the tunnel", "error", err)
	}
	t.messages += uint64(len(outs))
	t.bytes += uint64(len(outs)) * i2np.TunnelDataLen
	for _, o := range outs {
		es.send(o.To, o.Message)
	}
	clear(outs)
	es.framed = outs
}

func toRouter(h i2p.Hash, m i2np.Message) tunnel.Delivery {
	return tunnel.Delivery{Kind: tunnel.ToRouter, Router: h, Message: m}
}

func toTunnel(gateway i2p.Hash, id uint32, m i2np.Message) tunnel.Delivery {
	return tunnel.Delivery{Kind: tunnel.ToTunnel, Router: gateway, Tunnel: id, Message: m}
}

// handle handles a message that came through a tunnel of ours, and returns what
// came out of it, with its ownership. The slice is the caller's until the next
// call. It takes ownership.
func (es *ends) handle(t *ownTunnel, m i2np.Message) []i2np.Message {
	t.messages++
	t.bytes += uint64(len(m.Body))
	deliveries, err := t.in.Handle(es.deliveries[:0], es.now, m)
	if err != nil {
		es.counts.Malformed++
		es.cfg.Log.Debug("tunnel message dropped", "error", err)
	}
	es.came = es.came[:0]
	for i := range deliveries {
		if d := &deliveries[i]; d.Kind == tunnel.ToLocal && !t.party.closed {
			es.came = append(es.came, d.Message)
		} else {
			es.counts.Unknown++
			d.Message.Release()
		}
	}
	clear(deliveries)
	es.deliveries = deliveries
	return es.came
}
