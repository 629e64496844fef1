package client

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// ownSet is the lease set of the destination itself, and what is to become of it.
type ownSet struct {
	hash      i2p.Hash
	set       leaseset.Set    // nil: there is none, or one that names others in its place
	sealed    leaseset.Record // set as it is published
	daily     bool            // that is encrypted, with a key of its day
	dated     i2p.Date        // of the newest made
	stored    []byte          // set as a DatabaseStore message has it
	toPublish bool            // set is
	offered   bool            // a set was published
	confirmed bool            // a floodfill has one
	compared  bool            // with what the netDb has of a former life
	dirty     bool            // the leases changed since set was asked for
	changedAt time.Time       // the first of these changes
	missing   bool            // set was taken back: there must be another
	warned    time.Time       // when the owner was told that the key expires
	asked     time.Time       // when the keeper was, and has not answered; zero: it has
}

// stands reports that there is a lease set that a peer can use.
func (o *ownSet) stands(now time.Time) bool {
	return o.set != nil && o.set.Expires() > i2p.DateOf(now)
}

// names reports that what its owner made names others, and nobody is to reach the destination itself: a
// MetaLeaseSet has no leases and no keys (common structures, MetaLeaseSet).
func (o *ownSet) names() bool { return o.set == nil && o.sealed != nil }

// changed takes the leases that stand now.
func (o *ownSet) changed(now time.Time, leases []leaseset.Lease) {
	if o.dirty = o.missing || o.news(now, leases); o.dirty && o.changedAt.IsZero() {
		o.changedAt = now
	}
}

// outlived takes note of leases that are all others: then nobody finds us by what a floodfill has, until it has
// the next.
func (o *ownSet) outlived(leases []leaseset.Lease) {
	if o.set != nil && len(leases) > 0 && !slices.ContainsFunc(o.set.Leases(), func(l leaseset.Lease) bool { return hasLease(leases, l) }) {
		o.confirmed = false
	}
}

// news reports whether tunnels make another lease set worth making: a lease that
// has run out needs none.
func (o *ownSet) news(now time.Time, leases []leaseset.Lease) bool {
	if o.set == nil {
		return len(leases) > 0 && !o.names()
	}
	for _, l := range leases {
		if !hasLease(o.set.Leases(), l) {
			return true
		}
	}
	for _, l := range o.set.Leases() {
		if l.Expires.Time().Sub(now) > enoughLeft && !hasLease(leases, l) {
			return true
		}
	}
	return false
}

// keepPatience is how long a keeper's answer is waited for before it is asked again.
const keepPatience = time.Minute

// askAt is when the keeper is to be asked for a set with these leases; zero for never.
func (o *ownSet) askAt(now time.Time, leases []leaseset.Lease) (at time.Time) {
	switch {
	case len(leases) == 0:
		return time.Time{}
	case !o.asked.IsZero():
		return o.asked.Add(keepPatience)
	}
	if o.dirty {
		at = o.due(now, leases)
	}
	if o.daily {
		at = deadline.Earliest(at, nextDay(o.sealed.Published()))
	}
	if o.names() { // no change of tunnels has it made anew
		at = deadline.Earliest(at, o.renewNames())
	}
	return at
}

// renewNames is when a set that names others is to be made again: well before its end, and not at once where
// that is near.
func (o *ownSet) renewNames() time.Time {
	made, end := o.sealed.Published().Time(), o.sealed.Expires().Time()
	return made.Add(max(end.Sub(made)/2, leastNames))
}

// leastNames is how long a set that names others stays, however short its life.
const leastNames = time.Minute

// nextDay is when the next key of an encrypted lease set holds (Blinding Calculations: each day, UTC).
func nextDay(published i2p.Date) time.Time {
	return published.Time().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
}

// A lease set that still serves, with two leases that last, waits for more
// tunnels; one of whose tunnels has failed does not wait for long, as peers may be
// using it.
const (
	gatherMost = 5 * time.Minute
	gatherFew  = time.Second // while there is but one lease
	gatherLost = 250 * time.Millisecond
	enoughLeft = 2 * time.Minute
)

// due is when a changed lease set is to be made.
func (o *ownSet) due(now time.Time, leases []leaseset.Lease) time.Time {
	if o.set == nil || o.missing {
		return now
	}
	standing, lost := 0, false
	var first, second time.Duration // what the two longest have left
	for _, l := range o.set.Leases() {
		switch left := l.Expires.Time().Sub(now); {
		case left <= enoughLeft:
		case hasLease(leases, l):
			standing++
			second = max(second, min(first, left))
			first = max(first, left)
		default:
			lost = true
		}
	}
	switch {
	case standing == 0:
		return now
	case lost:
		return o.changedAt.Add(gatherLost)
	case standing == 1:
		return o.changedAt.Add(gatherFew)
	}
	return deadline.Earliest(o.changedAt.Add(gatherMost), now.Add(second-enoughLeft))
}

