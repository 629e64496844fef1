package client

import (
	"sort"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// tick does what time asks for and returns how long the loop may sleep.
func (c *Client) tick() time.Duration {
	now := c.cfg.Now()
	if set := c.renewSet(now); set != nil {
		if !c.cfg.Unpublished {
			c.tunnels.Publish(set)
		}
		c.cfg.Log.Debug("lease set made", "leases", len(set.Leases()))
	}
	c.flushAll(now)
	c.replyEmpty(now)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions.Tick(now)
	c.forgetIdle(now)
	sleep := time.Minute
	if d := c.sessions.Deadline(); !d.IsZero() {
		sleep = min(sleep, d.Sub(now))
	}
	return max(sleep, 10*time.Millisecond)
}

// renewSet makes a new lease set when the tunnels have changed.
func (c *Client) renewSet(now time.Time) *leaseset.LeaseSet2 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty || len(c.state.Leases) == 0 {
		return nil
	}
	published := i2p.DateOf(now)
	if c.set != nil && published/1000 <= c.set.Published()/1000 {
		published = c.set.Published() + 1000 // the record counts whole seconds
	}
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys:           c.cfg.Keys,
		EncryptionKeys: []leaseset.EncryptionKey{{Type: encryptionX25519, Key: c.static.Public[:]}},
		Leases:         c.state.Leases[:min(len(c.state.Leases), leaseset.MaxLeases)],
		Published:      published,
		Unpublished:    c.cfg.Unpublished,
		Options:        c.cfg.LeaseSetOptions,
	})
	if err != nil {
		c.cfg.Log.Error("lease set not made", "error", err)
		c.dirty = false
		return nil
	}
	c.dirty, c.set = false, set
	store := i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}
	c.stored = store.AppendTo(nil)
	c.stats.LeaseSets++
	return set
}

// flushAll sends what waited for tunnels.
func (c *Client) flushAll(now time.Time) {
	c.mu.Lock()
	if !c.stands && c.set != nil && len(c.state.Outbound) > 0 {
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
	sort.Slice(waiting, func(i, j int) bool { return waiting[i].hash.Compare(waiting[j].hash) < 0 })
	for _, r := range waiting {
		c.mu.Lock()
		c.flush(now, r)
	}
}

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
	if r.set != nil && c.byStatic[r.static()] == r {
		delete(c.byStatic, r.static())
	}
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
	if r.lookup || now.Sub(r.lookedUp) < lookupPause {
		return false
	}
	if len(c.state.Outbound) == 0 || len(c.state.Leases) == 0 {
		return false
	}
	r.lookup, r.lookedUp = true, now
	return true
}

func (c *Client) lookup(hash i2p.Hash) {
	c.tunnels.LookupLeaseSet(hash, func(set leaseset.Set, err error) {
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
	r.stalled(now, c.state.Outbound)
	c.sessions.Suspect(r.static())
	r.sentSet, r.knowsSet = 0, false // perhaps they answer to leases that are gone
	lookup := c.wantLookup(now, r)
	c.mu.Unlock()
	if lookup {
		c.lookup(hash)
	}
}

// needsOurSet reports whether the next message should carry our lease set.
func (r *remote) needsOurSet(now time.Time, set *leaseset.LeaseSet2) bool {
	if r.sentSet != set.Published() {
		return true
	}
	return !r.knowsSet && now.Sub(r.sentAt) >= leaseSetResend
}

func (r *remote) announced(now time.Time, set *leaseset.LeaseSet2, id ratchet.MessageID) {
	if r.sentSet != set.Published() {
		r.knowsSet = false
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
				r.knowsSet = true
				r.sentIDs = r.sentIDs[:0]
				return
			}
		}
	}
}
