package netdb

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// leaseSets are the lease sets of one segment.
type leaseSets struct {
	max  int
	sets map[i2p.Hash]heldSet
}

type heldSet struct {
	set leaseset.Record
	// stored: somebody stored it here over a session, so that a floodfill
	// may give it to whoever asks. What we asked for ourselves is not given.
	stored bool
}

func newLeaseSets(limit int) leaseSets {
	return leaseSets{max: limit, sets: make(map[i2p.Hash]heldSet)}
}

// store takes a lease set that is newer than the one held, once its signature
// and dates are checked.
func (t *leaseSets) store(now time.Time, set leaseset.Record, stored bool) (Change, error) {
	key := set.Hash()
	old, have := t.sets[key]
	if have && !newer(set, old.set) {
		if old.stored = old.stored || stored; stored {
			t.sets[key] = old
		}
		return Unchanged, nil
	}
	if err := set.Verify(now); err != nil {
		return Unchanged, fmt.Errorf("netdb: lease set %s: %w", key, err)
	}
	if !have && len(t.sets) >= t.max {
		t.evict(now)
	}
	t.sets[key] = heldSet{set, stored || old.stored}
	if have {
		return Updated, nil
	}
	return Added, nil
}

// newer compares two sets of one key. Sets of the first kind have no date of
// publication, so against others their ends are compared.
func newer(a, b leaseset.Record) bool {
	if a.StoreType() != b.StoreType() {
		return a.Expires() > b.Expires()
	}
	return a.Published() > b.Published()
}

// evict drops the expired ones, or else the eighth that ends soonest.
func (t *leaseSets) evict(now time.Time) {
	if t.expire(now) > 0 {
		return
	}
	keys := slices.Collect(maps.Keys(t.sets))
	slices.SortFunc(keys, func(a, b i2p.Hash) int {
		return cmp.Or(cmp.Compare(t.sets[a].set.Expires(), t.sets[b].set.Expires()), a.Compare(b))
	})
	for _, key := range keys[:max(1, len(keys)/8)] {
		delete(t.sets, key)
	}
}

func (t *leaseSets) expire(now time.Time) int {
	n := 0
	for key, h := range t.sets {
		if !h.set.Expires().Time().After(now) {
			delete(t.sets, key)
			n++
		}
	}
	return n
}

func (t *leaseSets) get(now time.Time, key i2p.Hash) leaseset.Record {
	if h, ok := t.sets[key]; ok && h.set.Expires().Time().After(now) {
		return h.set
	}
	return nil
}

// stored gives a lease set that may be given to others.
func (t *leaseSets) stored(now time.Time, key i2p.Hash) leaseset.Record {
	if !t.sets[key].stored {
		return nil
	}
	return t.get(now, key)
}
