// Package netdb is the network database of one router, without any I/O: the
// RouterInfos it knows, the lease sets of each of its contexts, and the engines
// that look up, explore and publish.
//
// A DB holds the RouterInfos, which are public, and is one for a router. A
// Segment holds what one context has learnt and asked: the router itself has
// one, each local destination another, and none sees into another (network
// database, "Network Database Segmentation"). Segments return what is to be
// sent as an Out and never send.
//
// Nothing here is safe for concurrent use: one loop owns the DB and its segments.
package netdb

import (
	"cmp"
	"io"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// Defaults of a DB.
const (
	DefaultMaxRouters    = 65536
	DefaultMaxBytes      = 48 << 20
	DefaultMaxFloodfills = 2500
	parsedRouters        = 512 // RouterInfos kept in parsed form
)

// MinFloodfillVersion is the oldest API level that a floodfill is asked at.
const MinFloodfillVersion = profile.Version(0<<16 | 9<<8 | 59)

// Config of a DB.
type Config struct {
	Self  i2p.Hash
	NetID int
	// Own gives our current RouterInfo, which is not in the table.
	Own      func() *routerinfo.RouterInfo
	Profiles *profile.Table // nil: peers are not judged
	Rand     io.Reader      // nil: crypto/rand
	// SamePrefix lifts the limits by /16 and version: on a test network all
	// routers have one address and one version.
	SamePrefix bool
	Floodfill  bool // we are one

	MaxRouters    int             // 0: DefaultMaxRouters
	MaxBytes      int             // of their RouterInfos as kept; 0: DefaultMaxBytes
	MaxFloodfills int             // not yet proven ones; 0: DefaultMaxFloodfills
	MinVersion    profile.Version // 0: 0.9.58
}

// DB is the table of routers.
type DB struct {
	cfg     Config
	rand    *draw.Source
	started time.Time

	routers    map[i2p.Hash]*entry
	list       []*entry // all of them, in no meaning order; entry.pos is the place
	byHash     table    // all of them
	floodfills table    // those that lookups and stores may go to
	bytes      int

	prefixes map[uint32]int // routers for each address prefix
	clusters map[uint32]int // routers for each look (version, capabilities)
	limits   limits

	parsed     map[i2p.Hash]*routerinfo.RouterInfo
	parsedRing []i2p.Hash // in the order in which they came
	parsedNext int

	changed map[i2p.Hash]struct{} // to be written
	removed map[i2p.Hash]struct{} // to be deleted from disk

	stats Stats
}

// entry is one router, kept small: tens of thousands of these are in memory.
type entry struct {
	sum      profile.Summary
	raw      []byte // packed
	heard    int64  // Unix seconds of the last acceptance
	pos      int32
	src      Source
	came     ways
	verified bool // the signature was checked
}

// Stats counts what the DB holds and what it refused.
type Stats struct {
	Routers, Floodfills int
	Bytes               int // of RouterInfos as kept

	Added, Updated, Unchanged, Expired, Evicted uint64

	BadSignature, BadKey, BadNetID, FromFuture, TooOld, BadVersion, Unusable uint64 // refused: see the errors
	Crowded, Flood, Full                                                     uint64 // refused for want of room
}

// New makes an empty DB.
func New(cfg Config, now time.Time) *DB {
	cfg.MaxRouters = cmp.Or(cfg.MaxRouters, DefaultMaxRouters)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, DefaultMaxBytes)
	cfg.MaxFloodfills = cmp.Or(cfg.MaxFloodfills, DefaultMaxFloodfills)
	cfg.MinVersion = cmp.Or(cfg.MinVersion, profile.Version(0<<16|9<<8|58))
	db := &DB{
		cfg: cfg, rand: draw.From(cfg.Rand), started: now,
		routers:  make(map[i2p.Hash]*entry),
		prefixes: make(map[uint32]int), clusters: make(map[uint32]int),
		parsed:  make(map[i2p.Hash]*routerinfo.RouterInfo),
		changed: make(map[i2p.Hash]struct{}), removed: make(map[i2p.Hash]struct{}),
	}
	return db
}

// Serve begins or ends to be a floodfill.
func (db *DB) Serve(floodfill bool) { db.cfg.Floodfill = floodfill }

// Stats returns the counters.
func (db *DB) Stats() Stats {
	s := db.stats
	s.Routers, s.Floodfills, s.Bytes = len(db.list), db.floodfills.n, db.bytes
	return s
}

