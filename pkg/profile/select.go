package profile

import (
	"cmp"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// Routers is the set of routers to choose from; netdb.DB is one. The order of
// At must not depend on a map.
type Routers interface {
	Len() int
	At(i int) *Summary
	Find(peer i2p.Hash) *Summary
	// Router gives the RouterInfo itself; nil where it turns out to be bad.
	Router(peer i2p.Hash) *routerinfo.RouterInfo
}

// Use says what a tunnel is for (peer selection, "Peer Selection for Client
// Tunnels" and "… for Exploratory Tunnels").
type Use byte

// The tiers.
const (
	Exploratory Use = iota // any router, so that new ones become known
	Client                 // the fast ones
)

// Constraints of a selection. The zero value asks for exploratory hops under
// the rules of the live network.
type Constraints struct {
	Use        Use
	Exclude    map[i2p.Hash]struct{} // never these
	Avoid      map[i2p.Hash]struct{} // these only if there are no others
	MinVersion Version               // 0: 0.9.58
	Bandwidth  byte                  // lowest class letter; 0: L for exploratory tunnels, M for client tunnels where there is a choice
	With       []Summary             // routers of the same tunnel: ours and hops chosen already
	SamePrefix bool                  // allow several routers of one /16 and one family (test networks)
	Accept     func(*Summary) bool   // one more condition; nil: none
}

const (
	minVersion   = Version(0<<16 | 9<<8 | 58)
	samplePool   = 384 // positions looked at in a big source
	wholePool    = 768 // a source up to this size is looked at as a whole
	freshE       = 15 * time.Minute
	weightD      = 0.5
	weightE      = 0.1
	weightSlow   = 0.3
	fewFast      = 8
	weightFast   = 8
	weightRefuse = 0.02
)

type candidate struct {
	s      *Summary
	weight float64
	avoid  bool
}

// Select chooses up to n different routers at random under the constraints; the
// order says nothing. It returns fewer where there are not enough.
func (t *Table) Select(now time.Time, src Routers, n int, c Constraints) []*routerinfo.RouterInfo {
	if n <= 0 || src.Len() == 0 {
		return nil
	}
	if c.MinVersion == 0 {
		c.MinVersion = minVersion
	}
	t.regroup(now)
	taken := slices.Clone(c.With)
	var chosen []*routerinfo.RouterInfo
	for _, gather := range t.pools(now, src, n, &c) {
		for pool := gather(); len(chosen) < n; {
			i := t.draft(pool, taken, &c)
			if i < 0 {
				break
			}
			s := *pool[i].s
			pool[i].weight = 0
			if ri := src.Router(s.Hash); ri != nil {
				taken, chosen = append(taken, s), append(chosen, ri)
			}
		}
		if len(chosen) == n {
			break
		}
	}
	return chosen
}

// pools gives the sets to choose from, in turn; later ones are for want of better.
func (t *Table) pools(now time.Time, src Routers, n int, c *Constraints) []func() []candidate {
	var pools []func() []candidate
	known := t.gather(now, src, c, t.group(c.Use))
	enough := len(known) >= max(fewFast, 2*n)
	// Where strangers mostly fail, in a hostile or broken network, exploratory
	// tunnels too go mostly through routers that are known.
	if enough && (c.Use == Client || t.rand.Unit() > 2*t.StrangerRate()) {
		pools = append(pools, func() []candidate { return known })
	}
	pools = append(pools, func() []candidate { return t.sample(now, src, c) })
	if src.Len() > wholePool {
		pools = append(pools, func() []candidate { return t.whole(now, src, c) })
	}
	// Last of all those that are to be avoided.
	return append(pools, func() []candidate {
		all := t.whole(now, src, c)
		for i := range all {
			all[i].avoid = false
		}
		return all
	})
}

// draft picks one of the pool by weight, or -1 where none fits.
func (t *Table) draft(pool []candidate, taken []Summary, c *Constraints) int {
	fits := func(x *candidate) bool {
		if x.weight <= 0 || x.avoid {
			return false
		}
		return !slices.ContainsFunc(taken, func(o Summary) bool {
			return o.Hash == x.s.Hash || (!c.SamePrefix && x.s.Related(&o))
		})
	}
	for range pool {
		var total float64
		for i := range pool {
			if !pool[i].avoid {
				total += pool[i].weight
			}
		}
		if total <= 0 {
			return -1
		}
		at, i := t.rand.Unit()*total, 0
		for j := range pool {
			if pool[j].avoid || pool[j].weight <= 0 {
				continue
			}
			i = j
			if at -= pool[j].weight; at < 0 {
				break
			}
		}
		if fits(&pool[i]) {
			return i
		}
		pool[i].weight = 0
	}
	return -1
}

// gather makes candidates of the named peers.
func (t *Table) gather(now time.Time, src Routers, c *Constraints, peers []i2p.Hash) []candidate {
	pool := make([]candidate, 0, len(peers))
	for _, h := range peers {
		pool = t.consider(now, pool, src.Find(h), c)
	}
	if c.Use == Client { // within the fast group nobody is preferred
		for i := range pool {
			pool[i].weight = 1
		}
	}
	return pool
}

// whole makes candidates of every router of the source.
func (t *Table) whole(now time.Time, src Routers, c *Constraints) []candidate {
	pool := make([]candidate, 0, src.Len())
	for i := range src.Len() {
		pool = t.consider(now, pool, src.At(i), c)
	}
	return pool
}

// sample makes candidates of some routers drawn at random, or of all in a
// small source.
func (t *Table) sample(now time.Time, src Routers, c *Constraints) []candidate {
	if src.Len() <= wholePool {
		return t.whole(now, src, c)
	}
	at := make([]int, samplePool)
	for i := range at {
		at[i] = t.rand.Below(src.Len())
	}
	slices.Sort(at)
	pool := make([]candidate, 0, samplePool)
	for _, i := range slices.Compact(at) {
		pool = t.consider(now, pool, src.At(i), c)
	}
	return pool
}

// consider adds a router to the pool unless a constraint forbids it.
func (t *Table) consider(now time.Time, pool []candidate, s *Summary, c *Constraints) []candidate {
	if s == nil || !s.usable(c) {
		return pool
	}
	if _, no := c.Exclude[s.Hash]; no {
		return pool
	}
	if c.Accept != nil && !c.Accept(s) {
		return pool
	}
	_, avoid := c.Avoid[s.Hash]
	return append(pool, candidate{s, t.weight(now, s, c), avoid})
}

// weight ranks a usable router: by its score, and lower where it says itself
// that it is congested (proposal 162) or slow.
func (t *Table) weight(now time.Time, s *Summary, c *Constraints) float64 {
	w := t.Score(now, s.Hash)
	switch {
	case s.Flags&CongestionE != 0 && now.Sub(s.Published.Time()) < freshE:
		w *= weightE
	case s.Flags&(CongestionD|CongestionE) != 0:
		w *= weightD
	}
	if c.Use == Client && c.Bandwidth == 0 && s.Bandwidth < 'M' {
		w *= weightSlow
	}
	if t.Unreachable(now, s.Hash) {
		w *= weightRefuse
	}
	if c.Use == Client && slices.Contains(t.fast, s.Hash) {
		w *= weightFast
	}
	return w
}

// usable tells whether a router may be a hop at all. A router with the G flag
// is not asked until it publishes without (proposal 162).
func (s *Summary) usable(c *Constraints) bool {
	least := c.Bandwidth
	if least == 0 {
		least = 'L'
	}
	return s.Version >= c.MinVersion &&
		s.Flags&(Hidden|Unreachable|CongestionG) == 0 &&
		s.Flags&X25519 != 0 && s.Flags&Published != 0 &&
		s.Bandwidth >= least
}

// group is the group that a use draws on.
func (t *Table) group(use Use) []i2p.Hash {
	if use == Client {
		return t.fast
	}
	return t.capable
}

// regroup sorts the peers into groups every 45 s: capable ones by how often
// they take part, and of these the fast ones.
func (t *Table) regroup(now time.Time) {
	if at := now.Unix(); t.grouped && at-t.groupedAt < int64(regroupInterval/time.Second) && at >= t.groupedAt {
		return
	}
	t.grouped, t.groupedAt = true, now.Unix()
	type member struct {
		peer            i2p.Hash
		capacity, speed float64
	}
	var all []member
	for peer, r := range t.peers {
		if c := t.today(r, now); c.accepted >= 0.5 && !c.unreachable(now.Unix()) {
			if s := c.score(now.Unix()); s >= 0.25 {
				all = append(all, member{peer, s * float64(min(c.accepted, 20)), c.rate()})
			}
		}
	}
	slices.SortFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.capacity, a.capacity), a.peer.Compare(b.peer))
	})
	all = all[:min(len(all), capablePeers)]
	t.capable, t.fast = t.capable[:0], t.fast[:0]
	for _, m := range all {
		t.capable = append(t.capable, m.peer)
	}
	slices.SortFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.speed, a.speed), cmp.Compare(b.capacity, a.capacity), a.peer.Compare(b.peer))
	})
	for _, m := range all[:min(len(all), fastPeers)] {
		t.fast = append(t.fast, m.peer)
	}
}

// rate orders peers by speed: what they carried, else how soon they answered.
func (r *record) rate() float64 {
	if r.latency == 0 {
		return float64(r.speed)
	}
	return float64(r.speed) + 1e5/float64(r.latency+50)
}

// Fast lists the group that client tunnels are built from, best first.
func (t *Table) Fast(now time.Time) []i2p.Hash {
	t.regroup(now)
	return slices.Clone(t.fast)
}

// Order sorts hops by their XOR distance from a key that the owner of a pool
// keeps secret, so that the same routers always stand in the same order (peer
// selection, "Peer Ordering in Tunnels").
func Order(key i2p.Hash, hops []*routerinfo.RouterInfo) {
	place := func(ri *routerinfo.RouterInfo) i2p.Hash {
		h := ri.Hash()
		return i2p.HashOf(append(key[:len(key):len(key)], h[:]...))
	}
	slices.SortStableFunc(hops, func(a, b *routerinfo.RouterInfo) int { return place(a).Compare(place(b)) })
}
