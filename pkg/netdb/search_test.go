package netdb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// siege is a key that nobody but forged floodfills lies close to.
type siege struct {
	set            leaseset.Record
	honest, forged []*routerinfo.RouterInfo
}

// against is a network of honest floodfills, of which the closest to the key have
// its lease set, and of forged ones: they answer only to name one another, or never.
func (s *siege) against(t *testing.T, proven, names bool) *world {
	t.Helper()
	p := profile.New(profile.Config{Rand: seeded(3)})
	w := clientWorld(t, Config{Profiles: p})
	db := w.seg.cfg.DB
	for i, ri := range s.honest {
		mustStore(t, db, FromReseed, ri)
		w.flood[ri.Hash()] = newFloodfill()
		if proven && i%3 == 0 {
			p.Queried(testTime, ri.Hash(), true)
		}
	}
	closest := db.closestFloodfills(testTime, s.set.Hash(), 3, nil)
	for _, h := range closest {
		w.flood[h].sets[s.set.Hash()] = s.set
	}
	if proven {
		p.Queried(testTime, closest[2], true)
	}
	in := 0
	for i, ri := range s.forged {
		if _, err := db.StoreRouterInfo(testTime, FromReply, ri); err == nil {
			in++
		}
		ff := newFloodfill()
		ff.silent = !names
		ff.names = []i2p.Hash{s.forged[(i+1)%1000].Hash(), s.forged[(i+2)%1000].Hash()}
		w.flood[ri.Hash()] = ff
	}
	if in < 900 {
		t.Fatalf("only %d of the forged are in: no attack", in)
	}
	return w
}

// TestEclipse: 1,000 forged floodfills closer to the key than any honest one.
func TestEclipse(t *testing.T) {
	f := newForge(t)
	s := siege{set: leaseSetOf(t, newDestination(t, 4), testTime)}
	s.forged = f.grind(t, RoutingKey(s.set.Hash(), testTime), 8, 1000)
	f.n = 1 << 22
	for range 200 {
		s.honest = append(s.honest, f.router(t, routerConfig{}))
	}
	for _, proven := range []bool{false, true} {
		for _, names := range []bool{false, true} {
			t.Run(fmt.Sprintf("proven=%v,names=%v", proven, names), func(t *testing.T) {
				w := s.against(t, proven, names)
				id, out := w.seg.LookUp(w.now, s.set.Hash(), i2np.LookupLeaseSet)
				w.take(out)
				w.run(lookupTimeout)
				r := w.results[id]
				if r.Err != nil {
					t.Fatalf("%v after %d queries", r.Err, len(r.Trace))
				}
				t.Logf("found after %d queries, %s", len(r.Trace), r.Took)

				// A publication gets past them too: those who keep nothing are
				// found out, and it lies where honest lookups ask.
				mine := leaseSetOf(t, newDestination(t, 4), testTime.Add(time.Second))
				for _, ri := range s.forged {
					w.flood[ri.Hash()].swallow = true
				}
				w.take(w.seg.PublishLeaseSet(w.now, mine))
				w.run(3 * time.Minute)
				n := 0
				for _, ri := range s.honest {
					if set := w.flood[ri.Hash()].sets[mine.Hash()]; set != nil && set.Published() == mine.Published() {
						n++
					}
				}
				if n == 0 {
					t.Fatal("no honest floodfill has what was published")
				}
			})
		}
	}
}

// TestFewOfACrowd: of those that crowd about a key, and have never served, two are asked.
func TestFewOfACrowd(t *testing.T) {
	f, key, db := newForge(t), i2p.HashOf([]byte("key")), newDB(Config{SamePrefix: true})
	crowd := make(map[i2p.Hash]bool)
	for _, ri := range f.grind(t, RoutingKey(key, testTime), 8, 40) {
		mustStore(t, db, FromReply, ri)
		crowd[ri.Hash()] = true
	}
	for range 200 {
		mustStore(t, db, FromReply, f.router(t, routerConfig{}))
	}
	search := newSearch(newWitness(db, false, nil), key)
	asked, of := 0, 0
	for to := search.next(testTime); to != nil; to = search.next(testTime) {
		if asked++; crowd[to.Hash()] {
			of++
		}
	}
	if of != crowdLimit || asked < 100 {
		t.Errorf("%d of a crowd are asked, of %d in all, want %d", of, asked, crowdLimit)
	}
}

