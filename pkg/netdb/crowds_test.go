package netdb

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
)

// crowded is a world in which a crowd lies about the key of a destination's lease set: all have
// answered before, as those who forge routers may have them do.
func crowded(t *testing.T, cfg Config) (w *world, set i2p.Hash, crowd map[i2p.Hash]bool) {
	t.Helper()
	cfg.SamePrefix, cfg.Profiles = true, profile.New(profile.Config{Rand: seeded(3)})
	f, key := newForge(t), newDestination(t, 4).Destination().Hash()
	w = clientWorld(t, cfg)
	crowd = make(map[i2p.Hash]bool)
	for _, ri := range f.grind(t, RoutingKey(key, testTime), 8, 40) {
		mustStore(t, w.seg.cfg.DB, FromReseed, ri)
		w.flood[ri.Hash()] = newFloodfill()
		w.flood[ri.Hash()].swallow = true
		cfg.Profiles.Queried(testTime, ri.Hash(), true)
		crowd[ri.Hash()] = true
	}
	f.n = 1 << 22
	w.floodfills(f, 100)
	return w, key, crowd
}

// TestStoresBesideACrowd: floodfills that crowd about a key, and confirm all and keep nothing,
// are not all that get what is published under it, even if another of them has it when that is
// verified.
func TestStoresBesideACrowd(t *testing.T) {
	w, key, crowd := crowded(t, Config{})
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	for h := range crowd {
		w.flood[h].sets[key] = set
	}
	w.take(w.seg.PublishLeaseSet(w.now, set))
	w.run(time.Minute)
	n := 0
	for h, ff := range w.flood {
		if !crowd[h] && ff.sets[key] != nil {
			n++
		}
	}
	if n < besideCrowd+1 || len(w.stores) > 2*besideCrowd {
		t.Errorf("%d stores, and %d beside the crowd have it", len(w.stores), n)
	}
}

// TestFloodsBesideACrowd: what a floodfill passes on goes to some beside the crowd as well, and
// these it names to who asks; where there is no crowd it goes to three.
func TestFloodsBesideACrowd(t *testing.T) {
	w, key, crowd := crowded(t, Config{Floodfill: true})
	beside := func(all []i2p.Hash) (n int) {
		for _, h := range all {
			if !crowd[h] {
				n++
			}
		}
		return n
	}
	db := w.seg.cfg.DB
	if to := db.floodTargets(w.now, key, true); len(to) != 2*floodTo || beside(to) != floodTo {
		t.Errorf("passed on to %d, %d of them beside the crowd", len(to), beside(to))
	}
	server := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	r := server.HandleLookup(w.now, i2p.Hash{5}, i2np.DatabaseLookup{Key: key, From: i2p.Hash{5}, Kind: i2np.LookupLeaseSet})
	if got := r.Search.Peers; len(got) != 2*replyHashes || beside(got) != replyHashes {
		t.Errorf("%d are named, %d of them beside the crowd", len(got), beside(got))
	}
	if to := db.floodTargets(w.now, i2p.HashOf([]byte("another")), true); len(to) != floodTo {
		t.Errorf("without a crowd passed on to %d", len(to))
	}
}

// TestAsksBesideACrowd: every second one that is asked is not of the crowd, although all of
// that have answered before.
func TestAsksBesideACrowd(t *testing.T) {
	w, key, crowd := crowded(t, Config{})
	search := newSearch(newWitness(w.seg.cfg.DB, false, nil), key)
	n := 0
	for range maxQueries {
		if !crowd[search.next(w.now).Hash()] {
			n++
		}
	}
	if n != maxQueries/2 {
		t.Errorf("%d of %d that are asked are beside the crowd", n, maxQueries)
	}
}
