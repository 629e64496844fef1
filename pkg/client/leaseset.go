package client

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// renewSet makes a new lease set when the tunnels have changed.
func (c *Client) renewSet(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty || c.life.resting || len(c.state.Leases) == 0 || now.Before(c.setDue(now)) {
		return
	}
	c.dirty, c.changedAt = false, time.Time{}
	set := c.makeSet(now, c.state.Leases[:min(len(c.state.Leases), leaseset.MaxLeases)])
	if set == nil {
		return
	}
	c.set, c.toPublish, c.missing = set, !c.cfg.Options.Unpublished, false
	store := i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}
	c.stored = store.AppendTo(nil)
	c.stats.LeaseSets++
	c.pushAt = now.Add(pushDelay)
	for _, r := range c.remotes {
		if r.stalled(now) { // it may be waiting for nothing else
			c.pushAt = now
		}
	}
	c.cfg.Log.Debug("lease set made", "leases", len(set.Leases()))
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

// setDue is when a changed lease set is to be made.
func (c *Client) setDue(now time.Time) time.Time {
	if c.set == nil || c.missing {
		return now
	}
	standing, lost := 0, false
	var first, second time.Duration // what the two longest have left
	for _, l := range c.set.Leases() {
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
		return c.changedAt.Add(gatherLost)
	case standing == 1:
		return c.changedAt.Add(gatherFew)
	}
	return earliest(c.changedAt.Add(gatherMost), now.Add(second-enoughLeft))
}

// news reports whether tunnels make another lease set worth making: a lease that
// has run out needs none.
func (c *Client) news(now time.Time, leases []leaseset.Lease) bool {
	if c.set == nil {
		return len(leases) > 0
	}
	for _, l := range leases {
		if !hasLease(c.set.Leases(), l) {
			return true
		}
	}
	for _, l := range c.set.Leases() {
		if l.Expires.Time().Sub(now) > enoughLeft && !hasLease(leases, l) {
			return true
		}
	}
	return false
}

// makeSet makes a lease set that is newer than all before.
func (c *Client) makeSet(now time.Time, leases []leaseset.Lease) *leaseset.LeaseSet2 {
	published := max(i2p.DateOf(now), c.dated+1000) // the record counts whole seconds
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys:           c.cfg.Keys,
		EncryptionKeys: c.encryptionKeys(),
		Leases:         leases,
		Published:      published,
		Unpublished:    c.cfg.Options.Unpublished,
		Options:        c.cfg.Options.Services,
	})
	if err != nil {
		c.cfg.Log.Error("lease set not made", "error", err)
		return nil
	}
	c.dated = set.Published()
	return set
}

// takeToPublish is the lease set to be published now. It waits for a tunnel
// that it can leave through.
func (c *Client) takeToPublish() *leaseset.LeaseSet2 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.toPublish || c.life.resting || len(c.state.Outbound) == 0 {
		return nil
	}
	c.toPublish, c.offered = false, true
	return c.set
}
