package netdb

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

func TestLookupFindsLeaseSet(t *testing.T) {
	w := clientWorld(t, Config{Profiles: profile.New(profile.Config{Rand: seeded(3)})})
	w.floodfills(newForge(t), 100)
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	for _, h := range w.seg.cfg.DB.closestFloodfills(testTime, set.Hash(), 3, nil) {
		w.flood[h].sets[set.Hash()] = set
	}
	id, out := w.seg.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet)
	if again, more := w.seg.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet); again != id || len(more.Queries) != 0 {
		t.Fatal("a second lookup of the same key")
	}
	w.take(out)
	w.run(time.Second)
	r := w.results[id]
	if r.Err != nil || r.LeaseSet == nil || r.LeaseSet.Hash() != set.Hash() || len(w.asked) != 2 {
		t.Fatalf("%+v, asked %d", r, len(w.asked))
	}
	// What nobody has is asked of ten floodfills, none twice, and reported.
	w.asked = nil
	id, out = w.seg.LookUp(w.now, i2p.HashOf([]byte("nothing")), i2np.LookupLeaseSet)
	w.take(out)
	w.run(20 * time.Second)
	if r := w.results[id]; !errors.Is(r.Err, ErrNotFound) || len(r.Trace) != maxQueries {
		t.Fatalf("%v after %d", r.Err, len(r.Trace))
	}
	seen := map[i2p.Hash]bool{}
	for _, h := range w.asked {
		if seen[h] {
			t.Fatal("one was asked twice")
		}
		seen[h] = true
	}
	if st := w.seg.Stats(); st.Active != 0 || st.Found != 1 || st.Failed != 1 {
		t.Fatalf("%+v", st)
	}
}

// TestLookupOfNobody: floodfills do not answer a lookup of a hash of zeros, so it is not asked, be it
// that of our own user or of a router that a floodfill names: those who are silent count as dead.
func TestLookupOfNobody(t *testing.T) {
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)}))
	known := w.floodfills(newForge(t), 3)
	for _, kind := range []i2np.LookupKind{i2np.LookupAny, i2np.LookupLeaseSet, i2np.LookupRouterInfo} {
		id, out := w.seg.LookUp(w.now, i2p.Hash{}, kind)
		if len(out.Queries) != 0 || len(out.Results) != 1 || out.Results[0].ID != id || !errors.Is(out.Results[0].Err, ErrNobodys) {
			t.Errorf("kind %d: %+v", kind, out)
		}
	}
	for _, h := range known {
		w.flood[h].names = []i2p.Hash{{}}
	}
	for _, kind := range []i2np.LookupKind{i2np.LookupExploration, i2np.LookupLeaseSet} {
		id, out := w.seg.LookUp(w.now, i2p.HashOf([]byte("nothing")), kind)
		w.take(out)
		w.run(time.Second)
		if r, ok := w.results[id]; !ok || len(r.Routers) != 0 || len(w.results) != int(id)-3 {
			t.Errorf("kind %d: it ended %v with %+v, one of %d", kind, ok, r, len(w.results))
		}
	}
}

// TestLookupNewer: floodfills that have an older lease set do not end a lookup
// for a newer one, and are what it comes to where nobody has that.
func TestLookupNewer(t *testing.T) {
	w := clientWorld(t, Config{})
	w.floodfills(newForge(t), 20)
	dest := newDestination(t, 4)
	old, fresh := leaseSetOf(t, dest, testTime.Add(-time.Minute)), leaseSetOf(t, dest, testTime)
	closest := w.seg.cfg.DB.closestFloodfills(testTime, old.Hash(), 4, nil)
	for _, h := range closest {
		w.flood[h].sets[old.Hash()] = old
	}
	id, out := w.seg.LookUpNewer(w.now, old.Hash(), old.Published())
	w.take(out)
	w.run(20 * time.Second)
	if r := w.results[id]; r.Err != nil || r.LeaseSet.Published() != old.Published() || r.Took > time.Second {
		t.Errorf("nobody has a newer one: %+v", r)
	}
	w.flood[closest[3]].sets[old.Hash()] = fresh
	id, out = w.seg.LookUpNewer(w.now, old.Hash(), old.Published())
	w.take(out)
	w.run(20 * time.Second)
	if r := w.results[id]; r.Err != nil || r.LeaseSet.Published() != fresh.Published() || r.Took > time.Second {
		t.Errorf("the fourth has a newer one: %+v", r)
	}
}

