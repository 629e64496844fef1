// Package profile learns how well other routers behave, and chooses hops.
//
// Nothing that a router says of itself raises its standing: scores come from
// what was seen (sessions, tunnel builds, tunnel tests, netDb answers) and fade
// with time. What a router publishes is used only to leave it out or to rank it
// lower (peer selection; proposal 162 for the congestion flags).
//
// A Table is not safe for concurrent use: one loop owns it.
package profile

import (
	"cmp"
	"io"
	"math"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
)

// Defaults and limits of a Table.
const (
	DefaultMaxPeers = 10000
	DefaultHalfLife = 3 * time.Hour

	unreachablePause = 8 * time.Minute  // after one failed dial; doubles with each further one
	unreachableMax   = 2 * time.Hour    //
	silentPause      = time.Minute      // times the queries that a floodfill left unanswered: then it is asked again
	silentMax        = time.Hour        //
	rejectPause      = 5 * time.Minute  // a router that said no is asked less for so long
	strangerHalfLife = 30 * time.Minute // of the success rate of routers not met before
	regroupInterval  = 45 * time.Second
	fastPeers        = 30 // peer selection, "Group Size Limits"
	capablePeers     = 75 //
)

// Config of a Table.
type Config struct {
	Rand     io.Reader     // nil: crypto/rand
	MaxPeers int           // 0: DefaultMaxPeers
	HalfLife time.Duration // of every count; 0: DefaultHalfLife
}

// Table holds what was learnt about each router.
type Table struct {
	cfg   Config
	rand  *draw.Source
	peers map[i2p.Hash]*record

	// How often routers that had never answered before take part in a build.
	strangersOK, strangersAll float64
	strangersAt               int64

	fast, capable []i2p.Hash // the groups, best first
	groupedAt     int64
	grouped       bool

	evicted uint64
}

// record is one router's history; counts are decayed to the second of at.
type record struct {
	at   int64 // Unix seconds
	seen int64 // when something was last recorded

	accepted, rejected, expired float32 // tunnel builds
	carried, failed             float32 // tunnel tests
	answered, silent            float32 // netDb queries
	latency                     float32 // milliseconds, smoothed; 0 unknown
	speed                       float32 // best bytes per second seen through one tunnel, fading

	connectedAt int64 // last session
	refusedAt   int64 // last failed dial
	rejectedAt  int64 // last build rejected
	silentAt    int64 // last query unanswered; not kept in the file
	refusals    uint8 // failed dials since the last session
	proven      bool  // it answered something that only a living router can
}

// New makes an empty table.
func New(cfg Config) *Table {
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, DefaultMaxPeers)
	cfg.HalfLife = cmp.Or(cfg.HalfLife, DefaultHalfLife)
	return &Table{cfg: cfg, rand: draw.From(cfg.Rand), peers: make(map[i2p.Hash]*record)}
}

// Len is the number of routers with a profile.
func (t *Table) Len() int { return len(t.peers) }

// Evicted counts the profiles dropped because the table was full.
func (t *Table) Evicted() uint64 { return t.evicted }

// Stats are what a table holds, and what it had to forget.
type Stats struct {
	Peers, Fast, Capable int
	Evicted              uint64
}

// Stats returns the counts.
func (t *Table) Stats() Stats {
	return Stats{Peers: len(t.peers), Fast: len(t.fast), Capable: len(t.capable), Evicted: t.evicted}
}

// Connected records a session with the peer, whoever dialled.
func (t *Table) Connected(now time.Time, peer i2p.Hash) {
	r := t.touch(now, peer)
	r.connectedAt, r.refusals, r.proven = now.Unix(), 0, true
}

// ConnectFailed records a dial that brought no session.
func (t *Table) ConnectFailed(now time.Time, peer i2p.Hash) {
	r := t.touch(now, peer)
	r.refusedAt = now.Unix()
	if r.refusals < 255 {
		r.refusals++
	}
}

// BuildAccepted records that the peer agreed to be a hop. took is the time
// from request to reply for the whole tunnel.
func (t *Table) BuildAccepted(now time.Time, peer i2p.Hash, took time.Duration) {
	r := t.touch(now, peer)
	t.stranger(now, r, 1)
	r.accepted++
	r.rejectedAt, r.proven = 0, true
	r.sample(took)
}