// severed reports that none of the leases stands that peers know of: nothing that they send arrives.
func (o *ownSet) severed(leases []leaseset.Lease) bool {
	return o.set != nil && !slices.ContainsFunc(o.set.Leases(), func(l leaseset.Lease) bool { return hasLease(leases, l) })
}

// ask notes that the keeper is asked now.
func (o *ownSet) ask(now time.Time) { o.dirty, o.changedAt, o.asked = false, time.Time{}, now }

// dateUnit is what the dates of lease sets are counted in: whole seconds.
const dateUnit = 1000

// next is the date of the next lease set: later than that of any before.
func (o *ownSet) next(now time.Time) i2p.Date {
	return max(i2p.DateOf(now), o.dated+dateUnit)
}

// outdone tells whether a lease set of the netDb's, which is not ours, would be kept in place
// of ours. Then there is to be a newer one.
func (o *ownSet) outdone(by leaseset.Record) bool {
	if by.Published() < o.dated || o.sealed == nil || bytes.Equal(by.Bytes(), o.sealed.Bytes()) {
		return false
	}
	o.dated = by.Published()
	o.renew(true)
	return true
}

// What is wrong with a lease set that somebody else has made.
var (
	errNotOurs     = errors.New("client: the lease set is another destination's")
	errNoKeys      = errors.New("client: not every key of the lease set is known")
	errOldSet      = errors.New("client: the lease set is no newer than the one before")
	errNotSealed   = errors.New("client: the lease set is to be published in encrypted form, and was not encrypted")
	errNotMeta     = errors.New("client: a lease set is to be published that names others, and was not made")
	errNamesNobody = errors.New("client: the lease set names nobody who serves now")
	errNotLeases   = errors.New("client: the lease set has leases that are not this destination's")
)

// check tells whether a lease set that was made elsewhere serves.
func (o *ownSet) check(now time.Time, want Wanted, kept Kept) error {
	set := kept.Set
	switch {
	case kept.Err != nil:
		return kept.Err
	case set == nil && kept.Meta != nil:
		return o.checkNames(now, want, kept)
	case set == nil || set.Hash() != o.hash:
		return errNotOurs
	case set.Published() <= o.dated:
		return errOldSet
	case want.Blinding.Own && (kept.Sealed == nil || kept.Sealed.Published() != set.Published()):
		return errNotSealed
	case len(want.Meta) > 0 && (kept.Meta == nil || kept.Meta.Hash() != o.hash || kept.Meta.Published() != set.Published()):
		return errNotMeta
	}
	for _, l := range set.Leases() {
		if !hasLease(want.Leases, l) {
			return errNotLeases
		}
	}
	if len(set.Leases()) == 0 {
		return errNoKeys
	}
	spoken := 0
	for _, k := range set.EncryptionKeys() {
		if !speaks(k.Type) {
			continue // who has no other type than such a one in common with us does not reach us
		}
		spoken++
		if !slices.ContainsFunc(kept.Keys, func(e EncryptionKey) bool {
			return e.Type == k.Type && bytes.Equal(e.public().Key, k.Key)
		}) {
			return fmt.Errorf("%w: type %d", errNoKeys, k.Type)
		}
	}
	if spoken == 0 {
		return errNoKeys
	}
	return set.Verify(now)
}

// checkNames is check for a set that names others, and none besides.
func (o *ownSet) checkNames(now time.Time, want Wanted, kept Kept) error {
	switch {
	case kept.Meta.Hash() != o.hash:
		return errNotOurs
	case kept.published().Published() <= o.dated:
		return errOldSet
	case want.Blinding.Own && kept.Sealed == nil:
		return errNotSealed
	case len(kept.Meta.Usable(now)) == 0:
		return errNamesNobody
	}
	return kept.Meta.Verify(now)
}

// take has another set from now on.
func (o *ownSet) take(k Kept, publish bool) {
	set := k.Set
	o.set, o.sealed, o.daily = set, k.published(), k.Sealed != nil
	o.toPublish, o.missing = publish, false
	if o.stored = nil; set == nil {
		return
	}
	o.stored = i2np.DatabaseStore{Key: o.hash, Type: set.StoreType(), Data: set.Bytes()}.AppendTo(nil)
}

// publish is the set that is to be published now; nil where there is none.
func (o *ownSet) publish() leaseset.Record {
	if !o.toPublish {
		return nil
	}
	o.toPublish, o.offered = false, true
	return o.sealed
}

// renew has another set made where the present one does not serve.
func (o *ownSet) renew(missing bool) {
	o.missing = o.missing || missing
	o.dirty = o.dirty || o.missing
}

// ending are the set's leases as they are to be once it was taken back.
func (o *ownSet) ending(now time.Time) []leaseset.Lease {
	if o.set == nil {
		return nil
	}
	end := i2p.DateOf(now.Add(withdrawnLife))
	leases := slices.Clone(o.set.Leases())
	for i := range leases {
		leases[i].Expires = min(leases[i].Expires, end)
	}
	return leases
}