func TestLookupRetriesTheOnlyFloodfill(t *testing.T) {
	w := clientWorld(t, Config{SamePrefix: true})
	only := w.floodfills(newForge(t), 1)[0]
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	w.flood[only].sets[set.Hash()] = set
	lost := 0
	w.lose = func(i2p.Hash) bool { lost++; return lost <= 2 }
	id, out := w.seg.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet)
	w.take(out)
	w.run(10 * time.Second)
	if r, ok := w.results[id]; !ok || r.Err != nil || len(r.Trace) != 3 {
		t.Fatalf("%v %+v", ok, r)
	}
}

func TestLookupWithoutFloodfills(t *testing.T) {
	w := clientWorld(t, Config{})
	_, out := w.seg.LookUp(w.now, i2p.Hash{1}, i2np.LookupLeaseSet)
	if len(out.Results) != 1 || !errors.Is(out.Results[0].Err, ErrNoFloodfills) {
		t.Fatal(out)
	}
}

func TestLookupFollowsNames(t *testing.T) {
	f := newForge(t)
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	stranger := f.router(t, routerConfig{})

	// The router's own segment fetches what it is told of by itself.
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)}))
	known := w.floodfills(f, 2)
	w.flood[stranger.Hash()] = newFloodfill()
	w.flood[stranger.Hash()].sets[set.Hash()] = set
	for _, h := range known {
		w.flood[h].names = []i2p.Hash{stranger.Hash()}
		w.flood[h].routers[stranger.Hash()] = stranger
	}
	id, out := w.seg.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet)
	w.take(out)
	w.run(5 * time.Second)
	if r, ok := w.results[id]; !ok || r.Err != nil {
		t.Fatalf("%v %+v", ok, r)
	}

	// A destination's does too, and the router learns nothing of it.
	profiles := profile.New(profile.Config{Rand: seeded(3)})
	c := clientWorld(t, Config{Profiles: profiles})
	for _, h := range known {
		mustStore(t, c.seg.cfg.DB, FromReseed, w.seg.cfg.DB.Router(h))
	}
	c.flood = w.flood
	before := c.seg.cfg.DB.Stats()
	c.seg.cfg.DB.Drain(100)
	for range 2 {
		c.asked = nil
		id, out = c.seg.LookUp(c.now, set.Hash(), i2np.LookupLeaseSet)
		c.take(out)
		c.run(5 * time.Second)
		if r, ok := c.results[id]; !ok || r.Err != nil || !slices.Contains(c.asked, stranger.Hash()) {
			t.Fatalf("%v %+v", ok, r)
		}
	}
	if after := c.seg.cfg.DB.Stats(); after != before || c.seg.cfg.DB.Has(stranger.Hash()) {
		t.Errorf("the router's routers were %+v and are %+v", before, after)
	}
	if write, remove := c.seg.cfg.DB.Drain(100); len(write)+len(remove) != 0 {
		t.Errorf("%d files are written, %d removed", len(write), len(remove))
	}
	if profiles.Len() != 0 {
		t.Errorf("%d profiles of floodfills that a destination asked", profiles.Len())
	}
}

