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
		r.tunnelData(from, m)
		return // ownership moved on
	case i2np.TunnelGatewayType:
		r.tunnelGateway(m)
		return
	case i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType:
		if !r.buildReply(over, m) {
			if r.elsewhere(building(m.ID)) {
				r.counts.Strayed++
			}
			r.buildRequest(from, m)
		}
	case i2np.OutboundTunnelBuildReplyType, i2np.VariableTunnelBuildReplyType:
		r.unexpected(building(m.ID)) // they come through tunnels
	case i2np.GarlicType:
		r.routerGarlic(from, m)
	case i2np.DatabaseStoreType:
		r.store(r.self, over, m)
	case i2np.DatabaseLookupType:
		r.databaseLookup(from, m)
	case i2np.DatabaseSearchReplyType:
		r.searchReply(r.self, over, m)
	case i2np.DeliveryStatusType:
		r.deliveryStatus(r.self, over, m)
	default:
		r.counts.Unknown++
	}
	m.Release()
}

// arrived handles a message that came out of an inbound tunnel of ours. What
// its party waits for through that tunnel is handled here, other garlic is the
// party's. It takes ownership.
//
// A message id seen here says nothing about the same id elsewhere: no state
// is shared between contexts (CVE-2023-36325).
func (r *Router) arrived(t *ownTunnel, m i2np.Message) {
	if err := m.CheckExpiration(r.now); err != nil {
		r.counts.Expired++
		m.Release()
		return
	}
	switch deliver := t.pool.party.cfg.Deliver; {
	case m.Type != i2np.GarlicType:
		r.reply(t, m)
	case r.tagged(t, m):
	case deliver != nil:
		if r.astray(m) {
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
		if !r.buildReply(through, m) {
			r.unexpected(building(m.ID))
		}
	case i2np.DatabaseStoreType:
		r.store(p, through, m)
	case i2np.DatabaseSearchReplyType:
		r.searchReply(p, through, m)
	case i2np.DeliveryStatusType:
		r.deliveryStatus(p, through, m)
	default:
		r.counts.Unknown++
	}
}

// routerGarlic opens garlic that is sealed to our identity's key. The answer to
// a question that named a tunnel is none, and takes as long to be found out.
func (r *Router) routerGarlic(from i2p.Hash, m i2np.Message) {
	if !r.garlic.allow(r.now, from) {
		r.counts.GarlicLimited++
		return
	}
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil {
		r.counts.Malformed++
		return
	}
	opened, err := r.opener.Open(r.now, body)
	if err != nil {
		if r.astray(m) {
			r.counts.Strayed++
		} else {
			r.counts.Undecryptable++
		}
		r.cfg.Log.Debug("garlic not opened", "error", err)
		return
	}
	r.cloves(from, opened.Cloves)
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

// toTunnel sends a message to the gateway of a tunnel of somebody's. It
// borrows the message.
func (r *Router) toTunnel(gateway i2p.Hash, tunnel uint32, m i2np.Message) {
	wrapped := r.message(i2np.TunnelGatewayType, i2np.AppendTunnelGateway(make([]byte, 0, i2np.TunnelGatewayHeaderLen+m.StandardLen()), tunnel, m))
	r.send(gateway, wrapped)
}
