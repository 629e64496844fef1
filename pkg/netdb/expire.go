package netdb

import "time"

// Ages at which RouterInfos expire (network database, "RouterInfo
// Expiration"): the more routers, the sooner.
const (
	expireMin       = 90 * time.Minute
	expireFloodfill = time.Hour
	expireKeep      = 90 // with so few routers none expires
	expireFewFF     = 5  // and with so few floodfills none of them

	settling = time.Hour // after the start nothing expires (network database, "RouterInfo Expiration")
)

const (
	incumbent   = 2 * time.Hour // a router refreshed within this keeps its place
	evictSample = 32
)

// Expire drops RouterInfos that are too old, and returns how many. It is to be
// called every minute or so.
func (db *DB) Expire(now time.Time) int {
	if now.Sub(db.started) < settling {
		return 0
	}
	limit := lifetime(db.Len(), db.cfg.Floodfill)
	var drop []*entry
	left, ffs := db.Len(), db.floodfills.n
	for _, e := range db.records.list {
		if left <= expireKeep {
			break
		}
		own := limit
		if db.served(e) { // those that work stay as long as it is allowed
			own = maxAge
		}
		ff := e.eligible()
		if now.Sub(e.sum.Published.Time()) <= own || (ff && ffs <= expireFewFF) {
			continue
		}
		drop = append(drop, e)
		if left--; ff {
			ffs--
		}
	}
	for _, e := range drop {
		db.remove(e)
		db.stats.Expired++
	}
	return len(drop)
}

// lifetime is the age that a RouterInfo may reach in a table of so many.
func lifetime(n int, floodfill bool) time.Duration {
	if floodfill {
		return expireFloodfill
	}
	return expireMin + (maxAge-expireMin)*expireKeep/time.Duration(max(n, expireKeep))
}

// makeRoom evicts the least worthy of some routers drawn at random while the
// table is full. It reports false where the newcomer is the least worthy. Among equals
// those not refreshed for long go first, and a newcomer never drives out one that was
// refreshed lately.
func (db *DB) makeRoom(now time.Time, e *entry) bool {
	worth := func(e *entry) int64 { return db.worth(e)<<40 + min(e.heard, now.Add(-incumbent).Unix()) }
	for db.Len() >= db.cfg.MaxRouters || db.records.bytes+len(e.raw) > db.cfg.MaxBytes {
		if db.Len() == 0 {
			return false
		}
		var worst *entry
		for range evictSample {
			if x := db.records.list[db.rand.Below(db.Len())]; worst == nil || worth(x) < worth(worst) {
				worst = x
			}
		}
		if worth(worst) >= worth(e) {
			return false
		}
		db.remove(worst)
		db.stats.Evicted++
	}
	return true
}

// worth ranks routers where there is not room for all: proven ones go last, before
// them those that have served, then those that came by a better way.
func (db *DB) worth(e *entry) int64 {
	w := int64(e.src)
	switch {
	case db.proven(e):
		w += 32
	case db.served(e):
		w += 16
	}
	return w
}
