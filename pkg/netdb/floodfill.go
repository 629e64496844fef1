package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

const (
	nextDayRouterInfo = 45 * time.Minute // before midnight: store for the next day's keyspace too
	nextDayLeaseSet   = 10 * time.Minute
	floodTo           = 3 // network database, "Flooding"
	floodNextDay      = 2
	floodMaxAge       = time.Hour
)

// closestFloodfills gives up to n floodfills, closest to the key on the day of
// now first, without those that the profiles say are dead. It is what a search
// reply names.
func (db *DB) closestFloodfills(now time.Time, key i2p.Hash, n int, exclude func(i2p.Hash) bool) []i2p.Hash {
	return db.closest(&db.floodfills, now, RoutingKey(key, now), n, exclude)
}

// closest is closestFloodfills for a table of routers of any kind.
func (db *DB) closest(t *table, now time.Time, routingKey i2p.Hash, n int, exclude func(i2p.Hash) bool) []i2p.Hash {
	out := make([]i2p.Hash, 0, n)
	if n == 0 {
		return out
	}
	t.walk(routingKey, func(e *entry) bool {
		if (exclude == nil || !exclude(e.sum.Hash)) && !db.cfg.Profiles.Unreachable(now, e.sum.Hash) {
			out = append(out, e.sum.Hash)
		}
		return len(out) < n
	})
	return out
}

// around gives up to n floodfills, closest to the key, and where a crowd lies about that as
// many that are not of it: the crowd may be there to keep and to tell nothing.
func (db *DB) around(now time.Time, key i2p.Hash, n int, not func(i2p.Hash) bool) []i2p.Hash {
	routingKey := RoutingKey(key, now)
	out := db.closest(&db.floodfills, now, routingKey, n, not)
	crowd := db.floodfills.crowdAt(routingKey)
	if crowd == noCrowd {
		return out
	}
	return append(out, db.closest(&db.floodfills, now, routingKey, n, func(h i2p.Hash) bool {
		return not(h) || SharedBits(h, routingKey) >= crowd || slices.Contains(out, h)
	})...)
}

// floodTargets gives the floodfills that a floodfill passes a new entry on to:
// the three closest, and before midnight also those of the next day (network
// database, "Flooding"), and where a crowd lies there three beside it. Whoever sent the
// entry may be one of them: as a rule it was the end of a tunnel, which has not read what
// it passed on.
func (db *DB) floodTargets(now time.Time, key i2p.Hash, leaseSet bool) []i2p.Hash {
	not := func(h i2p.Hash) bool { return h == db.cfg.Self || h == key }
	out := db.around(now, key, floodTo, not)
	early := nextDayRouterInfo
	if leaseSet {
		early = nextDayLeaseSet
	}
	if untilMidnight(now) > early {
		return out
	}
	today := out
	for _, h := range db.around(now.Add(24*time.Hour), key, floodNextDay, not) {
		if !slices.Contains(today, h) {
			out = append(out, h)
		}
	}
	return out
}