// TestPrivateRouterInfos: what a destination is told of is checked as all is, and
// taken only where its lookup asked for it.
func TestPrivateRouterInfos(t *testing.T) {
	f := newForge(t)
	c := clientWorld(t, Config{})
	c.floodfills(f, 2)
	good, foreign := f.router(t, routerConfig{}), f.router(t, routerConfig{netID: "3"})
	storeOf := func(ri *routerinfo.RouterInfo) i2np.DatabaseStore {
		return i2np.DatabaseStore{Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes())}
	}
	if st, _ := c.seg.HandleAnswer(testTime, i2p.Hash{}, storeOf(foreign)); !errors.Is(st.Err, ErrNetID) {
		t.Errorf("of another network: %v", st.Err)
	}
	if st, _ := c.seg.HandleStore(testTime, Sender{Peer: i2p.Hash{5}}, storeOf(good)); !errors.Is(st.Err, ErrKind) {
		t.Errorf("unasked: %v", st.Err)
	}
	if st, out := c.seg.HandleAnswer(testTime, i2p.Hash{}, storeOf(good)); st.Err != nil || st.RouterInfo != nil || len(out.Queries) != 0 || c.seg.cfg.DB.Has(good.Hash()) {
		t.Errorf("%+v, %+v", st, out)
	}
}

// TestSilentToADestination: a destination asks floodfills that do not answer it less,
// and its router goes on as before.
func TestSilentToADestination(t *testing.T) {
	db := newDB(Config{Profiles: profile.New(profile.Config{Rand: seeded(3)}), SamePrefix: true})
	c := newWorld(t, NewSegment(SegmentConfig{DB: db, Destination: true, Rand: seeded(2)}))
	c.floodfills(newForge(t), 10)
	key := i2p.HashOf([]byte("key"))
	closest := db.closestFloodfills(testTime, key, 1, nil)[0]
	c.flood[closest].silent = true
	for range 4 {
		c.asked = nil
		_, out := c.seg.LookUp(c.now, key, i2np.LookupLeaseSet)
		c.take(out)
		c.run(time.Minute)
	}
	if c.asked[0] == closest {
		t.Error("the destination still asks a silent floodfill first")
	}
	if first := newSearch(newWitness(db, false, nil), key).next(c.now); first.Hash() != closest {
		t.Error("the router has heard of it")
	}
}

func TestSearchRepliesAreNotTrusted(t *testing.T) {
	w := clientWorld(t, Config{})
	w.floodfills(newForge(t), 30)
	key := i2p.HashOf([]byte("x"))
	_, out := w.seg.LookUp(w.now, key, i2np.LookupLeaseSet)
	many := make([]i2p.Hash, 255)
	for i := range many {
		many[i] = i2p.HashOf([]byte{byte(i)})
	}
	if o := w.seg.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: key, Peers: many, From: i2p.Hash{9}}); len(o.Queries) != 0 {
		t.Fatal("a reply from one never asked is followed")
	}
	for len(out.Queries) > 0 {
		q := out.Queries[0]
		o := w.seg.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: q.Key, Peers: many, From: q.To.Hash()})
		out.Queries = append(out.Queries[1:], o.Queries...)
	}
	if fetched := w.seg.Stats().Lookups - 1; fetched == 0 || fetched > maxNeeds {
		t.Fatalf("%d RouterInfos were fetched", fetched)
	}
}

func TestExplore(t *testing.T) {
	f := newForge(t)
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2), Explore: true}))
	hidden := make([]*routerinfo.RouterInfo, 20)
	for i := range hidden {
		hidden[i] = f.router(t, routerConfig{caps: "LR"})
	}
	for _, h := range w.floodfills(f, 10) {
		for _, ri := range hidden {
			w.flood[h].names = append(w.flood[h].names, ri.Hash())
			w.flood[h].routers[ri.Hash()] = ri
		}
	}
	w.run(10 * time.Minute)
	found := 0
	for _, ri := range hidden {
		if w.seg.cfg.DB.Has(ri.Hash()) {
			found++
		}
	}
	if found < maxNamed {
		t.Fatalf("%d routers found by exploring", found)
	}
}

