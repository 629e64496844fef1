package profile

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
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

// The uses.
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
	SamePrefix bool                  // allow several routers of one /16 and one family (test networks)
	Self       Summary               // who chooses: none of its address ranges or family, as if it were in the tunnel
	// Next tells whether a router can be next to us: one of those chosen is to be such. Nil: any can.
	Next func(*routerinfo.RouterInfo) bool
}

const (
	samplePool        = 384 // positions looked at in a big source
	wholePool         = 768 // a source up to this size is looked at as a whole
	freshE            = 15 * time.Minute
	weightD           = 0.5
	weightE           = 0.1
	weightSlow        = 0.3
	fewFast           = 8
	weightFast        = 8
	weightUnreachable = 0.02
	weightHearsay     = 0.02
)

// Select chooses up to n different routers at random under the constraints; the
// order says nothing. It returns fewer where there are not enough, and none where
// none can be next to us.
func (t *Table) Select(now time.Time, from Routers, n int, c Constraints) []*routerinfo.RouterInfo {
	if n <= 0 || from.Len() == 0 {
		return nil
	}
	t.regroup(now)
	s := &selection{Constraints: c, table: t, now: now, from: from}
	for _, gather := range s.pools(n) {
		p := gather()
		if len(s.chosen) == 0 && !s.first(p) {
			continue
		}
		if s.fill(n, p, nil); len(s.chosen) == n {
			break
		}
	}
	return s.chosen
}

// selection is one choice of hops.
type selection struct {
	Constraints
	table  *Table
	now    time.Time
	from   Routers
	taken  []Summary // of the same tunnel
	chosen []*routerinfo.RouterInfo
}

// pools gives the sets to choose n from, in turn; later ones are for want of better.
func (s *selection) pools(n int) []func() pool {
	var pools []func() pool
	known := s.group()
	enough := len(known) >= max(fewFast, 2*n)
	// Where strangers mostly fail, in a hostile or broken network, exploratory
	// tunnels too go mostly through routers that are known.
	if enough && (s.Use == Client || s.table.rand.Unit() > 2*s.table.strangers.rate()) {
		pools = append(pools, func() pool { return known })
	}
	pools = append(pools, s.sample)
	if s.from.Len() > wholePool {
		pools = append(pools, s.whole)
	}
	// Last of all those that are to be avoided, and those that have just refused, who are not to be asked
	// before a good one that another tunnel has.
	return append(pools, func() pool {
		all := s.whole()
		for i := range all {
			all[i].avoid = false
		}
		return all
	})
}

// first chooses who can be next to us, and reports whether there is one. The others
// stay in the pool.
func (s *selection) first(p pool) bool {
	if s.Next == nil {
		return true
	}
	weights := make([]float64, len(p))
	for i := range p {
		weights[i] = p[i].weight
	}
	s.fill(1, p, s.Next)
	for i := range p {
		p[i].weight = weights[i]
	}
	return len(s.chosen) > 0
}

// fill chooses of a pool until there are n, only those that will do.
func (s *selection) fill(n int, p pool, will func(*routerinfo.RouterInfo) bool) {
	for len(s.chosen) < n {
		i := p.draft(s.table.rand, s.fits)
		if i < 0 {
			return
		}
		hop := *p[i].hop
		p[i].weight = 0
		if ri := s.from.Router(hop.Hash); ri != nil && (will == nil || will(ri)) {
			s.taken, s.chosen = append(s.taken, hop), append(s.chosen, ri)
		}
	}
}

// fits tells whether a router may be in a tunnel with those taken: any two of them can
// be next to each other.
func (s *selection) fits(hop *Summary) bool {
	if !s.SamePrefix && hop.Related(&s.Self) {
		return false
	}
	return !slices.ContainsFunc(s.taken, func(o Summary) bool {
		return o.Hash == hop.Hash || (!s.SamePrefix && hop.Related(&o)) || hop.Flags&o.Flags&(IPv4|IPv6) == 0
	})
}

// group makes candidates of the peers known for this use.
func (s *selection) group() pool {
	peers := s.table.groups.of(s.Use)
	p := make(pool, 0, len(peers))
	for _, h := range peers {
		p = s.consider(p, s.from.Find(h))
	}
	if s.Use == Client { // within the fast group nobody is preferred
		for i := range p {
			p[i].weight = 1
		}
	}
	return p
}

