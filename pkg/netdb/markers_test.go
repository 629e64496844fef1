package netdb

import (
	"slices"
	"testing"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// near makes a floodfill whose hash is among the closest to a key.
func (f *forge) near(t *testing.T, db *DB, key i2p.Hash) *entry {
	t.Helper()
	for {
		e := &entry{sum: *db.At(0)}
		f.n++
		e.sum.Hash = i2p.HashOf([]byte{byte(f.n), byte(f.n >> 8), byte(f.n >> 16)})
		if commonBits(e.sum.Hash, RoutingKey(key, testTime)) >= 10 {
			return e
		}
	}
}

// SECURITY 27: a floodfill that was named to a destination alone is looked up,
// and named to nobody, until others tell of it.
func TestSoughtIsNotNamed(t *testing.T) {
	f, key := newForge(t), i2p.HashOf([]byte("key"))
	for _, floodfill := range []bool{false, true} {
		for _, sought := range []Source{FromReply, FromDiskSought} {
			db := newDB(Config{Floodfill: floodfill, SamePrefix: true})
			for range 20 {
				mustStore(t, db, FromReseed, f.router(t, routerConfig{caps: "XfR"}))
			}
			s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
			marker := f.near(t, db, key)
			marker.came.add(sought)
			db.put(marker)
			named := func() bool {
				r := s.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: key, From: i2p.Hash{5}, Kind: i2np.LookupLeaseSet})
				return slices.Contains(r.Search.Peers, marker.sum.Hash)
			}
			if named() {
				t.Errorf("floodfill %v, from a %v: it is named", floodfill, sought)
			}
			if marker.came.add(FromStore); !named() {
				t.Errorf("floodfill %v, from a %v: it is not named although somebody stored it", floodfill, sought)
			}
		}
	}
}

// SECURITY 27: a floodfill that the router alone was told of is asked by none
// of its destinations, until others tell of it.
func TestToldIsNotAsked(t *testing.T) {
	f, key := newForge(t), i2p.HashOf([]byte("key"))
	for _, told := range []Source{FromStore, FromSession, FromDiskTold} {
		db := newDB(Config{SamePrefix: true})
		for range 20 {
			mustStore(t, db, FromReseed, f.router(t, routerConfig{caps: "XfR"}))
		}
		ri := f.router(t, routerConfig{caps: "XfR"})
		mustStore(t, db, told, ri)
		asked := func() (all int, it bool) {
			search := newSearch(db, key, true)
			for to := search.next(testTime); to != nil; to = search.next(testTime) {
				all++
				it = it || to.Hash() == ri.Hash()
			}
			return all, it
		}
		if all, it := asked(); all != 20 || it {
			t.Errorf("from a %v: %d were asked, and it: %v", told, all, it)
		}
		mustStore(t, db, FromReply, ri)
		if all, it := asked(); all != 21 || !it {
			t.Errorf("from a %v, and named by others: %d were asked, and it: %v", told, all, it)
		}
	}

	db := newDB(Config{SamePrefix: true})
	// Where there are no others, there is no choice.
	only := f.router(t, routerConfig{caps: "XfR"})
	mustStore(t, db, FromSession, only)
	if to := newSearch(db, key, true).next(testTime); to == nil {
		t.Error("without others nobody is asked")
	}
}