// TestExploreFromOne: a router that was given one other, a floodfill, soon knows those that it needs for tunnels, and other
// floodfills; and asks the one no more than it takes of anybody, where that is silent too.
func TestExploreFromOne(t *testing.T) {
	f := newForge(t)
	for _, silent := range []bool{false, true} {
		w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2), Explore: true}))
		h := w.floodfills(f, 1)[0]
		w.flood[h].silent = silent
		var all []i2p.Hash
		for i := range 8 {
			ri := f.router(t, routerConfig{caps: "LR"})
			if i%2 == 1 {
				ri = f.router(t, routerConfig{})
				w.flood[h].others = append(w.flood[h].others, ri.Hash())
			} else {
				w.flood[h].names = append(w.flood[h].names, ri.Hash())
			}
			w.flood[h].routers[ri.Hash()] = ri
			all = append(all, ri.Hash())
		}
		w.run(15 * time.Second)
		unknown := slices.DeleteFunc(all, w.seg.cfg.DB.Has)
		if !silent && len(unknown) > 0 {
			t.Errorf("%d of 8 routers are not known after 15 s, and %d questions", len(unknown), len(w.asked))
		}
		w.run(105 * time.Second)
		asked := 0
		for _, to := range w.asked {
			if to == h {
				asked++
			}
		}
		if asked > 60 { // Java's answers as many for two tunnels
			t.Errorf("silent: %v: %d questions to the one in two minutes", silent, asked)
		}
	}
}

func TestUnsent(t *testing.T) {
	p := profile.New(profile.Config{Rand: seeded(3)})
	w := clientWorld(t, Config{Profiles: p})
	w.floodfills(newForge(t), 30)
	id, out := w.seg.LookUp(w.now, i2p.Hash{1}, i2np.LookupLeaseSet)
	n := 0
	for len(out.Queries) > 0 {
		n++
		o := w.seg.QueryUnsent(w.now, out.Queries[0])
		out.Queries = append(out.Queries[1:], o.Queries...)
		w.take(Out{Results: o.Results})
	}
	if r := w.results[id]; !errors.Is(r.Err, ErrUnsent) || n != maxQueries {
		t.Fatalf("%v after %d", r.Err, n)
	}
	if p.Len() != 0 {
		t.Fatal("floodfills are blamed for what was never sent")
	}
}

func FuzzSearchReply(f *testing.F) {
	f.Add(i2np.DatabaseSearchReply{Key: i2p.Hash{1}, Peers: []i2p.Hash{{2}, {3}}, From: i2p.Hash{4}}.AppendTo(nil))
	w := clientWorld(f, Config{})
	w.floodfills(newForge(f), 5)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := i2np.ParseDatabaseSearchReply(b)
		if err != nil {
			return
		}
		s := NewSegment(SegmentConfig{DB: w.seg.cfg.DB, Destination: true, Rand: seeded(2)})
		_, out := s.LookUp(testTime, m.Key, i2np.LookupExploration)
		for _, q := range out.Queries {
			m.From = q.To.Hash()
			if s.HandleSearchReply(testTime, m); s.Stats().Lookups > 1+maxFound {
				t.Fatal("too many are fetched")
			}
		}
	})
}

// TestLookupsEndOnce: of two lookups whose time ends together, of which one waits
// for the other, each ends once.
func TestLookupsEndOnce(t *testing.T) {
	w := clientWorld(t, Config{})
	w.floodfills(newForge(t), 5)
	router := i2p.Hash{7}
	_, out := w.seg.LookUp(w.now, router, i2np.LookupRouterInfo)
	_, more := w.seg.LookUp(w.now, i2p.Hash{8}, i2np.LookupLeaseSet)
	if len(out.Queries) == 0 || len(more.Queries) == 0 {
		t.Fatal(out, more)
	}
	l := w.seg.lookups.list[1]
	l.named.awaited = []i2p.Hash{router}
	for len(l.trail) < maxQueries { // so that it has no more to ask
		l.trail = append(l.trail, l.trail[0])
	}
	w.take(w.seg.Tick(w.now.Add(lookupTimeout))) // fails where one ends twice
	if len(w.results) != 2 || w.seg.Stats().Failed != 2 {
		t.Fatalf("%+v", w.results)
	}
}

