package netdb

import (
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

const (
	nextDayRouterInfo = 45 * time.Minute // before midnight: store for the next day's keyspace too
	nextDayLeaseSet   = 10 * time.Minute
	otherDay          = 15 * time.Minute // around midnight: look in the other day's keyspace too
	floodTo           = 3                // network database, "Flooding"
	floodNextDay      = 2
	floodMaxAge       = time.Hour
	crowdLimit        = 2 // unproven floodfills of a crowd asked in one search
	crowdSlack        = 4
	crowdBits         = 64
)

// eligible tells whether a router may be asked as a floodfill.
func (db *DB) eligible(e *entry) bool {
	const want = profile.Floodfill | profile.Published | profile.X25519
	return e.sum.Flags&want == want && e.sum.Flags&(profile.Hidden|profile.Unreachable) == 0 &&
		e.sum.Version >= MinFloodfillVersion
}

// ClosestFloodfills gives up to n floodfills, closest to the key on the day of
// now first, without those that the profiles say are dead. It is what a search
// reply names.
func (db *DB) ClosestFloodfills(now time.Time, key i2p.Hash, n int, exclude func(i2p.Hash) bool) []i2p.Hash {
	return db.closest(&db.floodfills, now, RoutingKey(key, now), n, exclude)
}

// ClosestRouters gives up to n routers of any kind, closest first.
func (db *DB) ClosestRouters(now time.Time, key i2p.Hash, n int, exclude func(i2p.Hash) bool) []i2p.Hash {
	return db.closest(&db.byHash, now, RoutingKey(key, now), n, exclude)
}

func (db *DB) closest(t *table, now time.Time, routingKey i2p.Hash, n int, exclude func(i2p.Hash) bool) []i2p.Hash {
	out := make([]i2p.Hash, 0, n)
	if n == 0 {
		return out
	}
	t.walk(routingKey, func(e *entry) bool {
		if (exclude == nil || !exclude(e.sum.Hash)) && !db.dead(now, e) {
			out = append(out, e.sum.Hash)
		}
		return len(out) < n
	})
	return out
}

func (db *DB) dead(now time.Time, e *entry) bool {
	return db.cfg.Profiles != nil && db.cfg.Profiles.Unreachable(now, e.sum.Hash)
}

func (db *DB) silent(now time.Time, e *entry) bool {
	return db.cfg.Profiles != nil && !db.cfg.Profiles.Responsive(now, e.sum.Hash)
}

// FloodTargets gives the floodfills that a floodfill passes a new entry on to:
// the three closest, and before midnight also those of the next day (network
// database, "Flooding").
func (db *DB) FloodTargets(now time.Time, key i2p.Hash, leaseSet bool, from i2p.Hash) []i2p.Hash {
	not := func(h i2p.Hash) bool { return h == db.cfg.Self || h == key || h == from }
	out := db.closest(&db.floodfills, now, RoutingKey(key, now), floodTo, not)
	early := nextDayRouterInfo
	if leaseSet {
		early = nextDayLeaseSet
	}
	if untilMidnight(now) > early {
		return out
	}
	today := out
	for _, h := range db.closest(&db.floodfills, now, RoutingKey(key, now.Add(24*time.Hour)), floodNextDay, not) {
		if !containsHash(today, h) {
			out = append(out, h)
		}
	}
	return out
}

func containsHash(list []i2p.Hash, h i2p.Hash) bool {
	for i := range list {
		if list[i] == h {
			return true
		}
	}
	return false
}

// search chooses the floodfills of one lookup or publication, one after the
// other. Purely taking the closest would let whoever forges routers near a key
// have every query. So it takes turns between the closest of all and the
// closest that has proven itself; it asks at most two unproven ones of a crowd
// (a region that holds far more floodfills than chance would put there), and no
// two of one address range while there are others.
//
// For a destination it asks nobody whom we were only told of: else who tells a
// router of a floodfill near a key, and the router alone, would see which
// destination that asks for the key is there. Without others it does.
type search struct {
	key      i2p.Hash
	heard    bool // leave out those whom we were only told of
	tried    map[i2p.Hash]struct{}
	prefixes map[uint32]struct{}
	turn     int
	crowd    int
}

func (s *Segment) newSearch(key i2p.Hash) *search {
	return &search{key: key, heard: s.cfg.Destination, tried: make(map[i2p.Hash]struct{}), prefixes: make(map[uint32]struct{})}
}

// exclude makes sure that a router is not chosen.
func (s *search) exclude(h i2p.Hash) { s.tried[h] = struct{}{} }

// next chooses a floodfill, or nil where none is left.
func (s *search) next(now time.Time, db *DB) *routerinfo.RouterInfo {
	routingKey := RoutingKey(s.key, s.day(now))
	provenFirst := s.turn%2 == 1
	for {
		e := s.choose(now, db, routingKey, provenFirst, true)
		if e == nil && provenFirst {
			e = s.choose(now, db, routingKey, false, true)
		}
		if e == nil { // rather one of a range used before than none
			e = s.choose(now, db, routingKey, false, false)
		}
		if e == nil && s.heard && s.turn == 0 {
			s.heard = false
			continue
		}
		if e == nil {
			return nil
		}
		s.tried[e.sum.Hash] = struct{}{}
		ri := db.Router(e.sum.Hash)
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

func (s *search) choose(now time.Time, db *DB, routingKey i2p.Hash, proven, fresh bool) *entry {
	crowd := db.crowdAt(routingKey)
	var found, quiet *entry
	db.floodfills.walk(routingKey, func(e *entry) bool {
		if _, tried := s.tried[e.sum.Hash]; tried || e.sum.Hash == db.cfg.Self {
			return true
		}
		if s.heard && e.came.told() {
			return true
		}
		real := db.proven(e)
		if (proven && !real) || (fresh && s.related(db, e)) {
			return true
		}
		if commonBits(e.sum.Hash, routingKey) >= crowd && !real && s.crowd >= crowdLimit {
			return true
		}
		if db.silent(now, e) {
			if quiet == nil {
				quiet = e
			}
			return true
		}
		found = e
		return false
	})
	if found == nil && !fresh {
		found = quiet
	}
	if found != nil && commonBits(found.sum.Hash, routingKey) >= crowd && !db.proven(found) {
		s.crowd++
	}
	return found
}

// related tells whether a router of the same address range was chosen already.
func (s *search) related(db *DB, e *entry) bool {
	if db.cfg.SamePrefix {
		return false
	}
	for _, p := range e.sum.Prefixes {
		if _, used := s.prefixes[p]; used && p != 0 {
			return true
		}
	}
	return false
}

// crowdAt finds a crowd around a routing key: it returns the number of common
// bits from which on floodfills belong to it, or more than 256 where there is
// none. Honest hashes are spread evenly, so n/2^c of n are expected to share c
// bits with any key; four times that and four more hardly ever happens by chance.
func (db *DB) crowdAt(routingKey i2p.Hash) int {
	var at [crowdBits + 1]int
	n := db.floodfills.n
	expected := float64(n)
	inBucket := db.floodfills.buckets[routingKey[0]]
	for _, e := range inBucket {
		at[min(commonBits(e.sum.Hash, routingKey), crowdBits)]++
	}
	// Up to 7 common bits, whole buckets are counted.
	for d := 1; d < 256; d++ {
		c := commonBits(i2p.Hash{byte(d)}, i2p.Hash{})
		at[c] += len(db.floodfills.buckets[int(routingKey[0])^d])
	}
	within := n
	for c := 0; c < crowdBits; c++ {
		if float64(within) > crowdSlack+crowdSlack*expected {
			// Honest ones around it belong to no crowd: go on to where
			// it begins, as long as most lie still closer.
			for ; c < crowdBits && 4*(within-at[c]) > 3*within; c++ {
				within -= at[c]
			}
			return c
		}
		within -= at[c]
		expected /= 2
	}
	return 257
}
