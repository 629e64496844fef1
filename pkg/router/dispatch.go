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
	switch m.Type {
	case i2np.TunnelDataType:
		r.tunnelData(from, m)
		return // ownership moved on
	case i2np.TunnelGatewayType:
		r.tunnelGateway(m)
		return
	case i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType:
		if !r.buildReply(m) {
			r.buildRequest(from, m)
		}
	case i2np.OutboundTunnelBuildReplyType, i2np.VariableTunnelBuildReplyType:
		if !r.buildReply(m) {
			r.counts.Unknown++
		}
	case i2np.GarlicType:
		r.routerGarlic(from, m)
	case i2np.DatabaseStoreType:
		r.store(r.self, from, m)
	case i2np.DatabaseLookupType:
		r.databaseLookup(from, m)
	case i2np.DatabaseSearchReplyType:
		r.searchReply(r.self, m)
	case i2np.DeliveryStatusType:
		r.deliveryStatus(r.self, m)
	default:
		r.counts.Unknown++
	}
	m.Release()
}

// arrived handles a message that came out of an inbound tunnel of ours. What
// the netDb and the builds of that party wait for is handled here, in the
// party's own context; garlic is the party's. It takes ownership.
//
// A message id seen here says nothing about the same id elsewhere: no state
// is shared between contexts (CVE-2023-36325).
func (r *Router) arrived(p *party, m i2np.Message) {
	if err := m.CheckExpiration(r.now); err != nil {
		r.counts.Expired++
		m.Release()
		return
	}
	switch m.Type {
	case i2np.GarlicType:
		if r.tagged(m) {
			break
		}
		if p.cfg.Deliver != nil {
			p.cfg.Deliver(m)
			return // ownership moved on
		}
		r.routerGarlic(i2p.Hash{}, m)
	case i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType,
		i2np.OutboundTunnelBuildReplyType, i2np.VariableTunnelBuildReplyType:
		if !r.buildReply(m) {
			r.counts.Unknown++
		}
	case i2np.DatabaseStoreType:
		r.store(p, i2p.Hash{}, m)
	case i2np.DatabaseSearchReplyType:
		r.searchReply(p, m)
	case i2np.DeliveryStatusType:
		r.deliveryStatus(p, m)
	default:
		r.counts.Unknown++
	}
	m.Release()
}

// routerGarlic opens garlic that is meant for the router itself: sealed with a
// one-time key that we gave away, or to our identity's key.
func (r *Router) routerGarlic(from i2p.Hash, m i2np.Message) {
	if r.tagged(m) {
		return
	}
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
		r.counts.Undecryptable++
		r.cfg.Log.Debug("garlic not opened", "error", err)
		return
	}
	r.cloves(r.self, from, opened.Cloves)
}

// cloves handles what garlic held. Cloves are views into the garlic message,
// so whatever is passed on is copied. A peer can make us forward no more than
// the garlic limit lets in, and no clove is itself garlic with cloves to
// forward: those of a nested garlic are only looked at locally.
func (r *Router) cloves(p *party, from i2p.Hash, cloves []i2np.Clove) {
	for _, c := range cloves {
		m := c.Message
		switch c.Delivery.Kind {
		case i2np.DeliverLocal:
			if m.Type == i2np.GarlicType || m.Type == i2np.TunnelDataType {
				r.counts.Unknown++
				continue
			}
			m = m.Own()
			if p == r.self {
				r.direct(from, m)
			} else {
				r.arrived(p, m)
			}
		case i2np.DeliverRouter:
			if p == r.self && c.Delivery.To != r.cfg.Hash && m.CheckExpiration(r.now) == nil {
				r.send(c.Delivery.To, m.Own())
			}
		case i2np.DeliverTunnel:
			if p == r.self && m.CheckExpiration(r.now) == nil {
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