// TestSearchAsksWhoServed: the second and the fourth asked are the closest of those that have
// served, however far from the key they are.
func TestSearchAsksWhoServed(t *testing.T) {
	f, key, db := newForge(t), i2p.HashOf([]byte("key")), newDB(Config{SamePrefix: true})
	var all []i2p.Hash
	for range 100 {
		ri := f.router(t, routerConfig{})
		mustStore(t, db, FromReply, ri)
		all = append(all, ri.Hash())
	}
	routingKey := RoutingKey(key, testTime)
	slices.SortFunc(all, func(a, b i2p.Hash) int {
		if closer(routingKey, a, b) {
			return -1
		}
		return 1
	})
	db.queried(testTime, all[98], true)
	db.queried(testTime, all[99], true)
	search := newSearch(newWitness(db, false, nil), key)
	for i, want := range []i2p.Hash{all[0], all[98], all[1], all[99], all[2]} {
		if to := search.next(testTime); to == nil || to.Hash() != want {
			t.Errorf("the router asked in turn %d is another than expected", i)
		}
	}
}

// TestSearchSpreads: as long as there are others, no two floodfills of one address range
// are asked in one search, however close to the key those of one owner lie.
func TestSearchSpreads(t *testing.T) {
	f, key := newForge(t), i2p.HashOf([]byte("key"))
	for _, hosts := range []string{"23.7.%d.1", "2a01:4f8:%x::1"} {
		db := newDB(Config{})
		owned := make(map[i2p.Hash]bool)
		for i, ri := range f.grind(t, RoutingKey(key, testTime), 2, 12) {
			id := ri.Identity().Bytes()
			ri = f.router(t, routerConfig{identity: id, host: fmt.Sprintf(hosts, i)})
			mustStore(t, db, FromReply, ri)
			owned[ri.Hash()] = true
		}
		for i := range 8 {
			mustStore(t, db, FromReply, f.router(t, routerConfig{host: fmt.Sprintf("%d.7.0.1", 50+i)}))
		}
		search := newSearch(newWitness(db, false, nil), key)
		var asked []bool
		for to := search.next(testTime); to != nil; to = search.next(testTime) {
			asked = append(asked, owned[to.Hash()])
		}
		n := 0
		for _, own := range asked[:9] {
			if own {
				n++
			}
		}
		if n != 1 || len(asked) != 20 {
			t.Errorf("%s: %d of the first nine asked are of one range, and %d are asked in all", hosts, n, len(asked))
		}
	}
}

