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
// One rule keeps a destination from being linked to its router: what a
// destination asks, and what it is told, changes nothing outside of its segment.
// Who names a router of his own to a destination, or answers a destination only,
// has marked it. So a RouterInfo that a destination was told of is looked up
// through the tunnels of that destination, never enters the DB, and ends with the
// lookup that it serves; nor do the profiles hear how floodfills treat a
// destination. The router therefore names, serves, floods, explores, writes to
// disk, dials, publishes to and goes through the same routers with the destination
// as without it. It knows a router only once it has met it by itself.
//
// Nothing here is safe for concurrent use: one loop owns the DB and its segments.
package netdb

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// Defaults of a DB.
const (
	DefaultMaxRouters = 65536
	DefaultMaxBytes   = 48 << 20
)

const maxFloodfills = 2500 // not yet proven ones

// Config of a DB.
type Config struct {
	Self  i2p.Hash
	NetID int
	// Own gives our current RouterInfo, which is not in the table.
	Own      func() *routerinfo.RouterInfo
	Profiles *profile.Table // nil: one of its own
	Rand     io.Reader      // nil: crypto/rand
	// SamePrefix lifts the limits by /16 and version: on a test network all
	// routers have one address and one version.
	SamePrefix bool
	Floodfill  bool    // we are one
	Shared     *Shared // of a simulation's DBs; nil elsewhere

	MaxRouters int // 0: DefaultMaxRouters
	MaxBytes   int // of their RouterInfos as kept; 0: DefaultMaxBytes
}

// DB is the table of routers.
type DB struct {
	cfg     Config
	rand    *draw.Source
	started time.Time

	records    records
	floodfills table // those of the records that lookups and stores may go to
	admission  admission
	parsed     parsed
	unwritten  unwritten
	stats      Stats
}

// Stats counts what the DB holds and what it refused.
type Stats struct {
	Routers, Floodfills int
	Bytes               int // of RouterInfos as kept

	Added, Updated, Unchanged, Expired, Evicted uint64
	Refused
}

// New makes an empty DB.
func New(cfg Config, now time.Time) *DB {
	cfg.MaxRouters = cmp.Or(cfg.MaxRouters, DefaultMaxRouters)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, DefaultMaxBytes)
	if cfg.Profiles == nil {
		cfg.Profiles = profile.New(profile.Config{Rand: cfg.Rand})
	}
	return &DB{
		cfg: cfg, rand: draw.From(cfg.Rand), started: now,
		records: records{of: make(map[i2p.Hash]*entry)},
		admission: admission{
			netID: cfg.NetID, samePrefix: cfg.SamePrefix, shared: cfg.Shared, room: cfg.MaxRouters,
			prefixes: make(map[uint32]int), looks: make(map[uint32]int), newLooks: make(map[uint32]*bucket.Bucket),
		},
		parsed:    parsed{of: make(map[i2p.Hash]*routerinfo.RouterInfo)},
		unwritten: unwritten{changed: make(map[i2p.Hash]struct{}), removed: make(map[i2p.Hash]struct{})},
	}
}

// Serve begins or ends to be a floodfill.
func (db *DB) Serve(floodfill bool) { db.cfg.Floodfill = floodfill }

// Stats returns the counters.
func (db *DB) Stats() Stats {
	s := db.stats
	s.Routers, s.Floodfills, s.Bytes = db.Len(), db.floodfills.n, db.records.bytes
	return s
}

// Len is the number of routers known; with At, Find and Router it makes a DB
// profile.Routers.
func (db *DB) Len() int { return len(db.records.list) }

// At gives the summary of one of the Len routers; the order has no meaning.
func (db *DB) At(i int) *profile.Summary { return &db.records.list[i].sum }

// Find gives the summary of a router, or nil.
func (db *DB) Find(router i2p.Hash) *profile.Summary {
	if e := db.records.of[router]; e != nil {
		return &e.sum
	}
	return nil
}

// Has tells whether a router is known.
func (db *DB) Has(router i2p.Hash) bool { return db.records.of[router] != nil }

// Hashes lists the routers known, sorted.
func (db *DB) Hashes() []i2p.Hash { return db.records.hashes() }

// Router gives a RouterInfo, or nil. One that came from disk is verified here,
// when it is first used.
func (db *DB) Router(router i2p.Hash) *routerinfo.RouterInfo {
	if router == db.cfg.Self && db.cfg.Own != nil {
		return db.cfg.Own()
	}
	e := db.records.of[router]
	if e == nil {
		return nil
	}
	if ri := db.parsed.of[router]; ri != nil {
		return ri
	}
	ri, err := db.cfg.Shared.parse(unpack(e.raw))
	if err == nil && !e.verified {
		err = db.cfg.Shared.verify(ri)
	}
	if err != nil {
		db.stats.BadSignature++
		db.remove(e)
		return nil
	}
	e.verified = true
	db.parsed.keep(ri)
	return ri
}

