package netdb

import (
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

func TestKeyMustMatch(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	ri := f.router(t, routerConfig{})
	m := i2np.DatabaseStore{Key: i2p.HashOf([]byte("other")), Data: i2np.CompressRouterInfo(ri.Bytes())}
	if st, _ := s.HandleStore(testTime, Sender{Peer: i2p.Hash{1}}, m); !errors.Is(st.Err, ErrKey) {
		t.Fatal(st.Err)
	}
	m.Key = ri.Hash()
	m.ReplyToken, m.ReplyTunnel, m.ReplyGateway = 7, 8, i2p.Hash{9}
	st, out := s.HandleStore(testTime, Sender{Peer: i2p.Hash{1}}, m)
	if st.Err != nil || st.Change != Added || len(out.Acks) != 1 || out.Acks[0] != (Ack{i2p.Hash{9}, 8, 7}) {
		t.Fatal(st, out)
	}
	if len(out.Floods) != 0 {
		t.Fatal("flooded without being a floodfill")
	}
	if _, out := s.HandleAnswer(testTime, i2p.Hash{}, m); len(out.Acks) != 0 {
		t.Fatal("the reply fields of a store that came down a tunnel were followed")
	}
}

// TestSegmentsAreApart: what came through a client tunnel is not given to direct lookups.
func TestSegmentsAreApart(t *testing.T) {
	f := newForge(t)
	for _, floodfill := range []bool{false, true} {
		db := newDB(Config{Floodfill: floodfill})
		for range 20 {
			mustStore(t, db, FromStore, f.router(t, routerConfig{}))
		}
		router := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
		client := NewSegment(SegmentConfig{DB: db, Rand: seeded(3), Destination: true})
		set := leaseSetOf(t, newDestination(t, 4), testTime)
		if st, _ := client.HandleAnswer(testTime, i2p.Hash{}, storeOf(set)); st.Err != nil || st.Change != Added {
			t.Fatal(st.Err)
		}
		ri := f.router(t, routerConfig{})
		st, _ := client.HandleAnswer(testTime, i2p.Hash{}, i2np.DatabaseStore{Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes())})
		if st.Err != nil || db.Has(ri.Hash()) {
			t.Fatalf("a RouterInfo sent to a destination is in the router's table, or not taken: %v", st.Err)
		}
		for _, kind := range []i2np.LookupKind{i2np.LookupLeaseSet, i2np.LookupAny} {
			ask := func(key i2p.Hash) *Reply {
				return router.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: key, From: i2p.Hash{5}, Kind: kind})
			}
			known, unknown := ask(set.Hash()), ask(i2p.HashOf([]byte("nothing")))
			if known == nil || known.Store != nil || len(known.Search.Peers) != len(unknown.Search.Peers) {
				t.Fatalf("a direct lookup tells that the lease set is here: %+v", known)
			}
		}
		if client.HandleLookup(testTime, i2p.Hash{}, i2np.DatabaseLookup{Key: set.Hash(), Kind: i2np.LookupLeaseSet}) != nil {
			t.Fatal("a destination answers lookups")
		}
		if client.LeaseSet(testTime, set.Hash()) == nil || router.LeaseSet(testTime, set.Hash()) != nil {
			t.Fatal("the lease set is not where it should be")
		}
		// Nor what the router looked up for itself.
		if st, _ := router.HandleAnswer(testTime, i2p.Hash{}, storeOf(set)); st.Err != nil {
			t.Fatal(st.Err)
		}
		r := router.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: set.Hash(), From: i2p.Hash{5}, Kind: i2np.LookupLeaseSet})
		if r.Store != nil {
			t.Fatal("what was looked up is given to others")
		}
	}
}

// TestBadLeaseSets: lease sets that are not to be taken.
func TestBadLeaseSets(t *testing.T) {
	db := newDB(Config{})
	s := NewSegment(SegmentConfig{DB: db, Destination: true, Rand: seeded(2), MaxLeaseSets: 50})
	keys := newDestination(t, 4)
	good := leaseSetOf(t, keys, testTime)
	flip := storeOf(good)
	flip.Data = append([]byte(nil), flip.Data...)
	flip.Data[len(flip.Data)-1] ^= 1
	wrongKey := storeOf(good)
	wrongKey.Key[0] ^= 1
	for name, tc := range map[string]struct {
		m    i2np.DatabaseStore
		want error
	}{
		"a year ahead":  {storeOf(leaseSetOf(t, keys, testTime.Add(365*24*time.Hour))), leaseset.ErrFuture},
		"expired":       {storeOf(leaseSetOf(t, keys, testTime.Add(-time.Hour))), leaseset.ErrExpired},
		"bad signature": {flip, leaseset.ErrSignature},
		"wrong key":     {wrongKey, ErrKey},
		"unknown kind":  {i2np.DatabaseStore{Key: i2p.Hash{1}, Type: 9}, ErrKind},
	} {
		if st, _ := s.HandleAnswer(testTime, i2p.Hash{}, tc.m); !errors.Is(st.Err, tc.want) {
			t.Errorf("%s: %v", name, st.Err)
		}
	}
	for _, destination := range []bool{false, true} {
		s := NewSegment(SegmentConfig{DB: db, Destination: destination, Rand: seeded(2)})
		if st, _ := s.HandleStore(testTime, Sender{Peer: i2p.Hash{6}}, storeOf(good)); !errors.Is(st.Err, ErrKind) || s.Stats().LeaseSets != 0 {
			t.Errorf("destination %v, one that nobody asked for: %v", destination, st.Err)
		}
	}
	if s.Stats().LeaseSets != 0 {
		t.Fatal("one of them is kept")
	}
	if st, _ := s.HandleAnswer(testTime, i2p.Hash{}, storeOf(good)); st.Change != Added {
		t.Fatal(st.Err)
	}
	if st, _ := s.HandleAnswer(testTime, i2p.Hash{}, storeOf(leaseSetOf(t, keys, testTime.Add(-time.Minute)))); st.Change != Unchanged || st.LeaseSet.Published() != good.Published() {
		t.Fatal("an older set replaced a newer one")
	}
	for i := range 60 {
		if st, _ := s.HandleAnswer(testTime, i2p.Hash{}, storeOf(leaseSetOf(t, newDestination(t, byte(100+i)), testTime))); st.Err != nil {
			t.Fatal(st.Err)
		}
	}
	if n := s.Stats().LeaseSets; n > 50 {
		t.Fatalf("%d lease sets, limit 50", n)
	}
	s.Tick(testTime.Add(time.Hour))
	if s.Stats().LeaseSets != 0 {
		t.Fatal("expired ones are kept")
	}
}

func FuzzHandleStore(f *testing.F) {
	fg := newForge(f)
	ri := fg.router(f, routerConfig{})
	f.Add(i2np.DatabaseStore{Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes())}.AppendTo(nil))
	set := leaseSetOf(f, newDestination(f, 4), testTime)
	f.Add(storeOf(set).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := i2np.ParseDatabaseStore(b)
		if err != nil {
			return
		}
		db := newDB(Config{Floodfill: true})
		router := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
		client := NewSegment(SegmentConfig{DB: db, Rand: seeded(2), Destination: true})
		for _, s := range []*Segment{router, client} {
			if st, _ := s.HandleStore(testTime, Sender{Peer: i2p.Hash{1}}, m); st.Err != nil && (st.RouterInfo != nil || st.LeaseSet != nil) {
				t.Fatal("an entry beside an error")
			}
		}
	})
}
