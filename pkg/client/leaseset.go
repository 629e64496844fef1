package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// ownSet is the lease set of the destination itself, and what is to become of it.
type ownSet struct {
	set       *leaseset.LeaseSet2
	dated     i2p.Date  // of the newest made
	stored    []byte    // set as a DatabaseStore message has it
	toPublish bool      // set is
	offered   bool      // a set was published
	confirmed bool      // a floodfill has one
	dirty     bool      // the leases changed since set was asked for
	changedAt time.Time // the first of these changes
	missing   bool      // set was taken back: there must be another
	asked     time.Time // when the keeper was, and has not answered; zero: it has
}

// keepPatience is how long a keeper's answer is waited for before it is asked again.
const keepPatience = time.Minute

// tunnelsChanged takes what stands now.
func (c *Client) tunnelsChanged(now time.Time, s TunnelState) {
	o := &c.own
	if o.dirty = o.missing || c.news(now, s.Leases); o.dirty && o.changedAt.IsZero() {
		o.changedAt = now
	}
	for _, id := range s.Outbound {
		if !slices.Contains(c.state.Outbound, id) {
			c.newWay = id
		}
	}
	c.state = s
	c.openGates()
}

// tendSet asks for a new lease set when the tunnels have changed, and publishes
// or takes back what there is.
func (c *Client) tendSet(now time.Time) {
	if at := c.askAt(now); !at.IsZero() && !now.Before(at) {
		o := &c.own
		o.dirty, o.changedAt, o.asked = false, time.Time{}, now
		c.ask(now, c.state.Leases[:min(len(c.state.Leases), leaseset.MaxLeases)], false)
	}
	if c.own.toPublish && !c.life.resting && len(c.state.Outbound) > 0 { // there is a way that it can leave
		c.own.toPublish, c.own.offered = false, true
		c.tunnels.Publish(c.own.set)
	}
	c.withdraw(now)
}

// ask has the keeper make a lease set that is newer than all before.
func (c *Client) ask(now time.Time, leases []leaseset.Lease, withdrawal bool) {
	want := Wanted{
		Leases:      slices.Clone(leases),
		Published:   max(i2p.DateOf(now), c.own.dated+1000), // the record counts whole seconds
		Unpublished: c.cfg.Options.Unpublished,
		Services:    c.cfg.Options.Services,
		Encryption:  c.cfg.Options.Encryption,
		Withdrawal:  withdrawal,
	}
	c.keeper.Keep(want, func(k Kept) {
		c.post(func(now time.Time) { c.kept(now, want, k) })
	})
}

// kept takes the keeper's answer.
func (c *Client) kept(now time.Time, want Wanted, k Kept) {
	o := &c.own
	if err := c.check(now, want, k); err != nil {
		c.cfg.Log.Error("lease set not made", "error", err)
		o.dirty = o.dirty || !want.Withdrawal // it is asked for again
		return
	}
	o.dated = k.Set.Published()
	if want.Withdrawal {
		if c.life.withdrawal == withdrawing {
			c.tunnels.Withdraw(k.Set)
		}
		return
	}
	o.asked = time.Time{}
	if c.life.resting {
		o.dirty = true
		return
	}
	o.set, o.toPublish, o.missing = k.Set, !c.cfg.Options.Unpublished, false
	store := i2np.DatabaseStore{Key: c.hash, Type: k.Set.StoreType(), Data: k.Set.Bytes()}
	o.stored = store.AppendTo(nil)
	c.stats.LeaseSets++
	c.speak(k.Keys)
	c.pushAt = now.Add(pushDelay)
	for _, r := range c.remotes {
		if r.stalled(now) { // it may be waiting for nothing else
			c.pushAt = now
		}
	}
	c.cfg.Log.Debug("lease set made", "leases", len(k.Set.Leases()))
	c.openGates()
}

// confirmed is told that a floodfill has what was published.
func (c *Client) confirmed() {
	if c.life.withdrawal == withdrawing {
		c.life.withdrawal = withdrawn
		return
	}
	c.own.confirmed = true
	c.openGates()
}

// setStands reports that we have a lease set that a peer can use.
func (c *Client) setStands(now time.Time) bool {
	return c.own.set != nil && c.own.set.Expires() > i2p.DateOf(now)
}

// A lease set that still serves, with two leases that last, waits for more
// tunnels; one of whose tunnels has failed does not wait for long, as peers may be
// using it.
const (
	gatherMost = 5 * time.Minute
	gatherFew  = time.Second // while there is but one lease
	gatherLost = 250 * time.Millisecond
	enoughLeft = 2 * time.Minute
)

// askAt is when a changed lease set is to be asked for; zero where none is.
func (c *Client) askAt(now time.Time) time.Time {
	o := &c.own
	if !o.dirty && o.asked.IsZero() || c.life.resting || len(c.state.Leases) == 0 {
		return time.Time{}
	}
	if !o.asked.IsZero() {
		return o.asked.Add(keepPatience)
	}
	return c.setDue(now)
}

// setDue is when a changed lease set is to be made.
func (c *Client) setDue(now time.Time) time.Time {
	o := &c.own
	if o.set == nil || o.missing {
		return now
	}
	standing, lost := 0, false
	var first, second time.Duration // what the two longest have left
	for _, l := range o.set.Leases() {
		switch left := l.Expires.Time().Sub(now); {
		case left <= enoughLeft:
		case hasLease(c.state.Leases, l):
			standing++
			second = max(second, min(first, left))
			first = max(first, left)
		default:
			lost = true
		}
	}
	switch {
	case standing == 0:
		return now
	case lost:
		return o.changedAt.Add(gatherLost)
	case standing == 1:
		return o.changedAt.Add(gatherFew)
	}
	return deadline.Earliest(o.changedAt.Add(gatherMost), now.Add(second-enoughLeft))
}

// news reports whether tunnels make another lease set worth making: a lease that
// has run out needs none.
func (c *Client) news(now time.Time, leases []leaseset.Lease) bool {
	set := c.own.set
	if set == nil {
		return len(leases) > 0
	}
	for _, l := range leases {
		if !hasLease(set.Leases(), l) {
			return true
		}
	}
	for _, l := range set.Leases() {
		if l.Expires.Time().Sub(now) > enoughLeft && !hasLease(leases, l) {
			return true
		}
	}
	return false
}
