package router

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// direct handles a message that came over a session with a peer, or that we
// sent to ourselves. It takes ownership.
func (d *dispatcher) direct(from i2p.Hash, m i2np.Message) {
	if err := m.CheckExpiration(d.now); err != nil {
		d.counts.Expired++
		m.Release()
		return
	}
	over := way{peer: from}
	switch m.Type {
	case i2np.TunnelDataType:
		d.tunnelData(m)
		return // ownership moved on
	case i2np.TunnelGatewayType:
		d.tunnelGateway(m)
		return
	case i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType:
		if d.pools.buildReply(over, m) {
			break
		}
		if d.pools.builds.expects(m.ID) {
			d.counts.Strayed++
		}
		if req := d.transit.request(from, m); req != nil {
			d.paths.noteTransit(from, req)
		}
	case i2np.GarlicType:
		d.cloves(from, d.garlic.open(from, m))
	case i2np.DatabaseLookupType:
		d.mail.databaseLookup(from, m)
	default:
		d.reply(d.parties.self, over, from, m)
	}
	m.Release()
}

// handleInbound handles a message that came out of an inbound tunnel of ours. What
// its party waits for through that tunnel is handled here, other garlic is the
// party's. It takes ownership.
//
// A message id seen here says nothing about the same id elsewhere: no state
// is shared between contexts (CVE-2023-36325).
func (d *dispatcher) handleInbound(t *ownTunnel, m i2np.Message) {
	if err := m.CheckExpiration(d.now); err != nil {
		d.counts.Expired++
		m.Release()
		return
	}
	if m.Type != i2np.GarlicType {
		d.reply(t.party, way{tunnel: t}, i2p.Hash{}, m)
		m.Release()
		return
	}
	cloves, of, ok := d.garlic.unseal(t, m)
	switch deliver := t.party.cfg.Deliver; {
	case ok:
		d.unsealed(t, of, cloves)
	case deliver != nil:
		if d.garlic.answers(m) {
			d.counts.Strayed++
		}
		deliver(t.id, m)
		return // ownership moved on
	default:
		// Nobody but those who answer has business with our exploratory
		// tunnels. Were garlic for our identity opened here, whoever knows a
		// tunnel could find out whose it is.
		d.counts.Strayed++
	}
	m.Release()
}

// unsealed handles the answers that a one-time key of a tunnel's sealed, which a floodfill has.
func (d *dispatcher) unsealed(t *ownTunnel, of i2p.Hash, cloves []i2np.Clove) {
	for _, c := range cloves {
		switch {
		case c.Delivery.Kind != i2np.DeliverLocal: // we forward for nobody who was asked by a tunnel
			d.counts.Unknown++
		case c.Message.CheckExpiration(d.now) != nil:
			d.counts.Expired++
		default:
			d.reply(t.party, way{tunnel: t}, of, c.Message)
		}
	}
}

// reply handles what may be the answer to a question of a party's: over a
// session also what a peer gives to the router. by is the router that can only have
// sent it; zero is not known. It borrows the message.
func (d *dispatcher) reply(p *party, w way, by i2p.Hash, m i2np.Message) {
	switch m.Type {
	case i2np.OutboundTunnelBuildReplyType, i2np.VariableTunnelBuildReplyType,
		i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType:
		if !d.pools.buildReply(w, m) {
			d.notTaken(d.pools.builds.expects(m.ID))
		}
	case i2np.DatabaseStoreType:
		d.mail.store(p, w, by, m)
	case i2np.DatabaseSearchReplyType:
		d.mail.searchReply(p, w, by, m)
	case i2np.DeliveryStatusType:
		d.deliveryStatus(p, w, m)
	default:
		d.counts.Unknown++
	}
}

// deliveryStatus handles what says that a message has arrived: an entry at a
// floodfill, or a test.
func (d *dispatcher) deliveryStatus(p *party, w way, m i2np.Message) {
	s, err := i2np.ParseDeliveryStatus(m.Body)
	if err != nil {
		d.counts.Malformed++
		return
	}
	id := s.MessageID
	if !d.mail.confirmed(p, w, id) && !d.pools.testReturned(w, id) {
		d.notTaken(d.mail.publishing(id) || d.pools.tests.expects(id))
	}
}

// cloves handles what garlic held. Cloves are views into the garlic message,
// so whatever is passed on is copied. A peer can make us forward no more than
// the garlic limit lets in, and no clove is itself garlic with cloves to
// forward: those of a nested garlic are only looked at locally.
func (d *dispatcher) cloves(from i2p.Hash, cloves []i2np.Clove) {
	for _, c := range cloves {
		m := c.Message
		switch c.Delivery.Kind {
		case i2np.DeliverLocal:
			if m.Type == i2np.GarlicType || m.Type == i2np.TunnelDataType {
				d.counts.Unknown++
				continue
			}
			d.direct(from, m.Own())
		case i2np.DeliverRouter:
			if c.Delivery.To != d.cfg.Hash && m.CheckExpiration(d.now) == nil {
				d.send(c.Delivery.To, m.Own())
			}
		case i2np.DeliverTunnel:
			if m.CheckExpiration(d.now) == nil {
				d.toTunnel(c.Delivery.To, c.Delivery.Tunnel, m)
			}
		default:
			d.counts.Unknown++
		}
	}
}

// tunnelData handles a message between two hops of a tunnel: one of ours, or
// one that we carry. It takes ownership.
func (d *dispatcher) tunnelData(m i2np.Message) {
	data, err := i2np.ParseTunnelData(m.Body)
	if err != nil {
		d.counts.Malformed++
		m.Release()
		return
	}
	if in := d.ends.inbound[data.Tunnel]; in != nil {
		d.tunnelEnd(in, m)
		return
	}
	d.transit.data(data.Tunnel, m)
}

// tunnelGateway handles a message that enters a tunnel at us. It takes
// ownership.
func (d *dispatcher) tunnelGateway(m i2np.Message) {
	g, err := i2np.ParseTunnelGateway(m.Body)
	in := d.ends.inbound[g.Tunnel]
	switch {
	case err != nil:
		d.counts.Malformed++
	case in == nil:
		d.transit.enter(g.Tunnel, g.Message)
	case in.zeroHop():
		d.tunnelEnd(in, m)
		return // ownership moved on
	default:
		d.counts.Unknown++
	}
	m.Release()
}

// tunnelEnd handles what came through a tunnel of ours. It takes ownership.
func (d *dispatcher) tunnelEnd(in *ownTunnel, m i2np.Message) {
	came := d.ends.handle(in, m)
	for i := range came {
		d.handleInbound(in, came[i])
	}
	clear(came)
}
