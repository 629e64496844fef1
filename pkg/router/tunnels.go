package router

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/tunnel"
)

// Tunnels is a local destination's pair of tunnel pools, and its part of the
// netDb. Its methods may be called from any goroutine and do not block.
type Tunnels struct {
	r *Router
	p *party
}

// OpenTunnels makes a pair of pools for a local destination.
func (r *Router) OpenTunnels(cfg TunnelsConfig) *Tunnels {
	t := &Tunnels{r: r, p: &party{cfg: cfg, closed: true}}
	r.in.Call(func() {
		r.pools.open(t.p, cfg, true)
		r.tickParty(t.p)
	})
	return t
}

// Send passes messages through the outbound tunnel via, or another where that
// one has gone, into a tunnel of somebody's. It takes ownership.
func (t *Tunnels) Send(via uint32, gateway i2p.Hash, id uint32, messages []i2np.Message) {
	if !t.r.in.Call(func() { t.send(via, gateway, id, messages) }) {
		release(messages)
	}
}

// SendPaced is Send, and has passed called, from the loop or at the end of it, once the next hop has room for
// more.
func (t *Tunnels) SendPaced(via uint32, gateway i2p.Hash, id uint32, messages []i2np.Message, passed func()) {
	ok := t.r.in.Call(func() {
		if next, sent := t.send(via, gateway, id, messages); sent {
			t.r.paced.await(next, passed)
		} else {
			passed()
		}
	})
	if !ok {
		release(messages)
		passed()
	}
}

func release(messages []i2np.Message) {
	for _, m := range messages {
		m.Release()
	}
}

// send sends, and tells to whom the messages go first.
func (t *Tunnels) send(via uint32, gateway i2p.Hash, id uint32, messages []i2np.Message) (next i2p.Hash, sent bool) {
	var use *ownTunnel
	if !t.p.closed {
		for _, o := range t.p.out.tunnels() {
			if o.id == via {
				use = o
			}
		}
		if use == nil {
			use = t.r.paths.best(&t.p.out)
		}
	}
	if use == nil {
		release(messages)
		return next, false
	}
	ds := make([]tunnel.Delivery, len(messages))
	for i, m := range messages {
		ds[i] = toTunnel(gateway, id, m)
	}
	t.r.ends.enter(use, ds...)
	if next, sent = use.neighbour(); !sent { // it has no hops
		next = gateway
	}
	return next, true
}

// LookupLeaseSet asks the netDb through these tunnels, for a lease set that was
// published later than the date where it is not zero. done is called from the loop and must
// not block.
func (t *Tunnels) LookupLeaseSet(hash i2p.Hash, than i2p.Date, done func(leaseset.Record, error)) {
	t.AskLeaseSet(hash, than, func(res netdb.Result) { done(res.LeaseSet, res.Err) })
}

// AskLeaseSet is LookupLeaseSet for who wants to know how it went.
func (t *Tunnels) AskLeaseSet(hash i2p.Hash, than i2p.Date, done func(netdb.Result)) {
	ok := t.r.in.Call(func() {
		if t.p.closed {
			done(netdb.Result{Err: ErrStopped})
			return
		}
		id, out := t.p.segment.LookUpNewer(t.r.now, hash, than)
		t.r.mail.await(t.p, id, out, done)
	})
	if !ok {
		done(netdb.Result{Err: ErrStopped})
	}
}

// Publish stores a lease set in the netDb through these tunnels and verifies
// that it can be found there.
func (t *Tunnels) Publish(set leaseset.Record) {
	t.r.in.Call(func() {
		if !t.p.closed {
			t.r.mail.perform(t.p, t.p.segment.PublishLeaseSet(t.r.now, set))
		}
	})
}

// Withdraw stores a lease set that ends at once, in place of the one that was
// published: it says that the destination is not there any more.
func (t *Tunnels) Withdraw(set leaseset.Record) {
	t.r.in.Call(func() {
		if !t.p.closed {
			t.r.mail.perform(t.p, t.p.segment.WithdrawLeaseSet(t.r.now, set))
		}
	})
}

// Suspect says that what is sent through these tunnels, or should come through
// them, seems to get lost: they are tested now.
func (t *Tunnels) Suspect() {
	t.r.in.Call(func() {
		if !t.p.closed {
			t.p.pool.Suspect(t.r.now)
		}
	})
}

// Rest ends the building and testing of tunnels: those that stand serve until
// they expire, for a destination that only says farewell.
func (t *Tunnels) Rest() {
	t.r.in.Call(func() {
		t.p.resting = true
		t.p.pool.Rest()
	})
}

// Resume ends what Rest began.
func (t *Tunnels) Resume() {
	t.r.in.Call(func() {
		t.p.resting = false
		t.p.pool.Resume()
	})
}

// Reshape has the pools keep tunnels of other shapes from now on.
func (t *Tunnels) Reshape(in, out Shape) {
	t.r.in.Call(func() {
		if t.p.closed {
			return
		}
		t.r.pools.reshape(t.p, in, out)
	})
}

// Reshape has the router's own pools keep tunnels of other shapes from now on.
func (r *Router) Reshape(in, out Shape) { (&Tunnels{r: r, p: r.parties.self}).Reshape(in, out) }

// Close gives the tunnels up.
func (t *Tunnels) Close() {
	t.r.in.Call(func() { t.r.closeParty(t.p) })
}
