// Package profile learns how well other routers behave, and chooses hops.
//
// Nothing that a router says of itself raises its standing: scores come from
// what was seen (sessions, tunnel builds, tunnel tests, netDb answers) and fade
// with time. What a router publishes is used only to leave it out or to rank it
// lower (peer selection; proposal 162 for the congestion flags).
//
// A router is proven once we have reached it ourselves at an address that it
// publishes, and it has served. That costs an address, of which there are few; an
// identity that comes to us, or that another router vouches for, costs nothing.
//
// A Table is not safe for concurrent use: one loop owns it.
package profile

import (
	"cmp"
	"io"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

// DefaultMaxPeers is how many a Table knows.
const DefaultMaxPeers = 10000

// Config of a Table.
type Config struct {
	Rand     io.Reader // nil: crypto/rand
	MaxPeers int       // 0: DefaultMaxPeers
}

// Table holds what was learnt about each router.
type Table struct {
	cfg       Config
	rand      *draw.Source
	peers     map[i2p.Hash]*record
	strangers strangers
	groups    groups
	evicted   uint64
}

// Stats are what a table holds, and what it had to forget.
type Stats struct {
	Peers, Fast, HighCapacity int
	Evicted                   uint64 // because the table was full
}

// New makes an empty table.
func New(cfg Config) *Table {
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, DefaultMaxPeers)
	return &Table{cfg: cfg, rand: draw.From(cfg.Rand), peers: make(map[i2p.Hash]*record)}
}

// Len is the number of routers with a profile.
func (t *Table) Len() int { return len(t.peers) }

// Stats returns the counts.
func (t *Table) Stats() Stats {
	return Stats{Peers: len(t.peers), Fast: len(t.groups.fast), HighCapacity: len(t.groups.highCapacity), Evicted: t.evicted}
}

// Reached records a session that we opened with the peer, and at which host.
func (t *Table) Reached(now time.Time, peer i2p.Hash, at origin.Host) {
	d := &t.touch(now, peer).dials
	d.connectedAt, d.failures, d.reached = now.Unix(), 0, at
}

// Returned records that the peer has come to us from an address that it publishes:
// it may be dialled again. Whoever is not known yet does not become so.
func (t *Table) Returned(now time.Time, peer i2p.Hash) {
	if r := t.peers[peer]; r != nil {
		r.dials.connectedAt, r.dials.failures = now.Unix(), 0
	}
}

// ConnectFailed records a dial that brought no session.
func (t *Table) ConnectFailed(now time.Time, peer i2p.Hash) {
	d := &t.touch(now, peer).dials
	d.failedAt = now.Unix()
	if d.failures < 255 {
		d.failures++
	}
}

// BuildAccepted records that the peer agreed to be a hop. took is the time
// from request to reply for the whole tunnel.
func (t *Table) BuildAccepted(now time.Time, peer i2p.Hash, took time.Duration) {
	r := t.asked(now, peer, 0)
	r.builds.accepted++
	r.builds.rejectedAt, r.served = 0, true
	r.sample(took)
}

// BuildRejected records that the peer refused to be a hop.
func (t *Table) BuildRejected(now time.Time, peer i2p.Hash) {
	r := t.asked(now, peer, 1)
	r.builds.rejected++
	r.builds.rejectedAt, r.served = now.Unix(), true
}

// BuildExpired records that no reply came to a build of so many hops: any of
// them may be at fault, so each bears a share.
func (t *Table) BuildExpired(now time.Time, peer i2p.Hash, hops int) {
	t.asked(now, peer, 0).builds.expired += 1 / float32(max(hops, 1))
}

// TunnelTested records a test message through a tunnel of so many hops in
// which the peer is one. rtt counts only where ok.
func (t *Table) TunnelTested(now time.Time, peer i2p.Hash, ok bool, rtt time.Duration, hops int) {
	r := t.touch(now, peer)
	if !ok {
		r.tests.failed += 1 / float32(max(hops, 1))
		return
	}
	if r.stranger() {
		t.strangers.add(now.Unix(), 0, 1)
	}
	r.tests.carried++
	r.sample(rtt)
}

// Queried records a netDb query or store that the peer answered, or did not.
func (t *Table) Queried(now time.Time, peer i2p.Hash, answered bool) {
	r := t.touch(now, peer)
	if !answered {
		r.queries.silent++
		r.queries.silentAt = now.Unix()
		return
	}
	r.queries.answered++
	r.queries.silent /= 2 // it may have been starting, or away
	r.served = true
}

// Proven tells whether the router was reached at an address that it publishes now,
// and has served.
func (t *Table) Proven(s *Summary) bool {
	r := t.peers[s.Hash]
	return r != nil && r.proven() && s.At(r.dials.reached)
}

// Served tells whether the peer has ever answered a build or a query. Who passed
// that on may have answered for it.
func (t *Table) Served(peer i2p.Hash) bool {
	r := t.peers[peer]
	return r != nil && r.served
}