// Len is the number of routers known; with At, Find and Router it makes a DB a
// profile.Routers.
func (db *DB) Len() int { return len(db.list) }

// At gives the summary of one of the Len routers; the order has no meaning.
func (db *DB) At(i int) *profile.Summary { return &db.list[i].sum }

// Find gives the summary of a router, or nil.
func (db *DB) Find(router i2p.Hash) *profile.Summary {
	if e := db.routers[router]; e != nil {
		return &e.sum
	}
	return nil
}

// heardOf tells whether a router is known, and not only because we were told.
func (db *DB) heardOf(router i2p.Hash) bool {
	e := db.routers[router]
	return e != nil && !e.came.told()
}

// Router gives a RouterInfo, or nil. One that came from disk is verified here,
// when it is first used.
func (db *DB) Router(router i2p.Hash) *routerinfo.RouterInfo {
	if router == db.cfg.Self && db.cfg.Own != nil {
		return db.cfg.Own()
	}
	e := db.routers[router]
	if e == nil {
		return nil
	}
	if ri := db.parsed[router]; ri != nil {
		return ri
	}
	ri, err := routerinfo.Parse(unpack(e.raw))
	if err == nil && !e.verified {
		err = ri.Verify()
	}
	if err != nil {
		db.stats.BadSignature++
		db.remove(e)
		return nil
	}
	e.verified = true
	db.keepParsed(ri)
	return ri
}

// keepParsed remembers the parsed form of the RouterInfos used last.
func (db *DB) keepParsed(ri *routerinfo.RouterInfo) {
	h := ri.Hash()
	if _, ok := db.parsed[h]; ok {
		db.parsed[h] = ri
		return
	}
	if len(db.parsedRing) < parsedRouters {
		db.parsedRing = append(db.parsedRing, h)
	} else {
		delete(db.parsed, db.parsedRing[db.parsedNext])
		db.parsedRing[db.parsedNext] = h
		db.parsedNext = (db.parsedNext + 1) % parsedRouters
	}
	db.parsed[h] = ri
}

// put makes a router part of the table, in place of an older RouterInfo of it.
func (db *DB) put(e *entry) {
	if old := db.routers[e.sum.Hash]; old != nil {
		db.uncount(old)
		e.pos = old.pos
		db.list[e.pos] = e
		if e.src < old.src {
			e.src = old.src
		}
		delete(db.parsed, e.sum.Hash)
	} else {
		e.pos = int32(len(db.list))
		db.list = append(db.list, e)
	}
	db.routers[e.sum.Hash] = e
	db.byHash.insert(e)
	db.count(e)
}

func (db *DB) count(e *entry) {
	db.bytes += len(e.raw)
	for _, p := range e.sum.Prefixes {
		if p != 0 {
			db.prefixes[p]++
		}
	}
	if e.sum.Prefixes[0] == 0 {
		db.prefixes[0]++
	}
	db.clusters[e.sum.Look()]++
	if db.eligible(e) && (db.floodfills.n < db.cfg.MaxFloodfills || db.proven(e)) {
		db.floodfills.insert(e)
	}
}

func (db *DB) uncount(e *entry) {
	db.bytes -= len(e.raw)
	for _, p := range e.sum.Prefixes {
		if p != 0 {
			less(db.prefixes, p)
		}
	}
	if e.sum.Prefixes[0] == 0 {
		less(db.prefixes, 0)
	}
	less(db.clusters, e.sum.Look())
	db.floodfills.remove(e.sum.Hash)
}

func less(m map[uint32]int, k uint32) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}

// remove forgets a router.
func (db *DB) remove(e *entry) {
	last := db.list[len(db.list)-1]
	db.list[e.pos], last.pos = last, e.pos
	db.list[len(db.list)-1] = nil
	db.list = db.list[:len(db.list)-1]
	delete(db.routers, e.sum.Hash)
	delete(db.parsed, e.sum.Hash)
	db.byHash.remove(e.sum.Hash)
	db.uncount(e)
	delete(db.changed, e.sum.Hash)
	db.removed[e.sum.Hash] = struct{}{}
}

// proven tells whether a router has shown itself to be a living one.
func (db *DB) proven(e *entry) bool {
	return e.src == FromSession || (db.cfg.Profiles != nil && db.cfg.Profiles.Proven(e.sum.Hash))
}
