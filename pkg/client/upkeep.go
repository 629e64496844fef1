package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// tick does what time asks for and returns how long the loop may sleep.
func (c *Client) tick() time.Duration {
	now := c.cfg.Now()
	c.renewSet(now)
	if set := c.takeToPublish(); set != nil {
		c.tunnels.Publish(set)
	}
	if set := c.takeToWithdraw(now); set != nil {
		c.tunnels.Withdraw(set)
	}
	c.tryNewWay(now)
	c.flushAll(now)
	c.replyEmpty(now)
	c.pushSet(now)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions.Tick(now)
	c.forgetIdle(now)
	sleep := time.Minute
	if d := c.sessions.Deadline(); !d.IsZero() {
		sleep = min(sleep, d.Sub(now))
	}
	if !c.pushAt.IsZero() {
		sleep = min(sleep, c.pushAt.Sub(now))
	}
	if c.dirty && !c.life.resting && len(c.state.Leases) > 0 {
		sleep = min(sleep, c.setDue(now).Sub(now))
	}
	if at := c.life.next(now, c.cfg.Resumable); !at.IsZero() {
		sleep = min(sleep, at.Sub(now))
	}
	return max(sleep, 10*time.Millisecond)
}

// tryNewWay has what is stalled sent again through a tunnel that came just now.
func (c *Client) tryNewWay(now time.Time) {
	c.mu.Lock()
	way := c.newWay
	c.newWay = 0
	var stalled []*remote
	for _, r := range c.remotes {
		if way != 0 && r.stalled(now) && r.set != nil {
			stalled = append(stalled, r)
			r.via = way
		}
	}
	c.mu.Unlock()
	slices.SortFunc(stalled, byHash)
	for _, r := range stalled {
		c.host.Revive(r.hash)
	}
}

// pushSet sends our lease set to the peers that should know it and perhaps do
// not.
func (c *Client) pushSet(now time.Time) {
	c.mu.Lock()
	if c.pushAt.IsZero() || now.Before(c.pushAt) {
		c.mu.Unlock()
		return
	}
	if c.life.resting || !c.setStands(now) {
		c.pushAt = time.Time{} // until there is another one
		c.mu.Unlock()
		return
	}
	var due []*remote
	unheard := false
	var next time.Time
	for _, r := range c.remotes {
		if at := r.pushAt(now, c.set); at.IsZero() {
			continue
		} else if at.After(now) {
			next = earliest(next, at)
		} else {
			due = append(due, r)
		}
	}
	c.pushAt = next
	c.mu.Unlock()
	slices.SortFunc(due, byHash)
	for i, r := range due {
		c.mu.Lock()
		if i == pushesAtOnce {
			c.pushBy(now.Add(pushesSpacing))
			c.mu.Unlock()
			break
		}
		via, lease, ok := r.detour(now, c.state.Outbound)
		var m i2np.Message
		if ok {
			m, ok = c.sealCloves(now, r)
		}
		if !ok {
			c.pushBy(now.Add(leaseSetResend))
			c.mu.Unlock()
			continue
		}
		r.pushes++
		lookup := r.pushes > 1 && c.wantLookup(now, r)
		unheard = unheard || r.pushes > 1
		if at := r.pushAt(now, c.set); !at.IsZero() {
			c.pushBy(at)
		}
		c.mu.Unlock()
		c.tunnels.Send(via, lease.Gateway, lease.TunnelID, []i2np.Message{m})
		if lookup { // the peer's leases may have changed as well
			c.lookup(r.hash)
		}
	}
	if unheard {
		c.tunnels.Suspect() // or ours are at fault
	}
}