// BuildRejected records that the peer refused to be a hop.
func (t *Table) BuildRejected(now time.Time, peer i2p.Hash) {
	r := t.touch(now, peer)
	t.stranger(now, r, 1)
	r.rejected++
	r.rejectedAt, r.proven = now.Unix(), true
}

// BuildExpired records that no reply came to a build of so many hops: any of
// them may be at fault, so each bears a share.
func (t *Table) BuildExpired(now time.Time, peer i2p.Hash, hops int) {
	r := t.touch(now, peer)
	t.stranger(now, r, 0)
	r.expired += 1 / float32(max(hops, 1))
}

// TunnelTested records a test message through a tunnel of so many hops in
// which the peer is one. rtt counts only where ok.
func (t *Table) TunnelTested(now time.Time, peer i2p.Hash, ok bool, rtt time.Duration, hops int) {
	r := t.touch(now, peer)
	if !ok {
		r.failed += 1 / float32(max(hops, 1))
		return
	}
	r.carried++
	r.sample(rtt)
}

// TunnelCarried records the rate at which a tunnel with this peer in it moved data.
func (t *Table) TunnelCarried(now time.Time, peer i2p.Hash, bytesPerSecond float64) {
	r := t.touch(now, peer)
	r.speed = max(r.speed, float32(bytesPerSecond))
}

// Queried records a netDb query or store that the peer answered, or did not.
func (t *Table) Queried(now time.Time, peer i2p.Hash, answered bool) {
	r := t.touch(now, peer)
	if !answered {
		r.silent++
		r.silentAt = now.Unix()
		return
	}
	r.answered++
	r.silent /= 2 // it may have been starting, or away
	r.proven = true
}

// Proven tells whether the peer has ever behaved as only a living router can.
func (t *Table) Proven(peer i2p.Hash) bool {
	r := t.peers[peer]
	return r != nil && r.proven
}

// Unreachable tells whether dials to the peer failed too lately to try again.
func (t *Table) Unreachable(now time.Time, peer i2p.Hash) bool {
	r := t.peers[peer]
	return r != nil && r.unreachable(now.Unix())
}

// Responsive tells whether the peer answers netDb queries more than it ignores
// them. The benefit of the doubt has a peer never asked, and one that has not
// been asked for a while: a Java floodfill drops all lookups for its first two minutes.
func (t *Table) Responsive(now time.Time, peer i2p.Hash) bool {
	r := t.peers[peer]
	if r == nil {
		return true
	}
	c, at := t.today(r, now), now.Unix()
	if c.unreachable(at) {
		return false
	}
	pause := min(float64(c.silent)*silentPause.Seconds(), silentMax.Seconds())
	return c.silent < 2+2*c.answered || float64(at-c.silentAt) >= pause
}

// Score estimates the chance that the peer takes part in a tunnel when asked
// and that the tunnel then works: between 0 and 1, and 0.5 for a stranger.
func (t *Table) Score(now time.Time, peer i2p.Hash) float64 {
	r := t.peers[peer]
	if r == nil {
		return 0.5
	}
	c := t.today(r, now)
	return c.score(now.Unix())
}

// Profile is one router's history as others may see it.
type Profile struct {
	Peer                        i2p.Hash
	Accepted, Rejected, Expired float64 // tunnel builds, decayed
	Carried, Failed             float64 // tunnel tests, decayed
	Answered, Silent            float64 // netDb queries, decayed
	Latency                     time.Duration
	Speed                       float64 // bytes per second
	Score                       float64
	Proven, Unreachable         bool
	LastConnected, Updated      time.Time
}

// Get returns the profile of one peer.
func (t *Table) Get(now time.Time, peer i2p.Hash) (Profile, bool) {
	found := t.peers[peer]
	if found == nil {
		return Profile{}, false
	}
	r := t.today(found, now)
	p := Profile{
		Peer: peer, Accepted: float64(r.accepted), Rejected: float64(r.rejected), Expired: float64(r.expired),
		Carried: float64(r.carried), Failed: float64(r.failed), Answered: float64(r.answered), Silent: float64(r.silent),
		Latency: time.Duration(float64(r.latency) * float64(time.Millisecond)), Speed: float64(r.speed),
		Score: r.score(now.Unix()), Proven: r.proven, Unreachable: r.unreachable(now.Unix()), Updated: time.Unix(r.seen, 0),
	}
	if r.connectedAt != 0 {
		p.LastConnected = time.Unix(r.connectedAt, 0)
	}
	return p, true
}

