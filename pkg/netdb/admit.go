package netdb

import (
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// Source says how a RouterInfo came to us; later ones are trusted more when
// room is short.
type Source byte

// The sources.
const (
	FromStore   Source = iota // sent or flooded to us unasked
	FromDisk                  // our own netDb directory
	FromReply                 // the answer to a lookup of ours
	FromReseed                // a signed bundle, or what the user gave
	FromSession               // from the router itself, over a session with it
)

func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return "unknown"
}

var sourceNames = [...]string{"store", "disk", "reply", "reseed", "session"}

// ways are the sources that a router has come from, one bit each.
type ways uint8

func (w *ways) add(src Source) { *w |= 1 << src }

func (w ways) any(srcs ...Source) bool {
	for _, src := range srcs {
		if w&(1<<src) != 0 {
			return true
		}
	}
	return false
}

// stored: it was given to us, so it may be served.
func (w ways) stored() bool { return w.any(FromStore, FromSession) }

// sought: we know of it only because we asked, perhaps for a destination to
// which alone it was named. Whom others can have us name must not depend on it.
func (w ways) sought() bool { return w == 1<<FromReply }

// told: we know of it only because somebody told us, perhaps nobody but us.
// Whom a destination asks must not depend on it.
func (w ways) told() bool { return !w.any(FromDisk, FromReply, FromReseed) }

// Change says what a stored entry did.
type Change byte

// The changes.
const (
	Unchanged Change = iota // we have it, or a newer one
	Added
	Updated
)

// Why an entry is refused.
var (
	ErrKey       = errors.New("key is not the hash of the entry")
	ErrSignature = errors.New("bad signature")
	ErrNetID     = errors.New("router of another network")
	ErrFuture    = errors.New("published in the future")
	ErrOld       = errors.New("published too long ago")
	ErrVersion   = errors.New("version below the floor")
	ErrForged    = errors.New("version that no router has")
	ErrUnusable  = errors.New("no usable address or key type")
	ErrCrowded   = errors.New("too many routers of one address range or kind")
	ErrFlood     = errors.New("too many new routers at once")
	ErrFull      = errors.New("table full of better entries")
	ErrOwn       = errors.New("our own entry")
	ErrKind      = errors.New("kind of entry not taken here")
	ErrExpired   = errors.New("expired")
)

// Ages and clocks.
const (
	maxFuture        = 2 * time.Minute      // clock skew that a RouterInfo may have
	maxAge           = 27 * time.Hour       // of a RouterInfo that arrives
	maxAgeOffline    = 180 * 24 * time.Hour // of one from disk or a bundle: better than none
	settling         = time.Hour            // after the start nothing expires (network database, "RouterInfo Expiration")
	forgedVersion    = profile.Version(2<<16 | 5<<8 | 1)
	incumbent        = 2 * time.Hour // a router refreshed within this keeps its place
	evictSample      = 32
	prefixShare      = 512 // at most 1/512 of the table, but not fewer than prefixMin
	prefixMin        = 32
	addresslessShare = 4 // at most a quarter of the table has no published address
	lookShare        = 4 // and at most a quarter of it one look, for routers nobody asked for
)

// StoreRouterInfo offers a RouterInfo to the table. An error says why it is
// refused; it is one of those above or wraps one. The cheap checks come first:
// the signature is the last.
func (db *DB) StoreRouterInfo(now time.Time, src Source, ri *routerinfo.RouterInfo) (Change, error) {
	sum := profile.Summarize(ri)
	if sum.Hash == db.cfg.Self {
		return Unchanged, ErrOwn
	}
	old := db.routers[sum.Hash]
	if old != nil && sum.Published <= old.sum.Published {
		db.stats.Unchanged++
		if sum.Published == old.sum.Published {
			old.came.add(src)
		}
		if src > old.src && src == FromSession {
			old.src = src
			db.refile(old)
		}
		return Unchanged, nil
	}
	if err := db.check(now, src, &sum, ri.NetID(), len(ri.Bytes())); err != nil {
		return Unchanged, err
	}
	if old == nil {
		if err := db.admit(now, src, &sum); err != nil {
			return Unchanged, err
		}
	}
	if src == FromStore && !db.limits.verify.Take(now, 1, verifyRate, verifyBurst) {
		db.stats.Flood++
		return Unchanged, ErrFlood
	}
	e := &entry{sum: sum, heard: now.Unix(), src: src, verified: src != FromDisk}
	if e.verified {
		if err := ri.Verify(); err != nil {
			db.stats.BadSignature++
			return Unchanged, fmt.Errorf("netdb: RouterInfo %s: %w: %w", sum.Hash, ErrSignature, err)
		}
	}
	e.raw = pack(ri.Bytes())
	return db.insert(now, e, old)
}

