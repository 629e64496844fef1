package client

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// send passes payloads to one destination, in order, and owns them.
func (c *Client) send(hash i2p.Hash, payloads []*buf.Buf) {
	now := c.cfg.Now()
	r := c.remote(now, hash)
	if r == nil || c.sessions == nil {
		c.drop(payloads)
		return
	}
	r.used, r.written = now, true
	if !r.choose(now, c.state.Outbound, c.random.Below) {
		c.hold(r, payloads)
		c.lookUpdate(now, r)
		return
	}
	c.pass(r, c.seal(now, r, payloads))
	if r.lasts(now) < leaseRefresh {
		c.lookUpdate(now, r)
	}
}

// pass sends messages the way that was chosen for a remote.
func (c *Client) pass(r *remote, messages []i2np.Message) {
	if len(messages) > 0 {
		c.tunnels.Send(r.via, r.lease.Gateway, r.lease.TunnelID, messages)
	}
}

// hold keeps payloads until there is a way to send them. The oldest give way:
// a stream sends them again.
func (c *Client) hold(r *remote, payloads []*buf.Buf) {
	r.waiting = append(r.waiting, payloads...)
	if over := len(r.waiting) - maxWaiting; over > 0 {
		c.drop(r.waiting[:over])
		r.waiting = slices.Delete(r.waiting, 0, over)
	}
}

// drop counts payloads that do not get through.
func (c *Client) drop(payloads []*buf.Buf) {
	c.stats.Dropped += uint64(len(payloads))
	release(payloads)
}

func release(payloads []*buf.Buf) {
	for _, p := range payloads {
		p.Release()
	}
}

// seal makes one garlic message for each payload, in its own buffer where that has the
// room. Our lease set goes along with the first when the peer does not have the newest yet.
func (c *Client) seal(now time.Time, r *remote, payloads []*buf.Buf) []i2np.Message {
	out := make([]i2np.Message, 0, len(payloads))
	for _, p := range payloads {
		if m, ok := c.sealAround(now, r, p); ok {
			out = append(out, m)
		}
	}
	return out
}

// sealAround makes a garlic message of a payload, which it owns.
func (c *Client) sealAround(now time.Time, r *remote, p *buf.Buf) (i2np.Message, bool) {
	n := p.Len()
	p = p.Room(dataHeader, 0)
	binary.BigEndian.PutUint32(p.Prepend(dataHeader), uint32(n))
	return c.sealCloves(now, r, p, i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: r.hash},
		Message:  c.message(now, i2np.DataType, p.Bytes()),
	})
}

// sealEmpty makes a garlic message with nothing but what there is to say to a peer anyway.
func (c *Client) sealEmpty(now time.Time, r *remote) (i2np.Message, bool) {
	return c.sealCloves(now, r, nil)
}

// sealCloves seals cloves, of which p, if it is not nil, holds the body of the last.
func (c *Client) sealCloves(now time.Time, r *remote, p *buf.Buf, cloves ...i2np.Clove) (i2np.Message, bool) {
	payload := ratchet.Payload{Cloves: cloves}
	own, haveOwn := c.ownSetClove(now)
	announce := haveOwn && r.needsOurSet(now, c.own.set)
	if announce {
		payload.Cloves = append([]i2np.Clove{own}, cloves...)
		payload.AckRequest = true
	} else if haveOwn {
		c.bundle[0] = own
		payload.Bundle = c.bundle[:]
	}
	peer := ratchet.Peer{Static: r.static(), Type: r.key.Type}
	var sealed ratchet.Sealed
	var err error
	if p != nil {
		p, sealed, err = c.sessions.SealAround(p, now, peer, payload)
	} else if sealed, err = c.sessions.Seal(now, peer, payload); err == nil {
		p = buf.Copy(sealed.Body)
	}
	if err != nil {
		c.stats.Dropped++
		c.cfg.Log.Debug("message not sealed", "error", err)
		return i2np.Message{}, false
	}
	if announce || (haveOwn && sealed.Kind == ratchet.NewSession) {
		r.announced(now, c.own.set, sealed.ID)
		c.pushBy(now.Add(leaseSetResend)) // unless the peer says before that it came
	}
	c.stats.Sent++
	p = p.Room(garlicHeader, 0)
	binary.BigEndian.PutUint32(p.Prepend(garlicHeader), uint32(len(sealed.Body)))
	m := c.message(now, i2np.GarlicType, p.Bytes())
	m.Owner = p
	return m, true
}

