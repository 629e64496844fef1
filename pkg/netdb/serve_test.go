package netdb

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// TestGivenIsServed: a floodfill gives the RouterInfos that were given to it, and none that
// it has looked for; who is no floodfill gives none at all.
func TestGivenIsServed(t *testing.T) {
	f := newForge(t)
	for _, floodfill := range []bool{false, true} {
		db := newDB(Config{Floodfill: floodfill, SamePrefix: true})
		s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
		for src, given := range map[Source]bool{
			FromStore: true, FromVisitor: true, FromSession: true,
			FromReply: false, FromReseed: false, FromDisk: false, FromDiskSought: false, FromDiskTold: false,
		} {
			ri := f.router(t, routerConfig{})
			mustStore(t, db, src, ri)
			for _, kind := range []i2np.LookupKind{i2np.LookupRouterInfo, i2np.LookupAny} {
				r := s.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: ri.Hash(), From: i2p.Hash{5}, Kind: kind})
				if got, want := r.Store != nil, floodfill && given; got != want {
					t.Errorf("floodfill %v, from a %v, lookup %v: given %v, want %v", floodfill, src, kind, got, want)
				}
			}
		}
	}
}

func TestServe(t *testing.T) {
	f := newForge(t)
	own := f.router(t, routerConfig{caps: "XfR"})
	db := newDB(Config{Floodfill: true, Own: func() *routerinfo.RouterInfo { return own }})
	db.cfg.Self = own.Hash()
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	var plain []i2p.Hash
	for i := range 60 {
		c := routerConfig{}
		if i%2 == 0 {
			c.caps = "LR"
		}
		ri := f.router(t, c)
		mustStore(t, db, FromStore, ri)
		if i%2 == 0 {
			plain = append(plain, ri.Hash())
		}
	}
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	m := storeOf(set)
	m.ReplyToken = 1
	near := db.floodTargets(testTime, set.Hash(), true)
	st, out := s.HandleStore(testTime, Sender{Peer: near[0]}, m) // the last hop of a tunnel, which is a floodfill
	if !slices.Equal(out.Floods[0].To, near) {
		t.Errorf("flooded to %v, expected %v", out.Floods[0].To, near)
	}
	if st.Err != nil || len(out.Floods) != 1 || len(out.Floods[0].To) != floodTo || out.Floods[0].Message.ReplyToken != 0 {
		t.Fatalf("%+v %+v", st, out)
	}
	if _, out := s.HandleStore(testTime, Sender{Peer: i2p.Hash{6}}, m); len(out.Floods) != 0 {
		t.Fatal("flooded twice")
	}
	ask := func(key i2p.Hash, kind i2np.LookupKind, exclude ...i2p.Hash) *Reply {
		return s.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: key, From: i2p.Hash{5}, Kind: kind, Exclude: exclude})
	}
	if r := ask(set.Hash(), i2np.LookupLeaseSet); r.Store == nil || r.Store.Type != leaseset.TypeLeaseSet2 {
		t.Fatal("a stored lease set is not given")
	}
	if r := ask(set.Hash(), i2np.LookupRouterInfo); r.Store != nil {
		t.Fatal("a lease set for a RouterInfo lookup")
	}
	for _, key := range []i2p.Hash{own.Hash(), plain[3]} {
		r := ask(key, i2np.LookupRouterInfo)
		if r.Store == nil {
			t.Fatal("no RouterInfo")
		}
		if raw, err := i2np.DecompressRouterInfo(r.Store.Data, maxRouterInfo); err != nil || i2p.Hash(mustParse(t, raw).Hash()) != key {
			t.Fatal(err)
		}
	}
	near = ask(i2p.Hash{8}, i2np.LookupLeaseSet).Search.Peers
	if len(near) != replyHashes {
		t.Fatal(near)
	}
	for _, h := range ask(i2p.Hash{8}, i2np.LookupLeaseSet, near...).Search.Peers {
		if slices.Contains(near, h) {
			t.Fatal("names an excluded peer")
		}
	}
	for _, h := range ask(i2p.Hash{8}, i2np.LookupExploration).Search.Peers {
		if !slices.Contains(plain, h) {
			t.Fatal("exploration names a floodfill")
		}
	}
}