// whole makes candidates of all routers.
func (s *selection) whole() pool {
	p := make(pool, 0, s.from.Len())
	for i := range s.from.Len() {
		p = s.consider(p, s.from.At(i))
	}
	return p
}

// sample makes candidates of some routers drawn at random, or of all where they
// are few.
func (s *selection) sample() pool {
	if s.from.Len() <= wholePool {
		return s.whole()
	}
	at := make([]int, samplePool)
	for i := range at {
		at[i] = s.table.rand.Below(s.from.Len())
	}
	slices.Sort(at)
	p := make(pool, 0, samplePool)
	for _, i := range slices.Compact(at) {
		p = s.consider(p, s.from.At(i))
	}
	return p
}

// consider adds a router to the pool unless a constraint forbids it.
func (s *selection) consider(p pool, hop *Summary) pool {
	if hop == nil || !hop.usable() {
		return p
	}
	if _, no := s.Exclude[hop.Hash]; no {
		return p
	}
	r, _ := s.table.today(s.now, hop.Hash)
	_, avoid := s.Avoid[hop.Hash]
	return append(p, candidate{hop, s.weight(hop, &r), avoid || r.builds.refused(s.now.Unix(), refusalPause)})
}

// weight ranks a usable router: by its score, and lower where it says itself
// that it is congested (proposal 162) or slow, and where it has neither shown itself to
// anybody whom we asked nor to us.
func (s *selection) weight(hop *Summary, r *record) float64 {
	w := r.score(s.now.Unix())
	switch {
	case hop.Flags&CongestionE != 0 && s.now.Sub(hop.Published.Time()) < freshE:
		w *= weightE
	case hop.Flags&(CongestionD|CongestionE) != 0:
		w *= weightD
	}
	if s.Use == Client && hop.Bandwidth < 'M' {
		w *= weightSlow
	}
	if r.dials.unreachable(s.now.Unix()) {
		w *= weightUnreachable
	}
	if hop.Flags&Hearsay != 0 && !r.served {
		w *= weightHearsay
	}
	if s.Use == Client && slices.Contains(s.table.groups.fast, hop.Hash) {
		w *= weightFast
	}
	return w
}

// usable tells whether a router may be a hop at all. A router with the G flag
// is not asked until it publishes without (proposal 162).
func (s *Summary) usable() bool {
	return s.Version >= MinVersion &&
		s.Flags&(Hidden|Unreachable|CongestionG) == 0 &&
		s.Flags&X25519 != 0 && s.Flags&Addressed != 0 &&
		s.Bandwidth >= 'L'
}

// candidate is a router that may be chosen; one without weight is out.
type candidate struct {
	hop    *Summary
	weight float64
	avoid  bool
}

func (c *candidate) in() bool { return c.weight > 0 && !c.avoid }

type pool []candidate

// draft picks one that fits at random by weight, or -1 where none does. Those
// that it finds not to fit it leaves without weight.
func (p pool) draft(rand *draw.Source, fits func(*Summary) bool) int {
	for range p {
		var total float64
		for i := range p {
			if p[i].in() {
				total += p[i].weight
			}
		}
		if total <= 0 {
			return -1
		}
		at, i := rand.Unit()*total, 0
		for j := range p {
			if !p[j].in() {
				continue
			}
			i = j
			if at -= p[j].weight; at < 0 {
				break
			}
		}
		if fits(p[i].hop) {
			return i
		}
		p[i].weight = 0
	}
	return -1
}

// Order sorts hops by their XOR distance from a key that the owner of a pool
// keeps secret, so that the same routers always stand in the same order (peer
// selection, "Peer Ordering in Tunnels"). The first is the first of those that can
// be next to us.
func Order(key i2p.Hash, hops []*routerinfo.RouterInfo, next func(*routerinfo.RouterInfo) bool) {
	place := func(ri *routerinfo.RouterInfo) i2p.Hash {
		h := ri.Hash()
		return i2p.HashOf(append(key[:len(key):len(key)], h[:]...))
	}
	slices.SortStableFunc(hops, func(a, b *routerinfo.RouterInfo) int { return place(a).Compare(place(b)) })
	if i := slices.IndexFunc(hops, next); i > 0 {
		first := hops[i]
		copy(hops[1:], hops[:i])
		hops[0] = first
	}
}