// The lengths that begin the bodies of a garlic message and of a Data message.
const (
	garlicHeader = 4
	dataHeader   = 4
)

// ownSetClove is our lease set as the peer stores it.
func (c *Client) ownSetClove(now time.Time) (i2np.Clove, bool) {
	if !c.setStands(now) {
		return i2np.Clove{}, false
	}
	return i2np.Clove{Message: c.message(now, i2np.DatabaseStoreType, c.own.stored)}, true
}

func (c *Client) message(now time.Time, t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: c.random.Nonzero32(), Expiration: i2p.DateOf(now.Add(messageLife)), Body: body}
}

// open handles one message that came through our tunnels.
func (c *Client) open(now time.Time, m i2np.Message) {
	defer m.Release()
	if m.Type != i2np.GarlicType {
		c.stats.Rejected++
		return
	}
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil {
		c.stats.Rejected++
		return
	}
	if c.sessions == nil { // nobody can have sealed it to us
		c.stats.Undecryptable++
		return
	}
	o, err := c.sessions.Open(now, body)
	if err != nil {
		c.stats.Undecryptable++
		c.cfg.Log.Debug("garlic message not opened", "error", err)
		return
	}
	c.stats.Received++
	for _, clove := range o.Cloves {
		c.clove(now, clove)
	}
	if r := c.byStatic[o.From]; r != nil { // its lease set may have come just now
		r.use(o.From, o.Type)
		r.acknowledged(o.Acks)
	}
}

// clove handles what a garlic message held. Only what is meant for this
// destination is looked at: a client forwards for nobody.
func (c *Client) clove(now time.Time, clove i2np.Clove) {
	switch clove.Delivery.Kind {
	case i2np.DeliverLocal:
	case i2np.DeliverDestination:
		if clove.Delivery.To != c.hash {
			c.stats.Rejected++
			return
		}
	default:
		c.stats.Rejected++
		return
	}
	if err := clove.Message.CheckExpiration(now); err != nil {
		c.stats.Rejected++
		return
	}
	switch clove.Message.Type {
	case i2np.DataType:
		c.data(now, clove.Message.Body)
	case i2np.DatabaseStoreType:
		if err := c.store(now, clove.Message.Body); err != nil {
			c.stats.Rejected++
			c.cfg.Log.Debug("bundled lease set refused", "error", err)
		}
	}
}

var errNotLeaseSet = errors.New("client: not a lease set")

// store takes the lease set that a peer bundles with its messages.
func (c *Client) store(now time.Time, body []byte) error {
	s, err := i2np.ParseDatabaseStore(body)
	if err != nil {
		return err
	}
	if s.Type == i2np.StoreRouterInfo {
		return errNotLeaseSet
	}
	set, err := open(leaseset.Parse(s.Type, s.Data))
	if err != nil {
		return err
	}
	if set.Hash() != s.Key || set.Hash() == c.hash {
		return errNotLeaseSet
	}
	if err := set.Verify(now); err != nil {
		return err
	}
	c.learn(now, set)
	return nil
}

// learn keeps a verified lease set, and sends what waited for it.
func (c *Client) learn(now time.Time, set leaseset.Set) {
	r := c.remote(now, set.Hash())
	if r == nil {
		return
	}
	revive := false
	if c.update(r, set) {
		revive = r.stalled(now) || r.withdrawn(now)
		if r.pushes > 0 && !r.knowsSet { // there are new ways to send it ours
			r.sentSet = 0
			c.pushBy(now)
		}
	}
	c.flush(now, r)
	if revive {
		c.revive(now, r)
	}
}

// revive has what is stalled sent again.
func (c *Client) revive(now time.Time, r *remote) {
	if c.host != nil {
		c.host.Revive(now, r.hash)
	}
}

// flush sends what waited for r.
func (c *Client) flush(now time.Time, r *remote) {
	if len(r.waiting) == 0 || c.sessions == nil || !r.choose(now, c.state.Outbound, c.random.Below) {
		return
	}
	waiting := r.waiting
	r.waiting = nil
	c.pass(r, c.seal(now, r, waiting))
}