// StoreRouterInfo offers a RouterInfo to the table. An error says why it is
// refused, and wraps one of those of this package. The cheap checks come first:
// the signature is the last.
func (db *DB) StoreRouterInfo(now time.Time, src Source, ri *routerinfo.RouterInfo) (Change, error) {
	sum := profile.Summarize(ri)
	change, err := db.store(now, src, ri, sum)
	if err != nil {
		db.stats.Refused.count(err)
		return Unchanged, fmt.Errorf("netdb: RouterInfo %s: %w", sum.Hash, err)
	}
	return change, nil
}

func (db *DB) store(now time.Time, src Source, ri *routerinfo.RouterInfo, sum profile.Summary) (Change, error) {
	if sum.Hash == db.cfg.Self {
		return Unchanged, ErrOwn
	}
	old := db.records.of[sum.Hash]
	if old != nil && sum.Published <= old.sum.Published {
		db.seen(src, sum.Published, old)
		return Unchanged, nil
	}
	if err := db.admission.check(now, src, &sum, ri.NetID(), len(ri.Bytes())); err != nil {
		return Unchanged, err
	}
	if old == nil {
		if err := db.admission.admit(now, src, &sum); err != nil {
			return Unchanged, err
		}
	}
	if err := db.admission.verify(now, src, ri); err != nil {
		return Unchanged, err
	}
	return db.insert(now, &entry{sum: sum, raw: db.cfg.Shared.pack(ri), heard: now.Unix(), src: src, verified: !src.disk()})
}

// vet checks a RouterInfo that is not to be stored as one that is.
func (db *DB) vet(now time.Time, ri *routerinfo.RouterInfo) error {
	sum := profile.Summarize(ri)
	err := db.admission.check(now, FromReply, &sum, ri.NetID(), len(ri.Bytes()))
	if err == nil {
		err = db.admission.verify(now, FromReply, ri)
	}
	if err != nil {
		return fmt.Errorf("netdb: RouterInfo %s: %w", sum.Hash, err)
	}
	return nil
}

// seen notes that a RouterInfo no newer than ours has come.
func (db *DB) seen(src Source, published i2p.Date, old *entry) {
	db.stats.Unchanged++
	was := old.came.disk()
	if published == old.sum.Published {
		old.came.add(src)
	}
	if is := old.came.disk(); is != was || src.disk() && src != is {
		db.unwritten.changes(old.sum.Hash) // on disk it is elsewhere, or there too
	}
	if src > old.src && src == FromSession {
		old.src = src
		db.refile(old)
	}
}

// insert puts a checked entry into the table and makes room for it.
func (db *DB) insert(now time.Time, e *entry) (Change, error) {
	old, src := db.records.of[e.sum.Hash], e.src
	if old == nil && !db.makeRoom(now, e) {
		return Unchanged, ErrFull
	}
	e.came.add(src)
	db.put(e)
	db.unwritten.returns(e.sum.Hash)
	if e.came.disk() != src {
		db.unwritten.changes(e.sum.Hash)
	}
	if old != nil {
		db.stats.Updated++
		return Updated, nil
	}
	db.stats.Added++
	return Added, nil
}

// put makes an entry part of the table, in place of an older one of its router.
func (db *DB) put(e *entry) {
	if old := db.records.put(e); old != nil {
		db.admission.uncount(&old.sum)
		db.floodfills.remove(old.sum.Hash)
		db.parsed.drop(old.sum.Hash)
		e.came |= old.came
		e.src = max(e.src, old.src)
	}
	db.admission.count(&e.sum)
	if db.floodfills.n < maxFloodfills || db.proven(e) {
		db.refile(e)
	}
}

// remove forgets a router.
func (db *DB) remove(e *entry) {
	db.records.remove(e)
	db.admission.uncount(&e.sum)
	db.floodfills.remove(e.sum.Hash)
	db.parsed.drop(e.sum.Hash)
	db.unwritten.removes(e.sum.Hash)
}

// refile puts an entry where it belongs after its standing has changed: a
// floodfill left out while it was unproven comes in.
func (db *DB) refile(e *entry) {
	if e.eligible() {
		db.floodfills.insert(e)
	}
}

// proven tells whether a router has shown itself to be a living one.
func (db *DB) proven(e *entry) bool {
	return e.src == FromSession || db.cfg.Profiles.Proven(e.sum.Hash)
}

// Proved tells the DB that a router was found to be alive (a session, an answer).
func (db *DB) Proved(router i2p.Hash) {
	if e := db.records.of[router]; e != nil {
		db.refile(e)
	}
}

// queried judges a floodfill by whether it answered.
func (db *DB) queried(now time.Time, floodfill i2p.Hash, answered bool) {
	db.cfg.Profiles.Queried(now, floodfill, answered)
	if answered {
		db.Proved(floodfill)
	}
}

// Drain gives up to limit RouterInfos that changed since they were last
// written, and the routers whose files are to be deleted. What it returns it
// forgets: the caller writes.
func (db *DB) Drain(limit int) (write []File, remove []i2p.Hash) {
	hashes, remove := db.unwritten.take(limit)
	for _, h := range hashes {
		e := db.records.of[h]
		write = append(write, File{h, unpack(e.raw), e.came.disk()})
	}
	return write, remove
}
