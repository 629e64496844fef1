package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// Ages at which RouterInfos expire (network database, "RouterInfo
// Expiration"): the more routers, the sooner.
const (
	expireMin       = 90 * time.Minute
	expireFloodfill = time.Hour
	expireKeep      = 90 // with so few routers none expires
	expireFewFF     = 5  // and with so few floodfills none of them
)

// Expire drops RouterInfos that are too old, and returns how many. It is to be
// called every minute or so.
func (db *DB) Expire(now time.Time) int {
	if now.Sub(db.started) < settling {
		return 0
	}
	limit := db.lifetime()
	var drop []*entry
	left, ffs := len(db.list), db.floodfills.n
	for _, e := range db.list {
		if left <= expireKeep {
			break
		}
		own := limit
		if db.proven(e) { // those that work stay as long as it is allowed
			own = maxAge
		}
		ff := db.eligible(e)
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

// lifetime is the age that a RouterInfo may reach in a table of this size.
func (db *DB) lifetime() time.Duration {
	if db.cfg.Floodfill {
		return expireFloodfill
	}
	return expireMin + (maxAge-expireMin)*expireKeep/time.Duration(max(len(db.list), expireKeep))
}

// File is a RouterInfo to be written to disk.
type File struct {
	Hash  i2p.Hash
	Bytes []byte
}

// Drain gives up to limit RouterInfos that changed since they were last
// written, and the routers whose files are to be deleted. What it returns it
// forgets: the caller writes.
func (db *DB) Drain(limit int) (write []File, remove []i2p.Hash) {
	hashes := make([]i2p.Hash, 0, len(db.changed))
	for h := range db.changed {
		hashes = append(hashes, h)
	}
	slices.SortFunc(hashes, func(a, b i2p.Hash) int { return a.Compare(b) })
	for _, h := range hashes[:min(limit, len(hashes))] {
		write = append(write, File{h, unpack(db.routers[h].raw)})
		delete(db.changed, h)
	}
	for h := range db.removed {
		remove = append(remove, h)
	}
	slices.SortFunc(remove, func(a, b i2p.Hash) int { return a.Compare(b) })
	clear(db.removed)
	return write, remove
}

// Changed is the number of RouterInfos that wait to be written.
func (db *DB) Changed() int { return len(db.changed) }

// Has tells whether a router is known.
func (db *DB) Has(router i2p.Hash) bool { return db.routers[router] != nil }

// Hashes lists the routers known, sorted.
func (db *DB) Hashes() []i2p.Hash {
	all := make([]i2p.Hash, 0, len(db.list))
	for _, e := range db.list {
		all = append(all, e.sum.Hash)
	}
	slices.SortFunc(all, func(a, b i2p.Hash) int { return a.Compare(b) })
	return all
}
