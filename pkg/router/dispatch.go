package router

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// direct handles a message that came over a session with a peer, or that we
// sent to ourselves. It takes ownership.
func (r *Router) direct(from i2p.Hash, m i2np.Message) {
	if err := m.CheckExpiration(r.now); err != nil {
		r.counts.Expired++
		m.Release()
		return
	}
	over := way{peer: from}
	switch m.Type {
	case i2np.TunnelDataType:
		r.tunnelData(m)
		return // ownership moved on
	case i2np.TunnelGatewayType:
		r.tunnelGateway(m)
		return
	case i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType:
		if r.pools.buildReply(over, m) {
			break
		}
		if r.pools.elsewhere(building(m.ID)) {
			r.counts.Strayed++
		}
		if req := r.transit.request(from, m); req != nil {
			r.pools.noteTransit(from, req)
		}
	case i2np.OutboundTunnelBuildReplyType, i2np.VariableTunnelBuildReplyType:
		r.pools.unexpected(building(m.ID)) // they come through tunnels
	case i2np.GarlicType:
		r.cloves(from, r.mail.open(from, m))
	case i2np.DatabaseStoreType:
		r.mail.store(r.pools.self, over, m)
	case i2np.DatabaseLookupType:
		r.mail.databaseLookup(from, m)
	case i2np.DatabaseSearchReplyType:
		r.mail.searchReply(r.pools.self, over, m)
	case i2np.DeliveryStatusType:
		r.mail.deliveryStatus(r.pools.self, over, m)
	default:
		r.counts.Unknown++
	}
	m.Release()
}

// handleInbound handles a message that came out of an inbound tunnel of ours. What
// its party waits for through that tunnel is handled here, other garlic is the
// party's. It takes ownership.
//
// A message id seen here says nothing about the same id elsewhere: no state
// is shared between contexts (CVE-2023-36325).
func (r *Router) handleInbound(t *ownTunnel, m i2np.Message) {
	if err := m.CheckExpiration(r.now); err != nil {
		r.counts.Expired++
		m.Release()
		return
	}
	switch deliver := t.pool.party.cfg.Deliver; {
	case m.Type != i2np.GarlicType:
		r.reply(t, m)
	case r.pools.tagged(t, m, func(c i2np.Message) { r.reply(t, c) }):
	case deliver != nil:
		if r.pools.astray(m) {
			r.counts.Strayed++
		}
		deliver(m)
		return // ownership moved on
	default:
		// Nobody but those who answer has business with our exploratory
		// tunnels. Were garlic for our identity opened here, whoever knows a
		// tunnel could find out whose it is.
		r.counts.Strayed++
	}
	m.Release()
}

// reply handles what may be the answer to a question that named a tunnel of
// ours. It borrows the message.
func (r *Router) reply(t *ownTunnel, m i2np.Message) {
	p, through := t.pool.party, way{tunnel: t}
	switch m.Type {
	case i2np.OutboundTunnelBuildReplyType, i2np.VariableTunnelBuildReplyType,
		i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType:
		if !r.pools.buildReply(through, m) {
			r.pools.unexpected(building(m.ID))
		}
	case i2np.DatabaseStoreType:
		r.mail.store(p, through, m)
	case i2np.DatabaseSearchReplyType:
		r.mail.searchReply(p, through, m)
	case i2np.DeliveryStatusType:
		r.mail.deliveryStatus(p, through, m)
	default:
		r.counts.Unknown++
	}
}

// cloves handles what garlic held. Cloves are views into the garlic message,
// so whatever is passed on is copied. A peer can make us forward no more than
// the garlic limit lets in, and no clove is itself garlic with cloves to
// forward: those of a nested garlic are only looked at locally.
func (r *Router) cloves(from i2p.Hash, cloves []i2np.Clove) {
	for _, c := range cloves {
		m := c.Message
		switch c.Delivery.Kind {
		case i2np.DeliverLocal:
			if m.Type == i2np.GarlicType || m.Type == i2np.TunnelDataType {
				r.counts.Unknown++
				continue
			}
			r.direct(from, m.Own())
		case i2np.DeliverRouter:
			if c.Delivery.To != r.cfg.Hash && m.CheckExpiration(r.now) == nil {
				r.send(c.Delivery.To, m.Own())
			}
		case i2np.DeliverTunnel:
			if m.CheckExpiration(r.now) == nil {
				r.toTunnel(c.Delivery.To, c.Delivery.Tunnel, m)
			}
		default:
			r.counts.Unknown++
		}
	}
}

// tunnelData handles a message between two hops of a tunnel: one of ours, or
// one that we carry. It takes ownership.
func (r *Router) tunnelData(m i2np.Message) {
	d, err := i2np.ParseTunnelData(m.Body)
	if err != nil {
		r.counts.Malformed++
		m.Release()
		return
	}
	if in := r.pools.inbound[d.Tunnel]; in != nil {
		r.pools.handle(in, m, func(out i2np.Message) { r.handleInbound(in, out) })
		return
	}
	r.transit.data(d.Tunnel, m)
}

// tunnelGateway handles a message that enters a tunnel at us. It takes
// ownership.
func (r *Router) tunnelGateway(m i2np.Message) {
	g, err := i2np.ParseTunnelGateway(m.Body)
	in := r.pools.inbound[g.Tunnel]
	switch {
	case err != nil:
		r.counts.Malformed++
	case in == nil:
		r.transit.enter(g.Tunnel, g.Message)
	case in.zeroHop():
		r.pools.handle(in, m, func(out i2np.Message) { r.handleInbound(in, out) })
		return // ownership moved on
	default:
		r.counts.Unknown++
	}
	m.Release()
}
