package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
)

const (
	nextDayRouterInfo = 45 * time.Minute // before midnight: store for the next day's keyspace too
	nextDayLeaseSet   = 10 * time.Minute
	floodTo           = 3 // network database, "Flooding"
	floodNextDay      = 2
	floodMaxAge       = time.Hour
)

// Budgets of what a floodfill passes on: how often the entry of one key, and bytes in all.
const (
	floodsOfKeyRate, floodsOfKeyBurst = 1. / 20, 3
	floodedRate, floodedBurst         = 512 << 10, 4 << 20
	floodsTracked                     = 4096 // keys
)

// floods limits what is passed on: whoever signs a new version of an entry each
// millisecond has each of them sent to three others.
type floods struct {
	keys  map[i2p.Hash]*bucket.Bucket
	bytes bucket.Bucket
}

func (f *floods) take(now time.Time, key i2p.Hash, bytes float64) bool {
	of := tracked(f.keys, key, floodsTracked, func(b *bucket.Bucket) bool { return b.Full(now, floodsOfKeyRate, floodsOfKeyBurst) })
	return of.Take(now, 1, floodsOfKeyRate, floodsOfKeyBurst) && f.bytes.Take(now, bytes, floodedRate, floodedBurst)
}

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

// floodTargets gives the floodfills that a floodfill passes a new entry on to:
// the three closest, and before midnight also those of the next day (network
// database, "Flooding"). Whoever sent the entry may be one of them: as a rule it was the
// end of a tunnel, which has not read what it passed on.
func (db *DB) floodTargets(now time.Time, key i2p.Hash, leaseSet bool) []i2p.Hash {
	not := func(h i2p.Hash) bool { return h == db.cfg.Self || h == key }
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
		if !slices.Contains(today, h) {
			out = append(out, h)
		}
	}
	return out
}