// insert puts a checked entry into the table and makes room for it.
func (db *DB) insert(now time.Time, e, old *entry) (Change, error) {
	if old == nil && !db.makeRoom(now, e) {
		db.stats.Full++
		return Unchanged, ErrFull
	}
	if e.came.add(e.src); old != nil {
		e.came |= old.came
	}
	db.put(e)
	if e.src != FromDisk {
		db.changed[e.sum.Hash] = struct{}{}
	}
	delete(db.removed, e.sum.Hash)
	if old != nil {
		db.stats.Updated++
		return Updated, nil
	}
	db.stats.Added++
	return Added, nil
}

// check applies the rules that need no signature.
func (db *DB) check(now time.Time, src Source, sum *profile.Summary, netID, size int) error {
	refuse := func(n *uint64, err error) error {
		*n++
		return fmt.Errorf("netdb: RouterInfo %s: %w", sum.Hash, err)
	}
	age := now.Sub(sum.Published.Time())
	oldest := maxAge
	if src == FromDisk || src == FromReseed {
		oldest = maxAgeOffline
	}
	switch {
	case netID != db.cfg.NetID:
		return refuse(&db.stats.BadNetID, fmt.Errorf("%w: %d, ours is %d", ErrNetID, netID, db.cfg.NetID))
	case age < -maxFuture:
		return refuse(&db.stats.FromFuture, fmt.Errorf("%w: %s ahead", ErrFuture, -age))
	case age > oldest:
		return refuse(&db.stats.TooOld, fmt.Errorf("%w: %s", ErrOld, age))
	case sum.Version >= forgedVersion:
		return refuse(&db.stats.BadVersion, fmt.Errorf("%w: %s", ErrForged, sum.Version))
	case sum.Version < db.cfg.MinVersion:
		return refuse(&db.stats.BadVersion, fmt.Errorf("%w: %s", ErrVersion, sum.Version))
	case sum.Flags&profile.X25519 == 0 || size > maxRouterInfo:
		return refuse(&db.stats.Unusable, ErrUnusable)
	}
	return nil
}

// admit limits routers not yet known: by address range, by look and by rate.
// Routers that we met or asked for are not held to the rates. An attacker can
// invent any number of routers; what he cannot do is answer for them.
func (db *DB) admit(now time.Time, src Source, sum *profile.Summary) error {
	if db.cfg.SamePrefix || src == FromSession {
		return nil
	}
	if db.crowded(src, sum) {
		db.stats.Crowded++
		return fmt.Errorf("netdb: RouterInfo %s: %w", sum.Hash, ErrCrowded)
	}
	if src == FromStore && !db.limits.newRouter(now, sum.Look()) {
		db.stats.Flood++
		return fmt.Errorf("netdb: RouterInfo %s: %w", sum.Hash, ErrFlood)
	}
	return nil
}

func (db *DB) crowded(src Source, sum *profile.Summary) bool {
	room := db.cfg.MaxRouters
	for _, p := range sum.Prefixes {
		if p != 0 && db.prefixes[p] >= max(prefixMin, room/prefixShare) {
			return true
		}
	}
	if sum.Prefixes[0] == 0 && db.prefixes[0] >= room/addresslessShare {
		return true
	}
	return src == FromStore && db.clusters[sum.Look()] >= max(prefixMin, room/lookShare)
}

// makeRoom evicts the least worthy of some routers drawn at random while the
// table is full. It reports false where the newcomer is the least worthy.
func (db *DB) makeRoom(now time.Time, e *entry) bool {
	for len(db.list) >= db.cfg.MaxRouters || db.bytes+len(e.raw) > db.cfg.MaxBytes {
		if len(db.list) == 0 {
			return false
		}
		var worst *entry
		for range evictSample {
			if x := db.list[db.rand.Below(len(db.list))]; worst == nil || db.worth(now, x) < db.worth(now, worst) {
				worst = x
			}
		}
		if db.worth(now, worst) >= db.worth(now, e) {
			return false
		}
		db.remove(worst)
		db.stats.Evicted++
	}
	return true
}

// worth ranks routers for eviction: proven ones go last, then those that came by
// a better way; among equals those not refreshed for long go first, and a
// newcomer never drives out one that was refreshed lately.
func (db *DB) worth(now time.Time, e *entry) int64 {
	w := int64(e.src)
	if db.proven(e) {
		w += 16
	}
	return w<<40 + min(e.heard, now.Add(-incumbent).Unix())
}

// refile puts an entry where it belongs after its standing has changed: a
// floodfill left out while it was unproven comes in.
func (db *DB) refile(e *entry) {
	if db.eligible(e) {
		db.floodfills.insert(e)
	}
}

// Proved tells the DB that a router was found to be alive (a session, an answer).
func (db *DB) Proved(router i2p.Hash) {
	if e := db.routers[router]; e != nil {
		db.refile(e)
	}
}

// Forget removes a router, for instance one whose session showed another identity.
func (db *DB) Forget(router i2p.Hash) {
	if e := db.routers[router]; e != nil {
		db.remove(e)
	}
}