// pushBy has pushSet look at the peers at a time, or before.
func (c *Client) pushBy(at time.Time) {
	if c.pushAt != earliest(c.pushAt, at) {
		c.pushAt = at
		c.nudge()
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// pushAt is when our lease set should be sent by itself; zero for never.
func (r *remote) pushAt(now time.Time, set *leaseset.LeaseSet2) time.Time {
	switch {
	case r.set == nil || !r.written || now.Sub(r.used) > conversation:
		return time.Time{}
	case r.sentSet != set.Published():
		return now
	case r.knowsSet || (!r.confirms && r.pushes >= maxPushes):
		return time.Time{}
	default:
		return r.sentAt.Add(r.resendAfter(now))
	}
}

// flushAll sends what waited for tunnels.
func (c *Client) flushAll(now time.Time) {
	c.mu.Lock()
	if !c.stands && c.set != nil && len(c.state.Leases) > 0 && len(c.state.Outbound) > 0 {
		c.stands = true
		close(c.standing)
		c.becomeReady()
	}
	var waiting []*remote
	for _, r := range c.remotes {
		if len(r.waiting) > 0 {
			waiting = append(waiting, r)
		}
	}
	c.mu.Unlock()
	slices.SortFunc(waiting, byHash)
	for _, r := range waiting {
		c.mu.Lock()
		c.flush(now, r)
	}
}

func byHash(a, b *remote) int { return a.hash.Compare(b.hash) }

// replyEmpty answers the peers that wait for a sign that their message came,
// when no data went their way.
func (c *Client) replyEmpty(now time.Time) {
	c.mu.Lock()
	pending := c.sessions.Pending(now)
	c.mu.Unlock()
	for _, p := range pending {
		c.mu.Lock()
		r := c.byStatic[p.Static]
		if r == nil || r.set == nil || r.static() != p.Static || !r.choose(now, c.state.Outbound, c.pick) {
			c.mu.Unlock()
			continue
		}
		m, ok := c.sealCloves(now, r)
		via, lease := r.via, r.lease
		c.mu.Unlock()
		if ok {
			c.tunnels.Send(via, lease.Gateway, lease.TunnelID, []i2np.Message{m})
		}
	}
}

// remote finds or makes the entry of a destination. It returns nil when all are
// in use.
func (c *Client) remote(now time.Time, hash i2p.Hash) *remote {
	r := c.remotes[hash]
	if r == nil {
		if len(c.remotes) >= maxRemotes && !c.evict() {
			return nil
		}
		r = &remote{hash: hash, used: now}
		c.remotes[hash] = r
	}
	return r
}

// evict forgets the remote that is missed least: strangers can send us any
// number of lease sets, so those that we never wrote to go first.
func (c *Client) evict() bool {
	var worst *remote
	for _, r := range c.remotes {
		if !r.lookup && len(r.waiting) == 0 && (worst == nil || r.before(worst)) {
			worst = r
		}
	}
	if worst == nil {
		return false
	}
	c.forget(worst)
	return true
}

func (r *remote) before(o *remote) bool {
	switch {
	case r.written != o.written:
		return o.written
	case !r.used.Equal(o.used):
		return r.used.Before(o.used)
	}
	return r.hash.Compare(o.hash) < 0
}

func (c *Client) forget(r *remote) {
	delete(c.remotes, r.hash)
	c.unbind(r)
}

func (c *Client) forgetIdle(now time.Time) {
	for _, r := range c.remotes {
		if now.Sub(r.used) > remoteIdleAfter && r.lasts(now) <= 0 {
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

// lookup asks for a lease set that is newer than the one we have.
func (c *Client) lookup(hash i2p.Hash) {
	var than i2p.Date
	c.mu.Lock()
	if r := c.remotes[hash]; r != nil && r.set != nil {
		than = r.set.Published()
	}
	c.mu.Unlock()
	c.tunnels.LookupLeaseSet(hash, than, func(set leaseset.Set, err error) {
		c.mu.Lock()
		if r := c.remotes[hash]; r != nil {
			r.lookup = false
		}
		c.mu.Unlock()
		if err != nil {
			c.cfg.Log.Debug("lease set not found", "error", err)
			return
		}
		c.learn(set)
	})
}

// stalled is told by the streams that what it sends to a destination is not being
// acknowledged: it takes another way there, and looks for newer leases.
func (c *Client) stalled(hash i2p.Hash) {
	now := c.cfg.Now()
	c.mu.Lock()
	r := c.remotes[hash]
	if r == nil || r.set == nil {
		c.mu.Unlock()
		return
	}
	r.abandon(now, c.state.Outbound, c.pick)
	r.stall = now
	c.sessions.Suspect(r.static())
	r.sentSet, r.knowsSet = 0, false // perhaps they answer to leases that are gone
	lookup := c.wantLookup(now, r)
	c.mu.Unlock()
	c.tunnels.Suspect()
	if lookup {
		c.lookup(hash)
	}
}

// needsOurSet reports whether the next message should carry our lease set.
func (r *remote) needsOurSet(now time.Time, set *leaseset.LeaseSet2) bool {
	if r.sentSet != set.Published() {
		return true
	}
	return !r.knowsSet && now.Sub(r.sentAt) >= r.resendAfter(now)
}

// resendAfter is how long to wait for the confirmation of our lease set.
func (r *remote) resendAfter(now time.Time) time.Duration {
	if r.pushes == 0 && !r.stalled(now) { // there are data to go with it
		return leaseSetResend
	}
	return min(pushResend<<min(r.pushes, 10), maxPushPause)
}

func (r *remote) announced(now time.Time, set *leaseset.LeaseSet2, id ratchet.MessageID) {
	if r.sentSet != set.Published() {
		r.knowsSet, r.pushes = false, 0
		r.sentIDs = r.sentIDs[:0]
	}
	if len(r.sentIDs) < maxAnnouncements {
		r.sentIDs = append(r.sentIDs, id)
	}
	r.sentSet, r.sentAt = set.Published(), now
}

// acknowledged looks for the confirmation of a message that had our lease set.
func (r *remote) acknowledged(acks []ratchet.MessageID) {
	for _, a := range acks {
		for _, id := range r.sentIDs {
			if a == id {
				r.knowsSet, r.confirms = true, true
				r.sentIDs = r.sentIDs[:0]
				return
			}
		}
	}
}
