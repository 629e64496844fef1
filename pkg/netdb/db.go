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
	"errors"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// Defaults of a DB.
const (
	DefaultMaxRouters = 65536
	DefaultMaxBytes   = 48 << 20
)

const maxFloodfills = 2500 // in the table that lookups and stores go by, proven or not

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

// DB is the table of routers. Who may come in is admission's to say, what is kept of
// each the records', who has a floodfill's seat the table of those: a dozen methods
// here ask or tell of routers, and the rest, a few lines each, take one in and let it
// go in all of these at once.
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
	// Floodfills that nobody is sent to: for want of room, or as a better one took the place.
	Unseated, Displaced uint64
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
		records:   records{of: make(map[i2p.Hash]*entry)},
		admission: newAdmission(&cfg),
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

// StoreRouterInfo offers a RouterInfo to the table that nobody's session brought. An
// error says why it is refused, and wraps one of those of this package. The cheap
// checks come first: the signature is the last.
func (db *DB) StoreRouterInfo(now time.Time, src Source, ri *routerinfo.RouterInfo) (Change, error) {
	return db.offer(now, src, 0, ri)
}

// offer is StoreRouterInfo for one that may have come over the session of a sender.
func (db *DB) offer(now time.Time, src Source, sender origin.Host, ri *routerinfo.RouterInfo) (Change, error) {
	e := &entry{sum: profile.Summarize(ri), heard: now.Unix(), src: src, verified: !src.disk()}
	change, err := db.store(now, e, sender, ri)
	if err != nil {
		db.stats.Refused.count(err)
		return Unchanged, fmt.Errorf("netdb: RouterInfo %s: %w", e.sum.Hash, err)
	}
	return change, nil
}

func (db *DB) store(now time.Time, e *entry, sender origin.Host, ri *routerinfo.RouterInfo) (Change, error) {
	if e.sum.Hash == db.cfg.Self {
		return Unchanged, ErrOwn
	}
	e.from(sender)
	old := db.records.of[e.sum.Hash]
	if old != nil && e.sum.Published <= old.sum.Published {
		db.seen(e.src, e.sum.Published, old)
		return Unchanged, nil
	}
	if err := db.admission.check(now, e.src, &e.sum, ri.NetID(), len(ri.Bytes())); err != nil {
		return Unchanged, err
	}
	if err := db.admission.admit(now, e, old, sender, db.Len(), db.cfg.Floodfill); err != nil {
		return Unchanged, err
	}
	if err := db.admission.verify(now, e.src, ri); err != nil {
		return Unchanged, err
	}
	e.raw = db.cfg.Shared.pack(ri)
	return db.insert(now, e)
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
		db.admission.uncount(old)
		old.note(src)
		db.admission.count(old)
	}
	if is := old.came.disk(); is != was || src.disk() && src != is {
		db.unwritten.changes(old.sum.Hash) // on disk it is elsewhere, or there too
	}
	if src > old.src && src == FromSession {
		old.src = src
		db.seat(old)
	}
}

// spurns tells whether a RouterInfo is refused for what its router is, and not for what
// somebody made of it: that it is old, or not signed by the router.
func (db *DB) spurns(ri *routerinfo.RouterInfo, why error) bool {
	for _, err := range [...]error{ErrNetID, ErrVersion, ErrForged, ErrUnusable, ErrCrowded, ErrFull} {
		if errors.Is(why, err) {
			return db.cfg.Shared.verify(ri) == nil
		}
	}
	return false
}

// insert puts a checked entry into the table and makes room for it.
func (db *DB) insert(now time.Time, e *entry) (Change, error) {
	old, src := db.records.of[e.sum.Hash], e.src
	if old == nil && !db.makeRoom(now, e) {
		return Unchanged, ErrFull
	}
	e.note(src)
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
		db.admission.uncount(old)
		db.floodfills.remove(old.sum.Hash) // which leaves it a seat
		db.parsed.drop(old.sum.Hash)
		e.came |= old.came
		e.mark()
		e.src = max(e.src, old.src)
		if e.visited == 0 && !e.sum.At(old.visited) { // it may publish now where it came from
			e.visited = old.visited
		}
	}
	db.admission.count(e)
	db.seat(e)
}

// remove forgets a router.
func (db *DB) remove(e *entry) {
	db.records.remove(e)
	db.admission.uncount(e)
	db.floodfills.remove(e.sum.Hash)
	db.parsed.drop(e.sum.Hash)
	db.unwritten.removes(e.sum.Hash)
}

// seat has a floodfill be asked from now on, where it is worth it: of all that there
// is room for, those that are worth the least make place for it. One that was left out
// comes in once its standing has changed.
func (db *DB) seat(e *entry) {
	if !e.eligible() || db.floodfills.has(e.sum.Hash) {
		return
	}
	if db.floodfills.n >= maxFloodfills {
		least := db.leastFloodfill()
		if db.worth(least) >= db.worth(e) {
			db.stats.Unseated++
			return
		}
		db.floodfills.remove(least.sum.Hash)
		db.stats.Displaced++
	}
	db.floodfills.insert(e)
}

// leastFloodfill is that of some floodfills drawn at random that is worth the least.
func (db *DB) leastFloodfill() (least *entry) {
	for range evictSample {
		var at i2p.Hash
		db.rand.Fill(at[:])
		db.floodfills.walk(at, func(e *entry) bool {
			if least == nil || db.worth(e) < db.worth(least) {
				least = e
			}
			return false
		})
	}
	return least
}

// proven tells whether we have reached a router where it says it is, and it served.
func (db *DB) proven(e *entry) bool { return db.cfg.Profiles.Proven(&e.sum) }

// served tells whether a router has answered us, by whichever way.
func (db *DB) served(e *entry) bool { return db.cfg.Profiles.Served(e.sum.Hash) }

// Proved tells the DB that a router was reached, or has answered.
func (db *DB) Proved(router i2p.Hash) {
	if e := db.records.of[router]; e != nil {
		db.seat(e)
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
// forgets: the caller writes, and gives to Undrain what failed.
func (db *DB) Drain(limit int) (write []File, remove []i2p.Hash) {
	hashes, remove := db.unwritten.take(limit)
	for _, h := range hashes {
		e := db.records.of[h]
		write = append(write, File{h, unpack(e.raw), e.came.disk()})
	}
	return write, remove
}

// Undrain has Drain give once more what is known by then of routers whose files could not be
// written or deleted.
func (db *DB) Undrain(routers []i2p.Hash) {
	for _, h := range routers {
		if db.Has(h) {
			db.unwritten.changes(h)
		} else {
			db.unwritten.removes(h)
		}
	}
}
