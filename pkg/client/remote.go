package client

import (
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// Limits of what other destinations can make a client hold.
const (
	maxRemotes      = 4096 // destinations whose lease set is kept
	maxWaiting      = 128  // payloads that wait for a lease set, for each remote
	leaseMargin     = 20 * time.Second
	leaseRefresh    = 75 * time.Second // look for newer leases when the last one has less left
	lookupPause     = 10 * time.Second // between two lookups of the same lease set
	leaseSetResend  = 3 * time.Second  // until the peer acknowledges our new lease set
	remoteIdleAfter = 15 * time.Minute

	maxAnnouncements = 16 // messages with our lease set whose confirmation is awaited
)

// remote is what a client knows of one other destination, and the path it
// uses towards it: one lease of theirs and one outbound tunnel of ours, kept
// while they work, because packets that take one path arrive in order.
type remote struct {
	hash     i2p.Hash
	set      leaseset.Set // nil before the first lookup
	key      leaseset.EncryptionKey
	waiting  [][]byte // payloads that came before the lease set did
	lookup   bool     // one is under way
	lookedUp time.Time
	used     time.Time
	written  bool // we sent it something

	lease    leaseset.Lease
	via      uint32 // outbound tunnel
	badLease map[leaseKey]time.Time

	// Our lease set as the peer has it: when we last sent the one it should
	// know, and whether it told us that it came.
	sentSet  i2p.Date
	sentAt   time.Time
	sentIDs  []ratchet.MessageID
	knowsSet bool
}

type leaseKey struct {
	gateway i2p.Hash
	tunnel  uint32
}

// update takes a lease set that verified. An older one than we have changes
// nothing.
func (r *remote) update(set leaseset.Set) bool {
	if r.set != nil && set.Published() <= r.set.Published() {
		return false
	}
	key, ok := usableKey(set)
	if !ok {
		return false
	}
	r.set, r.key = set, key
	return true
}

// usableKey is the first encryption key of a lease set that we speak: the
// order is the owner's preference (common structures, LeaseSet2).
func usableKey(set leaseset.Set) (leaseset.EncryptionKey, bool) {
	for _, k := range set.EncryptionKeys() {
		if k.Type == encryptionX25519 && len(k.Key) == 32 {
			return k, true
		}
	}
	return leaseset.EncryptionKey{}, false
}

// static is the peer's X25519 key, the name of its ratchet session.
func (r *remote) static() [32]byte { return [32]byte(r.key.Key) }

// choose makes sure that the path is one that stands: it keeps the present
// lease and tunnel while they last, and otherwise takes the lease that lasts
// longest among those that did not fail lately. It reports false when there
// is no usable lease or tunnel.
func (r *remote) choose(now time.Time, outbound []uint32, pick func(n int) int) bool {
	if len(outbound) == 0 || r.set == nil {
		return false
	}
	if !contains(outbound, r.via) {
		r.via = outbound[pick(len(outbound))]
	}
	soon := i2p.DateOf(now.Add(leaseMargin))
	if r.lease.Expires > soon && r.hasLease(r.lease) {
		return true
	}
	return r.chooseLease(now, soon)
}

func (r *remote) chooseLease(now time.Time, soon i2p.Date) bool {
	var best, spare leaseset.Lease
	for _, l := range r.set.Leases() {
		if l.Expires <= i2p.DateOf(now) {
			continue
		}
		if until, bad := r.badLease[leaseKey{l.Gateway, l.TunnelID}]; bad && now.Before(until) {
			if l.Expires > spare.Expires {
				spare = l
			}
			continue
		}
		if l.Expires > best.Expires {
			best = l
		}
	}
	if best.Expires == 0 || (best.Expires <= soon && spare.Expires > soon) {
		best = spare
	}
	if best.Expires == 0 {
		return false
	}
	r.lease = best
	return true
}

func (r *remote) hasLease(want leaseset.Lease) bool {
	for _, l := range r.set.Leases() {
		if l.Gateway == want.Gateway && l.TunnelID == want.TunnelID {
			return true
		}
	}
	return false
}

// stalled abandons the present path: what was sent over it is not being
// acknowledged. The next choose takes another lease and another tunnel.
func (r *remote) stalled(now time.Time, outbound []uint32) {
	if r.lease.Expires != 0 {
		if r.badLease == nil {
			r.badLease = make(map[leaseKey]time.Time)
		}
		for k, until := range r.badLease {
			if now.After(until) {
				delete(r.badLease, k)
			}
		}
		r.badLease[leaseKey{r.lease.Gateway, r.lease.TunnelID}] = now.Add(time.Minute)
	}
	r.lease = leaseset.Lease{}
	for i, id := range outbound {
		if id == r.via {
			r.via = outbound[(i+1)%len(outbound)]
			break
		}
	}
}

// lasts is the time that the longest lease still has.
func (r *remote) lasts(now time.Time) time.Duration {
	if r.set == nil {
		return 0
	}
	var last i2p.Date
	for _, l := range r.set.Leases() {
		last = max(last, l.Expires)
	}
	return last.Time().Sub(now)
}

func contains(ids []uint32, id uint32) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return false
}