func TestFloodTargetsNearMidnight(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	for range 200 {
		mustStore(t, db, FromStore, f.router(t, routerConfig{}))
	}
	key := i2p.HashOf([]byte("key"))
	noon := db.floodTargets(testTime, key, false)
	late := db.floodTargets(testTime.Add(12*time.Hour-30*time.Minute), key, false)
	lateLS := db.floodTargets(testTime.Add(12*time.Hour-30*time.Minute), key, true)
	if len(noon) != 3 || len(late) < 4 || len(late) > 5 || len(lateLS) != 3 {
		t.Fatal(len(noon), len(late), len(lateLS))
	}
}

// TestLookupBudget: lookups from one peer are answered within a budget of bytes.
func TestLookupBudget(t *testing.T) {
	f := newForge(t)
	own := f.router(t, routerConfig{})
	db := newDB(Config{Floodfill: true, Own: func() *routerinfo.RouterInfo { return own }})
	for range 30 {
		mustStore(t, db, FromStore, f.router(t, routerConfig{caps: "LR"}))
	}
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	total := 0
	for i := range 10_000 {
		now := testTime.Add(time.Duration(i) * time.Millisecond)
		if r := s.HandleLookup(now, i2p.Hash{5}, i2np.DatabaseLookup{Key: i2p.Hash{byte(i), 1}, From: i2p.Hash{byte(i), byte(i >> 8)}, Kind: i2np.LookupExploration}); r != nil {
			total += len(r.AppendTo(nil))
		}
	}
	if limit := askerBurst + 10*askerRate; total > limit || total < limit/2 {
		t.Fatalf("%d bytes, budget %d", total, limit)
	}
	if r := s.HandleLookup(testTime.Add(10*time.Second), i2p.Hash{6}, i2np.DatabaseLookup{Key: i2p.Hash{1}, From: i2p.Hash{6}, Kind: i2np.LookupRouterInfo}); r == nil {
		t.Fatal("another peer gets no answer")
	}
}

// TestRepliesBudget: lookups from however many peers are answered within a budget of bytes.
func TestRepliesBudget(t *testing.T) {
	f := newForge(t)
	db := newDB(Config{})
	for range 3 {
		mustStore(t, db, FromStore, f.router(t, routerConfig{caps: "XfR"}))
	}
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	total := 0
	for i := range 60_000 { // 170 bytes for each
		from := i2p.Hash{7, byte(i), byte(i >> 8)}
		if r := s.HandleLookup(testTime, from, i2np.DatabaseLookup{Key: i2p.Hash{byte(i), 1}, From: from, Kind: i2np.LookupLeaseSet}); r != nil {
			total += len(r.AppendTo(nil))
		}
	}
	if total > repliesBurst || total < repliesBurst/2 {
		t.Fatalf("%d bytes, budget %d", total, repliesBurst)
	}
}

// TestAskersAreBounded: who asks under ever new names makes no more room for them,
// and drives out those that asked first.
func TestAskersAreBounded(t *testing.T) {
	s := NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)})
	a := &s.server.askers
	if !a.take(testTime, i2p.Hash{1}, askerBurst) || a.take(testTime, i2p.Hash{1}, 1) {
		t.Fatal("no budget")
	}
	for i := range 2 * askersTracked {
		a.take(testTime, i2p.Hash{2, byte(i), byte(i >> 8)}, 1)
	}
	if len(a.buckets) != askersTracked || len(a.order) != askersTracked || a.buckets[i2p.Hash{1}] != nil {
		t.Fatalf("%d askers are remembered", len(a.buckets))
	}
}
