package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

const (
	otherDay   = 15 * time.Minute // around midnight: look in the other day's keyspace too
	crowdLimit = 2                // floodfills of a crowd asked in one search that have never served
)

// search chooses the floodfills of one lookup or publication, one after the
// other. Purely taking the closest would let whoever forges routers near a key
// have every query. So it takes turns between the closest of all, the closest that has
// served, and the closest that such a one has named; it asks at most two of a crowd (a
// region that holds far more floodfills than chance would put there) that have not
// served, and no two of one address range while there are others. Where there is a crowd,
// every second one is not of it, whether or not that has served: who forges routers may
// have them answer.
//
// For a destination it asks nobody whom we were only told of: else who tells a
// router of a floodfill near a key, and the router alone, would see which
// destination that asks for the key is there. Without others it does. Those that
// were named to the destination it asks as well; they are not in the DB.
type search struct {
	*witness
	key      i2p.Hash
	heard    bool // leave out those whom we were only told of
	private  []private
	vouched  map[i2p.Hash]struct{} // named in this search by those that have served
	tried    map[i2p.Hash]struct{}
	prefixes map[uint32]struct{}
	turn     int
	crowd    int
}

// private is a floodfill that one lookup of a destination's alone knows of.
type private struct {
	entry *entry
	info  *routerinfo.RouterInfo
}

func newSearch(w *witness, key i2p.Hash) *search {
	return &search{
		witness: w, key: key, heard: w.own != nil,
		vouched: make(map[i2p.Hash]struct{}), tried: make(map[i2p.Hash]struct{}), prefixes: make(map[uint32]struct{}),
	}
}

// learn has a router that was named to this search alone asked as others are.
func (s *search) learn(ri *routerinfo.RouterInfo) {
	e := &entry{sum: profile.Summarize(ri)}
	if e.eligible() && s.router(ri.Hash()) == nil {
		s.private = append(s.private, private{e, ri})
	}
}

// router gives the RouterInfo of one that this search may ask, or nil.
func (s *search) router(h i2p.Hash) *routerinfo.RouterInfo {
	for _, p := range s.private {
		if p.entry.sum.Hash == h {
			return p.info
		}
	}
	if s.heard && !s.db.records.heard(h) {
		return nil
	}
	return s.db.Router(h)
}

// knows tells whether nobody has to tell a search of a router any more. Of one whom we
// were only told of somebody has. A destination asks for its own router as for any
// other: else whoever names that to it would see whose it is.
func (s *search) knows(h i2p.Hash) bool {
	return s.db.records.heard(h) || s.own == nil && h == s.db.cfg.Self ||
		slices.ContainsFunc(s.private, func(p private) bool { return p.entry.sum.Hash == h })
}

// reliable tells whether a router has answered before, as far as this search may know.
func (s *search) reliable(h i2p.Hash) bool {
	e := s.db.records.of[h]
	return e != nil && s.served(e)
}

// crowded tells whether a floodfill is of a crowd about the key.
func (s *search) crowded(now time.Time, h i2p.Hash) bool {
	routingKey := RoutingKey(s.key, now)
	return SharedBits(h, routingKey) >= s.db.floodfills.crowdAt(routingKey)
}

// exclude makes sure that a router is not chosen.
func (s *search) exclude(h i2p.Hash) { s.tried[h] = struct{}{} }

// vouch notes that a floodfill has named a router, which counts where that has served.
func (s *search) vouch(by, router i2p.Hash) {
	if e := s.db.records.of[by]; e != nil && s.served(e) {
		s.vouched[router] = struct{}{}
	}
}

// again begins with the closest once more.
func (s *search) again() {
	clear(s.tried)
	clear(s.prefixes)
}

// next chooses a floodfill, or nil where none is left.
func (s *search) next(now time.Time) *routerinfo.RouterInfo {
	routingKey := RoutingKey(s.key, s.day(now))
	for {
		var e *entry
		for _, kind := range s.kinds(routingKey) {
			if e = s.choose(now, routingKey, kind, true); e != nil {
				break
			}
		}
		if e == nil { // rather one of a range used before than none
			e = s.choose(now, routingKey, nil, false)
		}
		if e == nil && s.heard && s.turn == 0 {
			s.heard = false
			continue
		}
		if e == nil {
			return nil
		}
		s.exclude(e.sum.Hash)
		ri := s.router(e.sum.Hash)
		if ri == nil {
			continue // its signature was bad, and it is gone
		}
		for _, p := range e.sum.Prefixes {
			s.prefixes[p] = struct{}{}
		}
		s.turn++
		return ri
	}
}

// kinds are those to choose from in this turn, where there are such; nil is all.
func (s *search) kinds(routingKey i2p.Hash) []func(*entry) bool {
	if s.turn%2 == 0 {
		return []func(*entry) bool{nil}
	}
	crowd := s.db.floodfills.crowdAt(routingKey)
	beside := func(e *entry) bool { return SharedBits(e.sum.Hash, routingKey) < crowd }
	served := func(e *entry) bool { return beside(e) && s.served(e) }
	named := func(e *entry) bool { _, yes := s.vouched[e.sum.Hash]; return yes && beside(e) }
	if s.turn%4 == 1 {
		return []func(*entry) bool{served, beside, nil}
	}
	return []func(*entry) bool{named, served, beside, nil}
}

// day is the day whose keyspace the next choice is made in: around midnight
// the entry may be where the other day puts it.
func (s *search) day(now time.Time) time.Time {
	if s.turn%4 != 2 {
		return now
	}
	switch left := untilMidnight(now); {
	case left < otherDay:
		return now.Add(otherDay)
	case left > 24*time.Hour-otherDay:
		return now.Add(-otherDay)
	}
	return now
}

// choose gives the closest to the key of those left: of a kind, and in a fresh range of
// addresses, where that is asked. One that is silent is for want of others.
func (s *search) choose(now time.Time, routingKey i2p.Hash, kind func(*entry) bool, fresh bool) *entry {
	db := s.db
	crowd := db.floodfills.crowdAt(routingKey)
	fits := func(e *entry) bool {
		if _, tried := s.tried[e.sum.Hash]; tried || e.sum.Hash == db.cfg.Self {
			return false
		}
		if kind != nil && !kind(e) || fresh && s.related(e) {
			return false
		}
		return SharedBits(e.sum.Hash, routingKey) < crowd || s.crowd < crowdLimit || s.served(e)
	}
	var found, quiet *entry
	consider := func(e *entry) (next bool) {
		switch nearer := func(o *entry) bool { return o == nil || closer(routingKey, e.sum.Hash, o.sum.Hash) }; {
		case !fits(e):
			return true
		case s.responsive(now, e.sum.Hash):
			if nearer(found) {
				found = e
			}
			return false
		case nearer(quiet):
			quiet = e
		}
		return true
	}
	db.floodfills.walk(routingKey, func(e *entry) bool {
		return s.heard && e.came.told() || consider(e)
	})
	for _, p := range s.private {
		consider(p.entry)
	}
	if found == nil && !fresh {
		found = quiet
	}
	if found != nil && SharedBits(found.sum.Hash, routingKey) >= crowd && !s.served(found) {
		s.crowd++
	}
	return found
}

// related tells whether a router of the same address range was chosen already.
func (s *search) related(e *entry) bool {
	if s.db.cfg.SamePrefix {
		return false
	}
	for _, p := range e.sum.Prefixes {
		if _, used := s.prefixes[p]; used && p != 0 {
			return true
		}
	}
	return false
}