// sample takes a round trip into the smoothed latency.
func (r *record) sample(took time.Duration) {
	ms := float32(took) / float32(time.Millisecond)
	switch {
	case ms <= 0:
	case r.latency == 0:
		r.latency = ms
	default:
		r.latency += (ms - r.latency) / 8
	}
}

// score: successes over trials with one imagined of each. Silence and failed
// tests weigh more than an honest no (peer selection, "Capacity").
func (r *record) score(now int64) float64 {
	good := 1 + float64(r.accepted) + 0.5*float64(r.carried)
	bad := 1 + float64(r.rejected) + 3*float64(r.expired) + 4*float64(r.failed)
	s := good / (good + bad)
	if r.rejectedAt != 0 && now-r.rejectedAt < int64(rejectPause/time.Second) {
		s *= 0.2
	}
	return s
}

func (r *record) unreachable(now int64) bool {
	if r.refusals == 0 || r.refusedAt < r.connectedAt {
		return false
	}
	pause := unreachablePause << min(r.refusals-1, 4)
	return now-r.refusedAt < int64(min(pause, unreachableMax)/time.Second)
}

// touch finds or makes the record of a peer and brings it to the present.
func (t *Table) touch(now time.Time, peer i2p.Hash) *record {
	r := t.peers[peer]
	if r == nil {
		if len(t.peers) >= t.cfg.MaxPeers {
			t.evict()
		}
		r = &record{at: now.Unix()}
		t.peers[peer] = r
	}
	r.decay(now.Unix(), t.cfg.HalfLife)
	r.seen = max(r.seen, now.Unix())
	return r
}

// today is a copy of a record with its counts as they are now.
func (t *Table) today(r *record, now time.Time) record {
	c := *r
	c.decay(now.Unix(), t.cfg.HalfLife)
	return c
}

// decay halves the counts once for each half-life since they were last brought
// to date. A clock that went back changes nothing.
func (r *record) decay(now int64, halfLife time.Duration) {
	if now <= r.at {
		return
	}
	f := float32(math.Exp2(-float64(now-r.at) / halfLife.Seconds()))
	for _, p := range []*float32{&r.accepted, &r.rejected, &r.expired, &r.carried, &r.failed, &r.answered, &r.silent, &r.speed} {
		if *p *= f; *p < 1e-6 {
			*p = 0
		}
	}
	r.at = now
}

// evict drops an eighth of the table: those never proven first, then those not
// heard of for longest.
func (t *Table) evict() {
	type old struct {
		peer i2p.Hash
		r    *record
	}
	all := make([]old, 0, len(t.peers))
	for peer, r := range t.peers {
		all = append(all, old{peer, r})
	}
	slices.SortFunc(all, func(a, b old) int {
		if a.r.proven != b.r.proven {
			if b.r.proven {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.r.seen, b.r.seen), a.peer.Compare(b.peer))
	})
	for _, o := range all[:max(1, len(all)/8)] {
		delete(t.peers, o.peer)
		t.evicted++
	}
}

// stranger keeps the success rate of routers met for the first time. In a
// network full of fakes it falls, and selection turns to those known.
func (t *Table) stranger(now time.Time, r *record, answered float64) {
	if r.proven {
		return
	}
	if at := now.Unix(); at > t.strangersAt {
		f := math.Exp2(-float64(at-t.strangersAt) / strangerHalfLife.Seconds())
		t.strangersOK, t.strangersAll, t.strangersAt = t.strangersOK*f, t.strangersAll*f, at
	}
	t.strangersOK += answered
	t.strangersAll++
}

// StrangerRate estimates how many of the routers never met before answer a
// tunnel build; 0.5 where little is known.
func (t *Table) StrangerRate() float64 { return (4 + t.strangersOK) / (8 + t.strangersAll) }
