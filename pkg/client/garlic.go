package client

import (
	"encoding/binary"
	"errors"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// send passes payloads to one destination, in order. They are lent until it returns.
func (c *Client) send(_ i2p.Destination, hash i2p.Hash, payloads [][]byte) {
	now := c.cfg.Now()
	r := c.remote(now, hash)
	if r == nil || c.sessions == nil {
		c.stats.Dropped += uint64(len(payloads))
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
func (c *Client) hold(r *remote, payloads [][]byte) {
	for _, p := range payloads {
		r.waiting = append(r.waiting, append([]byte(nil), p...))
	}
	if over := len(r.waiting) - maxWaiting; over > 0 {
		c.stats.Dropped += uint64(over)
		r.waiting = append([][]byte(nil), r.waiting[over:]...)
	}
}

// seal makes one garlic message for each payload. Our lease set goes along
// with the first when the peer does not have the newest yet.
func (c *Client) seal(now time.Time, r *remote, payloads [][]byte) []i2np.Message {
	out := make([]i2np.Message, 0, len(payloads))
	for _, p := range payloads {
		data := i2np.Clove{
			Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: r.hash},
			Message:  c.message(now, i2np.DataType, i2np.AppendData(make([]byte, 0, len(p)+4), p)),
		}
		if m, ok := c.sealCloves(now, r, data); ok {
			out = append(out, m)
		}
	}
	return out
}

func (c *Client) sealCloves(now time.Time, r *remote, cloves ...i2np.Clove) (i2np.Message, bool) {
	payload := ratchet.Payload{Cloves: cloves}
	own, haveOwn := c.ownSetClove(now)
	if haveOwn {
		payload.Bundle = []i2np.Clove{own}
	}
	announce := haveOwn && r.needsOurSet(now, c.own.set)
	if announce {
		payload.Cloves = append([]i2np.Clove{own}, cloves...)
		payload.Bundle = nil
		payload.AckRequest = true
	}
	sealed, err := c.sessions.AppendSeal(make([]byte, garlicHeader), now, ratchet.Peer{Static: r.static(), Type: ratchet.EncryptionType(r.key.Type)}, payload)
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
	binary.BigEndian.PutUint32(sealed.Body, uint32(len(sealed.Body)-garlicHeader))
	return c.message(now, i2np.GarlicType, sealed.Body), true
}

// garlicHeader is the length that begins a garlic message's body.
const garlicHeader = 4

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