// TestLookupOfCrowd: a router that is not taken, for its addresses are crowded, is not
// asked for once more. What only claims to be its RouterInfo ends nothing.
func TestLookupOfCrowd(t *testing.T) {
	for _, forged := range []bool{false, true} {
		w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)}))
		f := newForge(t)
		w.floodfills(f, 20)
		db := w.seg.cfg.DB
		host := func(i int) string { return fmt.Sprintf("99.99.%d.1", i) }
		for i := range prefixMin + db.cfg.MaxRouters/prefixShare {
			db.StoreRouterInfo(testTime, FromReply, f.router(t, routerConfig{host: host(i)}))
		}
		ri := f.router(t, routerConfig{host: host(250)})
		if _, err := db.StoreRouterInfo(testTime, FromReply, ri); !errors.Is(err, ErrCrowded) {
			t.Fatal(err)
		}
		if forged {
			b := bytes.Clone(ri.Bytes())
			b[len(b)-1] ^= 1
			var err error
			if ri, err = routerinfo.Parse(b); err != nil {
				t.Fatal(err)
			}
		}
		w.seg.LookUp(w.now, ri.Hash(), i2np.LookupRouterInfo)
		_, out := w.seg.HandleAnswer(w.now, i2p.Hash{}, i2np.DatabaseStore{
			Key: ri.Hash(), Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes()),
		})
		if ended := len(out.Results) == 1 && out.Results[0].Err != nil; ended == forged || w.seg.Stats().Active == 1 != forged {
			t.Errorf("forged %v: %+v", forged, out.Results)
		}
	}
}

// TestToldIsHeardOf: one whom the router was only told of becomes one like others once
// its own lookups are told of it too.
func TestToldIsHeardOf(t *testing.T) {
	f := newForge(t)
	told := f.router(t, routerConfig{})
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)}))
	db := w.seg.cfg.DB
	for _, h := range w.floodfills(f, 2) {
		w.flood[h].names = []i2p.Hash{told.Hash()}
		w.flood[h].routers[told.Hash()] = told
	}
	mustStore(t, db, FromStore, told)
	w.flood[told.Hash()] = newFloodfill()
	_, out := w.seg.LookUp(w.now, i2p.HashOf([]byte("key")), i2np.LookupLeaseSet)
	w.take(out)
	w.run(5 * time.Second)
	if !db.records.heard(told.Hash()) || db.Find(told.Hash()).Flags&profile.Hearsay != 0 {
		t.Error("it is still hearsay")
	}
}

// TestItsOwnRouter: who names a destination's own router to it sees it be asked for as
// any other is.
func TestItsOwnRouter(t *testing.T) {
	f := newForge(t)
	suspect := f.router(t, routerConfig{})
	for _, own := range []bool{false, true} {
		cfg := Config{NetID: 2, Rand: seeded(1), Own: func() *routerinfo.RouterInfo { return suspect }}
		if own {
			cfg.Self = suspect.Hash()
		}
		w := newWorld(t, NewSegment(SegmentConfig{DB: New(cfg, testTime), Destination: true, Rand: seeded(2)}))
		for _, h := range w.floodfills(f, 2) {
			w.flood[h].names = []i2p.Hash{suspect.Hash()}
			w.flood[h].routers[suspect.Hash()] = suspect
		}
		_, out := w.seg.LookUp(w.now, i2p.HashOf([]byte("key")), i2np.LookupLeaseSet)
		w.take(out)
		w.run(5 * time.Second)
		if n := w.seg.Stats().Lookups; n != 2 {
			t.Errorf("its own %v: %d lookups, expected its own and one of the router that was named", own, n)
		}
	}
}
