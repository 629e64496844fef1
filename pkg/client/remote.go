package client

import (
	"crypto/sha256"
	"slices"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
)

// Limits of what other destinations can make a client hold.
const (
	maxRemotes      = 4096 // destinations whose lease set is kept
	maxWaiting      = 128  // payloads that wait for a lease set, for each remote
	leaseMargin     = 20 * time.Second
	leaseRefresh    = 75 * time.Second       // look for newer leases when the last one has less left
	minLookupPause  = 750 * time.Millisecond // between two lookups of the same lease set
	maxLookupPause  = 10 * time.Second
	quickLookups    = 8               // in a row with the least pause: a service that restarts takes some seconds
	withdrawnEarly  = time.Minute     // before its end, a lease goes because its tunnel failed
	badLeaseTime    = time.Minute     // a lease that failed comes after others
	leaseSetResend  = 3 * time.Second // until the peer acknowledges our new lease set
	remoteIdleAfter = 15 * time.Minute

	maxAnnouncements = 16 // messages with our lease set whose confirmation is awaited

	// A peer that is in conversation with us, but has not said anything lately
	// to which our new lease set could be joined, gets it by itself: it may be
	// sending into tunnels that are gone.
	stallLife     = 30 * time.Second // how long any news is worth another try
	conversation  = 3 * time.Minute  // since the last data to it
	pushDelay     = 300 * time.Millisecond
	pushResend    = 500 * time.Millisecond // doubled each time, up to maxPushPause
	maxPushPause  = 10 * time.Second
	maxPushes     = 4 // of the same lease set, to a peer that never confirmed one
	pushesAtOnce  = 32
	pushesSpacing = 50 * time.Millisecond
)

// remote is what a client knows of one other destination, and the path it
// uses towards it: one lease of theirs and one outbound tunnel of ours, kept
// while they work, because packets that take one path arrive in order.
type remote struct {
	hash     i2p.Hash
	set      leaseset.Set             // nil before the first lookup
	learned  time.Time                // when set came
	reader   *leaseset.Reader         // of its encrypted lease set; nil where that is not known to be encrypted
	keys     []leaseset.EncryptionKey // of set, those that we speak
	key      leaseset.EncryptionKey   // of keys, the one in use
	waiting  []parcel                 // what came before the lease set did
	lookup   bool                     // one is under way
	lookedUp time.Time
	lookups  int // in a row that brought nothing new
	used     time.Time
	written  bool      // we sent it something
	tells    bool      // with which our lease set may go
	stall    time.Time // when the streams last said that nothing gets through
	heard    time.Time // when the last message came from it

	redirect
	way
	told
	unanswered
}

// way is the path to a remote that is in use.
type way struct {
	path
	badLease map[leaseKey]time.Time
	doubt    doubt
}

// path leads to a remote: a lease of its and an outbound tunnel of ours.
type path struct {
	lease leaseset.Lease
	via   uint32
}

func (p path) is(q path) bool { return p.via == q.via && keyOf(p.lease) == keyOf(q.lease) }

// told is our lease set as a peer has it: when we last sent the one it should
// know, and whether it told us that it came.
type told struct {
	sentSet  i2p.Date
	sentAt   time.Time
	sent     []announcement
	askedAt  time.Time // when it was last asked to confirm anything, of elders
	knowsSet bool
	confirms bool // it does tell
	pushes   int  // messages for nothing but our lease set
	detours  int  // paths taken for them
}

type leaseKey struct {
	gateway i2p.Hash
	tunnel  uint32
}

func keyOf(l leaseset.Lease) leaseKey { return leaseKey{l.Gateway, l.TunnelID} }

// use has what goes to the peer sealed to one of its keys: that with which it
// spoke to us, as its sessions are with that one.
func (r *remote) use(static [32]byte, t i2p.EncryptionType) bool {
	for _, k := range r.keys {
		if nameOf(k) == static && k.Type == t {
			r.key = k
			return true
		}
	}
	return false
}

// stalled reports whether lately nothing got through to the peer.
func (r *remote) stalled(now time.Time) bool {
	return !r.stall.IsZero() && now.Sub(r.stall) < stallLife
}

// silent reports whether it is stalled, and has said nothing since: it may have come back with
// other leases.
func (r *remote) silent(now time.Time) bool {
	return r.stalled(now) && !r.heard.After(r.stall) && !r.unpublished()
}

// unpublished reports that the peer's lease set is not to be found in the netDb by us: nobody is
// asked for a destination that hides behind an encrypted one.
func (r *remote) unpublished() bool {
	set, ok := r.set.(*leaseset.LeaseSet2)
	return ok && (set.Unpublished() || set.Blinded() && r.reader == nil)
}

// parcel is a payload that waits for a way.
type parcel struct {
	*buf.Buf
	Hints
}

// hold keeps payloads until there is a way to send them. It returns the oldest
// where there are too many: a stream sends them again.
func (r *remote) hold(parcels []parcel) (over []*buf.Buf) {
	r.waiting = append(r.waiting, parcels...)
	if n := len(r.waiting) - maxWaiting; n > 0 {
		over = contents(r.waiting[:n])
		r.waiting = slices.Delete(r.waiting, 0, n)
	}
	return over
}