// ProvenPeers tells who has been proven at any address, for who has no summaries yet.
func (t *Table) ProvenPeers() map[i2p.Hash]struct{} {
	all := make(map[i2p.Hash]struct{})
	for peer, r := range t.peers {
		if r.proven() {
			all[peer] = struct{}{}
		}
	}
	return all
}

// Unreachable tells whether dials to the peer failed too lately to try again.
func (t *Table) Unreachable(now time.Time, peer i2p.Hash) bool {
	r := t.peers[peer]
	return r != nil && r.dials.unreachable(now.Unix())
}

// Responsive tells whether the peer answers netDb queries more than it ignores
// them. The benefit of the doubt has a peer never asked, and one that has not
// been asked for a while: a Java floodfill drops all lookups for its first two minutes.
func (t *Table) Responsive(now time.Time, peer i2p.Hash) bool {
	r, known := t.today(now, peer)
	return !known || !r.dials.unreachable(now.Unix()) && r.queries.responsive(now.Unix())
}

// Profile is one router's history as others may see it.
type Profile struct {
	Accepted, Rejected, Expired float64 // tunnel builds, faded
	Carried, Failed             float64 // tunnel tests, faded
	Answered, Silent            float64 // netDb queries, faded
	Latency                     time.Duration
	// Score estimates the chance that the peer takes part in a tunnel when
	// asked and that the tunnel then works: between 0 and 1, and 0.5 for a
	// stranger.
	Score                        float64
	Reached, Served, Unreachable bool
	Connected, Updated           time.Time // last
}

// Get returns the profile of one peer.
func (t *Table) Get(now time.Time, peer i2p.Hash) (p Profile, known bool) {
	r, known := t.today(now, peer)
	p = Profile{
		Accepted: float64(r.builds.accepted), Rejected: float64(r.builds.rejected), Expired: float64(r.builds.expired),
		Carried: float64(r.tests.carried), Failed: float64(r.tests.failed),
		Answered: float64(r.queries.answered), Silent: float64(r.queries.silent),
		Latency: time.Duration(float64(r.latency) * float64(time.Millisecond)),
		Score:   r.score(now.Unix()), Reached: r.dials.reached != 0, Served: r.served, Unreachable: r.dials.unreachable(now.Unix()),
	}
	if r.dials.connectedAt != 0 {
		p.Connected = time.Unix(r.dials.connectedAt, 0)
	}
	if known {
		p.Updated = time.Unix(r.seen, 0)
	}
	return p, known
}

// today is a copy of a peer's record with its counts as they are now; a stranger's
// is empty.
func (t *Table) today(now time.Time, peer i2p.Hash) (r record, known bool) {
	found := t.peers[peer]
	if found == nil {
		return record{}, false
	}
	r = *found
	r.fade(now.Unix())
	return r, true
}

// asked finds or makes the record of a peer that was asked to be a hop, and counts
// how many strangers are of use.
func (t *Table) asked(now time.Time, peer i2p.Hash, useful float64) *record {
	r := t.touch(now, peer)
	if r.stranger() {
		t.strangers.add(now.Unix(), 1, useful)
	}
	return r
}

// touch finds or makes the record of a peer and brings it to the present.
func (t *Table) touch(now time.Time, peer i2p.Hash) *record {
	r := t.peers[peer]
	if r == nil {
		if len(t.peers) >= t.cfg.MaxPeers {
			t.evict(now.Unix())
		}
		r = &record{at: now.Unix()}
		t.peers[peer] = r
	}
	r.fade(now.Unix())
	r.seen = max(r.seen, now.Unix())
	return r
}

// evict drops an eighth of the table: those never proven first, of these those that
// never served, then those not heard of for longest. Those that are proven make room
// for nobody else, until they may be gone: else those that are would fill the table.
func (t *Table) evict(now int64) {
	type known struct {
		peer     i2p.Hash
		r        *record
		standing int
	}
	all := make([]known, 0, len(t.peers))
	for peer, r := range t.peers {
		all = append(all, known{peer, r, r.standing(now)})
	}
	slices.SortFunc(all, func(a, b known) int {
		return cmp.Or(cmp.Compare(a.standing, b.standing), cmp.Compare(a.r.seen, b.r.seen), a.peer.Compare(b.peer))
	})
	for _, o := range all[:max(1, len(all)/8)] {
		if o.r.proven() && o.standing > all[0].standing {
			return
		}
		delete(t.peers, o.peer)
		t.evicted++
	}
}

// regroup forms the groups anew where they are due: of routers that have carried
// something, for a fake agrees to everything.
func (t *Table) regroup(now time.Time) {
	if !t.groups.due(now.Unix()) {
		return
	}
	var all []member
	for peer := range t.peers {
		if r, _ := t.today(now, peer); r.builds.accepted >= 0.5 && !r.stranger() && !r.dials.unreachable(now.Unix()) {
			if s := r.score(now.Unix()); s >= 0.25 {
				all = append(all, member{peer, s * float64(min(r.builds.accepted, 20)), r.speed()})
			}
		}
	}
	t.groups.form(now.Unix(), all)
}
