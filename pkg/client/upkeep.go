package client

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// tryNewWay has what is stalled sent again through a tunnel that came just now.
func (c *Client) tryNewWay(now time.Time) {
	way := c.newWay
	c.newWay = 0
	if way == 0 {
		return
	}
	for _, r := range c.where(func(r *remote) bool { return r.stalled(now) && r.set != nil }) {
		r.via = way
		c.revive(now, r)
	}
}

// flushAll sends what waited for tunnels.
func (c *Client) flushAll(now time.Time) {
	for _, r := range c.where(func(r *remote) bool { return len(r.waiting) > 0 }) {
		c.flush(now, r)
	}
}

// replyEmpty answers the peers that wait for a sign that their message came,
// when no data went their way.
func (c *Client) replyEmpty(now time.Time) {
	if c.sessions == nil {
		return
	}
	for _, p := range c.sessions.Pending(now) {
		r := c.byStatic[p.Static]
		if r == nil || r.set == nil || r.static() != p.Static || !r.choose(now, c.state.Outbound, c.random.Below) {
			continue
		}
		if m, ok := c.sealEmpty(now, r); ok {
			c.pass(r, []i2np.Message{m})
		}
	}
}

// forgetIdle forgets those whom nobody has written to for long.
func (c *Client) forgetIdle(now time.Time) {
	for _, r := range c.remotes {
		if now.Sub(r.used) > remoteIdleAfter && r.lasts(now) <= 0 {
			c.drop(r.waiting)
			c.forget(r)
		}
	}
}

// wantLookup reports whether a lookup of r's lease set should begin now, and
// notes that it did.
func (c *Client) wantLookup(now time.Time, r *remote) bool {
	if r.lookup || now.Sub(r.lookedUp) < r.lookupPause() || r.unpublished() {
		return false
	}
	if len(c.state.Outbound) == 0 || len(c.state.Leases) == 0 {
		return false
	}
	r.lookup, r.lookedUp = true, now
	r.lookups++
	return true
}

// lookupPause is how long after a lookup the next one may begin: longer each
// time that there is no news.
func (r *remote) lookupPause() time.Duration {
	return min(minLookupPause<<min(max(r.lookups-1, 0), 10), maxLookupPause)
}

// lookUpdate looks for a lease set that is newer than the one we have.
func (c *Client) lookUpdate(now time.Time, r *remote) {
	if !c.wantLookup(now, r) {
		return
	}
	var than i2p.Date
	if r.set != nil {
		than = r.set.Published()
	}
	hash := r.hash
	c.tunnels.LookupLeaseSet(hash, than, func(found leaseset.Record, err error) {
		c.post(func(now time.Time) {
			if r := c.remotes[hash]; r != nil {
				r.lookup = false
			}
			set, err := open(found, err)
			if err != nil {
				c.cfg.Log.Debug("lease set not found", "error", err)
				return
			}
			c.learn(now, set)
		})
	})
}

// stalled is told by the streams that what it sends to a destination is not being
// acknowledged: it takes another way there, and looks for newer leases.
func (c *Client) stalled(hash i2p.Hash) {
	now := c.cfg.Now()
	r := c.remotes[hash]
	if r == nil || r.set == nil {
		return
	}
	r.abandon(now, c.state.Outbound, c.random.Below)
	r.stall = now
	c.sessions.Suspect(r.static())
	r.sentSet, r.knowsSet = 0, false // perhaps they answer to leases that are gone
	c.tunnels.Suspect()
	c.lookUpdate(now, r)
}