// TestMaxFloodfills: however many there are, lookups go by a table that has a bound; in
// it those that are worth more have the place of others.
func TestMaxFloodfills(t *testing.T) {
	p := profile.New(profile.Config{Rand: seeded(3)})
	l := &liar{db: newDB(Config{Profiles: p}), rand: rand.New(rand.NewChaCha8([32]byte{7})), raw: make([]byte, 500)}
	add := func(n int, src Source, served bool) (all []i2p.Hash) {
		for range n {
			s := l.invent(0x000944)
			s.Flags |= profile.Floodfill
			if served {
				p.Reached(testTime, s.Hash, s.Hosts[0])
				p.Queried(testTime, s.Hash, true)
			}
			if err := l.offer(testTime, src, s); err != nil {
				t.Fatal(err)
			}
			all = append(all, s.Hash)
		}
		return all
	}
	seated := func(all []i2p.Hash) (n int) {
		for _, h := range all {
			if l.db.floodfills.has(h) {
				n++
			}
		}
		return n
	}
	proven := add(maxFloodfills/2, FromReply, true)
	sought := add(maxFloodfills, FromReply, false)
	told := add(100, FromStore, false)
	if got := [3]int{seated(proven), seated(sought), seated(told)}; got != [3]int{len(proven), maxFloodfills / 2, 0} {
		t.Errorf("proven, sought and told: %v", got)
	}
	// One that proves itself later gets its place then.
	late := add(1, FromReply, false)
	p.Queried(testTime, late[0], true)
	if p.Reached(testTime, late[0], l.db.Find(late[0]).Hosts[0]); seated(late) != 0 {
		t.Error("there is room for a newcomer")
	}
	if l.db.Proved(late[0]); seated(late) != 1 {
		t.Error("who is proven has no place")
	}
	more := add(maxFloodfills, FromReply, true)
	if l.db.floodfills.n != maxFloodfills {
		t.Errorf("%d floodfills, expected %d", l.db.floodfills.n, maxFloodfills)
	}
	// Those that are worth the least are looked for among some: a few may be missed.
	if got := [2]int{seated(proven), seated(sought)}; got[0] != len(proven) || got[1] > maxFloodfills/100 || seated(more) < maxFloodfills*48/100 {
		t.Errorf("proven and sought: %v, and %d proven since", got, seated(more))
	}
	if st := l.db.Stats(); st.Unseated == 0 || st.Displaced == 0 {
		t.Errorf("%+v", st)
	}
}

// TestSoughtIsNotNamed: a floodfill that was named to a destination alone is looked up,
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

// TestToldIsNotAsked: a floodfill that the router alone was told of is asked by none
// of its destinations, until others tell of it.
func TestToldIsNotAsked(t *testing.T) {
	f, key := newForge(t), i2p.HashOf([]byte("key"))
	for _, told := range []Source{FromStore, FromVisitor, FromSession, FromDiskTold} {
		db := newDB(Config{SamePrefix: true})
		for range 20 {
			mustStore(t, db, FromReseed, f.router(t, routerConfig{caps: "XfR"}))
		}
		ri := f.router(t, routerConfig{caps: "XfR"})
		mustStore(t, db, told, ri)
		asked := func() (all int, it bool) {
			search := newSearch(newWitness(db, true, draw.From(seeded(2))), key)
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
	if to := newSearch(newWitness(db, true, draw.From(seeded(2))), key).next(testTime); to == nil {
		t.Error("without others nobody is asked")
	}
}

// TestAsksAgainWhereItLies: an entry lies at the few floodfills closest to its key. Where the
// answers of all of these get lost they are asked once more before lookups go far, but those
// that have never answered have no claim to that.
func TestAsksAgainWhereItLies(t *testing.T) {
	p := profile.New(profile.Config{Rand: seeded(3)})
	w := clientWorld(t, Config{Profiles: p})
	for _, h := range w.floodfills(newForge(t), 60) {
		p.Queried(testTime, h, true)
	}
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	lost := make(map[i2p.Hash]bool)
	for _, h := range w.seg.cfg.DB.closestFloodfills(w.now, set.Hash(), replicas, nil) {
		w.flood[h].sets[set.Hash()] = set
		lost[h] = true
	}
	w.lose = func(to i2p.Hash) bool {
		lose := lost[to]
		delete(lost, to)
		return lose
	}
	id, out := w.seg.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet)
	w.take(out)
	w.run(lookupTimeout)
	if r := w.results[id]; r.Err != nil || len(r.Trace) > replicas+2 {
		t.Errorf("%v after %d questions", r.Err, len(r.Trace))
	}

	silent := clientWorld(t, Config{})
	for _, h := range silent.floodfills(newForge(t), 60) {
		silent.flood[h].silent = true
	}
	id, out = silent.seg.LookUp(silent.now, set.Hash(), i2np.LookupLeaseSet)
	silent.take(out)
	silent.run(lookupTimeout)
	if r := silent.results[id]; len(trail(r.Trace).floodfills()) != maxQueries {
		t.Errorf("%d questions to %d floodfills that never answer", len(r.Trace), len(trail(r.Trace).floodfills()))
	}
}