func contents(parcels []parcel) (payloads []*buf.Buf) {
	for _, p := range parcels {
		payloads = append(payloads, p.Buf)
	}
	return payloads
}

// wantLookup reports whether a lookup of the lease set should begin now, and
// notes that it did.
func (r *remote) wantLookup(now time.Time) bool {
	if r.lookup || now.Sub(r.lookedUp) < r.lookupPause() || r.unpublished() {
		return false
	}
	r.lookup, r.lookedUp = true, now
	r.lookups++
	return true
}

// lookupPause is how long after a lookup the next one may begin: longer and longer where
// there is no news.
func (r *remote) lookupPause() time.Duration {
	return min(minLookupPause<<min(max(r.lookups-quickLookups, 0), 10), maxLookupPause)
}

// static is the peer's X25519 key, the name of its ratchet session; of an elder, who has none, the hash of its key.
func (r *remote) static() [32]byte { return nameOf(r.key) }

func nameOf(k leaseset.EncryptionKey) [32]byte {
	if len(k.Key) != noise.KeyLen {
		return sha256.Sum256(k.Key)
	}
	return [32]byte(k.Key)
}

// choose makes sure that the path is one that stands: it keeps the present
// lease and tunnel while they last, and otherwise takes the lease that lasts
// longest among those that did not fail lately. It reports false when there
// is no usable lease or tunnel.
func (r *remote) choose(now time.Time, outbound []uint32, pick func(n int) int) bool {
	if len(outbound) == 0 || r.set == nil {
		return false
	}
	if !slices.Contains(outbound, r.via) {
		r.via = outbound[pick(len(outbound))]
	}
	soon := i2p.DateOf(now.Add(leaseMargin))
	if r.lease.Expires > soon && r.hasLease(r.lease) {
		return true
	}
	return r.chooseLease(now, soon)
}

// withdrawn reports that the lease in use is in the lease set no more, long
// before its time: what was sent to it lately is lost.
func (r *remote) withdrawn(now time.Time) bool {
	return r.lease.Expires > i2p.DateOf(now.Add(withdrawnEarly)) && !r.hasLease(r.lease)
}

func (r *remote) chooseLease(now time.Time, soon i2p.Date) bool {
	var best, spare leaseset.Lease // spare failed, of all longest ago
	var spareUntil time.Time
	for _, l := range r.set.Leases() {
		if l.Expires <= i2p.DateOf(now) {
			continue
		}
		if until, bad := r.badLease[keyOf(l)]; bad && now.Before(until) {
			if spare.Expires == 0 || until.Before(spareUntil) {
				spare, spareUntil = l, until
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

func (r *remote) hasLease(want leaseset.Lease) bool { return hasLease(r.set.Leases(), want) }

func hasLease(leases []leaseset.Lease, want leaseset.Lease) bool {
	for _, l := range leases {
		if l.Gateway == want.Gateway && l.TunnelID == want.TunnelID {
			return true
		}
	}
	return false
}

// abandon gives up the present path: what was sent over it is not being
// acknowledged. The next choose takes another lease, and another tunnel: any
// other, so that sooner or later each lease is tried with each tunnel.
func (r *remote) abandon(now time.Time, outbound []uint32, pick func(n int) int) {
	if r.lease.Expires != 0 {
		if r.badLease == nil {
			r.badLease = make(map[leaseKey]time.Time)
		}
		for k, until := range r.badLease {
			if now.After(until) {
				delete(r.badLease, k)
			}
		}
		r.badLease[keyOf(r.lease)] = now.Add(badLeaseTime)
	}
	r.lease = leaseset.Lease{}
	r.via = other(outbound, r.via, pick)
}

// other is any of the tunnels but the one named, where there is one.
func other(outbound []uint32, than uint32, pick func(n int) int) uint32 {
	n, i := len(outbound), slices.Index(outbound, than)
	switch {
	case n > 0 && i < 0:
		return outbound[pick(n)]
	case n > 1:
		return outbound[(i+1+pick(n-1))%n]
	}
	return than
}

// detour is a path for a message that does not follow others: with each
// call another lease and another tunnel, until all pairs have been tried.
func (r *remote) detour(now time.Time, outbound []uint32) (by path, ok bool) {
	leases := r.leases(now)
	if len(leases) == 0 || len(outbound) == 0 {
		return path{}, false
	}
	round, i := r.detours/len(outbound), r.detours%len(outbound)
	r.detours++
	return path{leases[(i+round)%len(leases)], outbound[i]}, true
}

// leases are those that have not run out.
func (r *remote) leases(now time.Time) (live []leaseset.Lease) {
	if r.set == nil {
		return nil
	}
	for _, l := range r.set.Leases() {
		if l.Expires > i2p.DateOf(now) {
			live = append(live, l)
		}
	}
	return live
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
