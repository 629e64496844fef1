package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// others are the destinations that a client knows of.
type others struct {
	remotes  map[i2p.Hash]*remote
	byStatic map[[32]byte]*remote // by the name of each of their keys: of two that name the same, whose it is
	unlocked unlocked             // what was said of encrypted lease sets
	held     bool                 // payloads may wait for a way to one
	sweptAt  time.Time            // when the idle ones were last looked for
	pushAt   time.Time            // when one may be due to be sent our lease set by itself; zero: none is
	tryAt    time.Time            // when another path to one may be due; zero: none is
	lookAt   time.Time            // when the lease set of one that is silent may be looked up again; zero: none is
}

func newOthers() others {
	return others{remotes: make(map[i2p.Hash]*remote), byStatic: make(map[[32]byte]*remote)}
}

// where are the remotes of which something is true, in an order that is always the same.
func (o *others) where(is func(*remote) bool) (found []*remote) {
	for _, r := range o.remotes {
		if is(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *remote) int { return a.hash.Compare(b.hash) })
	return found
}

// remote finds or makes the entry of a destination. It returns nil when all are
// in use.
func (o *others) remote(now time.Time, hash i2p.Hash) *remote {
	r := o.remotes[hash]
	if r == nil {
		if len(o.remotes) >= maxRemotes && !o.evict() {
			return nil
		}
		r = &remote{hash: hash, used: now, reader: o.unlocked.ofHash(hash)}
		o.remotes[hash] = r
	}
	return r
}

// evict forgets the remote that is missed least: strangers can send us any
// number of lease sets, so those that we never wrote to go first.
func (o *others) evict() bool {
	var worst *remote
	for _, r := range o.remotes {
		if !r.lookup && len(r.waiting) == 0 && (worst == nil || r.before(worst)) {
			worst = r
		}
	}
	if worst == nil {
		return false
	}
	o.forget(worst)
	return true
}

func (r *remote) before(x *remote) bool {
	switch {
	case r.written != x.written:
		return x.written
	case !r.used.Equal(x.used):
		return r.used.Before(x.used)
	}
	return r.hash.Compare(x.hash) < 0
}

// update takes a lease set that verified, and of its keys those that we speak.
// An older one than we have changes nothing.
func (o *others) update(r *remote, set leaseset.Set, keys []leaseset.EncryptionKey) bool {
	if len(keys) == 0 || r.set != nil && set.Published() <= r.set.Published() {
		return false
	}
	o.unbind(r)
	r.set, r.keys, r.lookups = set, keys, 0
	if r.key.Key == nil || !r.use(r.static(), r.key.Type) {
		r.key = keys[0]
	}
	for _, k := range keys {
		if had := o.byStatic[nameOf(k)]; nameOf(k) != nobody && (had == nil || r.written && !had.written) {
			o.byStatic[nameOf(k)] = r
		}
	}
	return true
}

// nobody is the static key of a session whose other end does not say one.
var nobody [32]byte

// proved is told that the lease set of a destination came in a session of a static key. Anybody may name the key of
// another in a lease set: its answers would go to him, by which he would see when the other speaks with us. Whose the key
// is, it says itself.
func (o *others) proved(hash i2p.Hash, static [32]byte) {
	r := o.remotes[hash]
	if r != nil && static != nobody && slices.ContainsFunc(r.keys, func(k leaseset.EncryptionKey) bool { return nameOf(k) == static }) {
		o.byStatic[static] = r
	}
}

// whose is the destination that has a static key in its lease set, zero where none is known: what
// came in that key's session is from it.
func (o *others) whose(static [32]byte) i2p.Hash {
	if r := o.byStatic[static]; r != nil {
		return r.hash
	}
	return i2p.Hash{}
}

// pushBy has the remotes looked at for our lease set at a time, or before.
func (o *others) pushBy(at time.Time) { o.pushAt = deadline.Earliest(o.pushAt, at) }

// tryBy has the paths looked at that are to be tried, at a time or before.
func (o *others) tryBy(at time.Time) { o.tryAt = deadline.Earliest(o.tryAt, at) }

// lookBy has the silent remotes looked at a pause after the last lookup.
func (o *others) lookBy(now time.Time, r *remote) {
	at := r.lookedUp.Add(r.lookupPause())
	if at.Before(now) {
		at = now.Add(minLookupPause)
	}
	o.lookAt = deadline.Earliest(o.lookAt, at)
}

// forgetIdle forgets those whom nobody has written to for long, and returns what
// still waited for a way to them.
func (o *others) forgetIdle(now time.Time) (waiting []*buf.Buf) {
	if now.Sub(o.sweptAt) < time.Second {
		return nil
	}
	o.sweptAt = now
	for _, r := range o.remotes {
		if now.Sub(r.used) > remoteIdleAfter && r.lasts(now) <= 0 && !r.stands(now) {
			waiting = append(waiting, contents(r.waiting)...)
			o.forget(r)
		}
	}
	return waiting
}

// lasting is the lease set of a destination where that need not be looked up; else nil.
func (o *others) lasting(now time.Time, hash i2p.Hash) leaseset.Set {
	if r := o.remotes[hash]; r != nil && r.lasts(now) > leaseMargin {
		return r.set
	}
	return nil
}

// newest is a lease set, or in its place the one that is known and newer: what is
// sent goes by that, whatever a floodfill still has.
func (o *others) newest(set leaseset.Set) leaseset.Set {
	if r := o.remotes[set.Hash()]; r != nil && r.set != nil && r.set.Published() > set.Published() {
		return r.set
	}
	return set
}

// read is the lease set behind the address of an encrypted one where that need not be looked up; else nil.
func (o *others) read(now time.Time, by leaseset.Reader) leaseset.Set {
	for _, r := range o.remotes {
		if r.reader != nil && r.reader.Same(by) && r.lasts(now) > leaseMargin {
			return r.set
		}
	}
	return nil
}

// readBy remembers what opens the encrypted lease set of a destination.
func (o *others) readBy(hash i2p.Hash, reader *leaseset.Reader) {
	if r := o.remotes[hash]; r != nil && reader != nil {
		r.reader = reader
	}
}

func (o *others) forget(r *remote) {
	delete(o.remotes, r.hash)
	o.unbind(r)
}

// unbind forgets the keys of a remote.
func (o *others) unbind(r *remote) {
	for _, k := range r.keys {
		if o.byStatic[nameOf(k)] == r {
			delete(o.byStatic, nameOf(k))
		}
	}
}
