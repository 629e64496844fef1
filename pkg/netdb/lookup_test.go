package netdb

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// world is a network of floodfills as one segment sees it: each answers after
// a while, or never.
type world struct {
	tb      testing.TB
	now     time.Time
	seg     *Segment
	flood   map[i2p.Hash]*floodfill
	latency time.Duration
	queue   []pending
	results map[LookupID]Result
	asked   []i2p.Hash
	stores  []Store
	pubs    []Published
	renew   int
	lose    func(to i2p.Hash) bool
}

type floodfill struct {
	silent  bool
	routers map[i2p.Hash]*routerinfo.RouterInfo
	sets    map[i2p.Hash]leaseset.Record
	names   []i2p.Hash
	swallow bool // confirms stores and keeps nothing
	got     int
}

type pending struct {
	at time.Time
	do func()
}

func newWorld(tb testing.TB, seg *Segment) *world {
	return &world{tb: tb, now: testTime, seg: seg, flood: make(map[i2p.Hash]*floodfill), latency: 300 * time.Millisecond, results: make(map[LookupID]Result)}
}

// take does what the segment wants.
func (w *world) take(out Out) {
	for _, q := range out.Queries {
		w.asked = append(w.asked, q.To.Hash())
		w.later(func() { w.answer(q) })
	}
	for _, st := range out.Stores {
		w.stores = append(w.stores, st)
		w.later(func() {
			ff := w.flood[st.To.Hash()]
			if ff == nil || ff.silent {
				return
			}
			ff.got++
			if !ff.swallow && st.Message.Type != i2np.StoreRouterInfo {
				set, err := leaseset.Parse(st.Message.Type, st.Message.Data)
				if err != nil {
					w.tb.Fatal(err)
				}
				for _, h := range w.seg.cfg.DB.floodTargets(w.now, st.Message.Key, true, i2p.Hash{}) {
					if o := w.flood[h]; o != nil && !o.swallow && !o.silent {
						o.sets[st.Message.Key] = set
					}
				}
				ff.sets[st.Message.Key] = set
			}
			w.take(w.seg.HandleDeliveryStatus(w.now, st.Message.ReplyToken))
		})
	}
	for _, r := range out.Results {
		if _, twice := w.results[r.ID]; twice {
			w.tb.Fatal("a lookup ended twice")
		}
		w.results[r.ID] = r
	}
	w.pubs = append(w.pubs, out.Published...)
	w.renew += len(out.Renew)
}

func (w *world) later(do func()) { w.queue = append(w.queue, pending{w.now.Add(w.latency), do}) }

func (w *world) answer(q Query) {
	h := q.To.Hash()
	ff := w.flood[h]
	if ff == nil || ff.silent || (w.lose != nil && w.lose(h)) {
		return
	}
	var m i2np.DatabaseStore
	switch {
	case q.Kind == i2np.LookupRouterInfo && ff.routers[q.Key] != nil:
		m = i2np.DatabaseStore{Key: q.Key, Data: i2np.CompressRouterInfo(ff.routers[q.Key].Bytes())}
	case q.Kind == i2np.LookupLeaseSet && ff.sets[q.Key] != nil:
		m = storeOf(ff.sets[q.Key])
	default:
		w.take(w.seg.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: q.Key, Peers: ff.names, From: h}))
		return
	}
	_, out := w.seg.HandleAnswer(w.now, m)
	w.take(out)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := w.seg.Deadline()
		if next.IsZero() || next.Before(w.now) {
			next = w.now
		}
		for _, p := range w.queue {
			if p.at.Before(next) {
				next = p.at
			}
		}
		if next.After(end) {
			w.now = end
			return
		}
		w.now = next
		queue := w.queue
		w.queue = nil
		idle := true
		for _, p := range queue {
			if p.at.After(w.now) {
				w.queue = append(w.queue, p)
				continue
			}
			idle = false
			p.do()
		}
		w.take(w.seg.Tick(w.now))
		if d := w.seg.Deadline(); idle && !d.IsZero() && !d.After(w.now) {
			w.tb.Fatalf("the deadline %s stays in the past of %s", d, w.now)
		}
	}
}

// floodfills makes some, known to the DB.
func (w *world) floodfills(f *forge, n int) []i2p.Hash {
	var out []i2p.Hash
	for range n {
		ri := f.router(w.tb, routerConfig{})
		mustStore(w.tb, w.seg.cfg.DB, FromReseed, ri)
		w.flood[ri.Hash()] = newFloodfill()
		out = append(out, ri.Hash())
	}
	return out
}

func newFloodfill() *floodfill {
	return &floodfill{routers: make(map[i2p.Hash]*routerinfo.RouterInfo), sets: make(map[i2p.Hash]leaseset.Record)}
}

func clientWorld(tb testing.TB, cfg Config) *world {
	return newWorld(tb, NewSegment(SegmentConfig{DB: newDB(cfg), Destination: true, Rand: seeded(2)}))
}

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

	// A destination's asks the shell for it.
	c := clientWorld(t, Config{})
	for _, h := range known {
		mustStore(t, c.seg.cfg.DB, FromReseed, w.seg.cfg.DB.Router(h))
	}
	_, out = c.seg.LookUp(c.now, set.Hash(), i2np.LookupLeaseSet)
	if len(out.Queries) != 2 {
		t.Fatal(out)
	}
	out = c.seg.HandleSearchReply(c.now, i2np.DatabaseSearchReply{Key: set.Hash(), Peers: []i2p.Hash{stranger.Hash()}, From: out.Queries[0].To.Hash()})
	if len(out.Needs) != 1 || out.Needs[0].Router != stranger.Hash() {
		t.Fatal(out)
	}
	mustStore(t, c.seg.cfg.DB, FromReply, stranger)
	if out = c.seg.FetchEnded(c.now, stranger.Hash()); len(out.Queries) != 1 || out.Queries[0].To.Hash() != stranger.Hash() {
		t.Fatal(out)
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
	if o := w.seg.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: key, Peers: many, From: i2p.Hash{9}}); len(o.Needs)+len(o.Queries) != 0 {
		t.Fatal("a reply from one never asked is followed")
	}
	needs := 0
	for len(out.Queries) > 0 {
		o := w.seg.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: key, Peers: many, From: out.Queries[0].To.Hash()})
		out.Queries = append(out.Queries[1:], o.Queries...)
		needs += len(o.Needs)
	}
	if needs > maxNeeds {
		t.Fatalf("%d RouterInfos to be fetched", needs)
	}
}

// grind makes routers that share bits with a key: the padding is free to choose.
func (f *forge) grind(tb testing.TB, near i2p.Hash, bits, n int) []*routerinfo.RouterInfo {
	var out []*routerinfo.RouterInfo
	for len(out) < n {
		id := f.identity()
		if commonBits(i2p.HashOf(id), near) >= bits {
			out = append(out, f.router(tb, routerConfig{identity: id}))
		}
	}
	return out
}

// SECURITY 3: 1,000 forged floodfills closer to the key than any honest one.
func TestEclipse(t *testing.T) {
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	f := newForge(t)
	honestForge := newForge(t)
	honestForge.n = 1 << 22
	forged := f.grind(t, RoutingKey(set.Hash(), testTime), 8, 1000)
	for _, proven := range []bool{false, true} {
		for _, names := range []bool{false, true} {
			t.Run(fmt.Sprintf("proven=%v,names=%v", proven, names), func(t *testing.T) {
				p := profile.New(profile.Config{Rand: seeded(3)})
				w := clientWorld(t, Config{Profiles: p})
				db := w.seg.cfg.DB
				honest := w.floodfills(honestForge, 200)
				closest := db.closestFloodfills(testTime, set.Hash(), 3, nil)
				for _, h := range closest {
					w.flood[h].sets[set.Hash()] = set
				}
				if proven {
					for i, h := range honest {
						if i%3 == 0 {
							p.Connected(testTime, h)
						}
					}
					p.Connected(testTime, closest[2])
				}
				in := 0
				for i, ri := range forged {
					if _, err := db.StoreRouterInfo(testTime, FromReply, ri); err == nil {
						in++
					}
					ff := newFloodfill() // they answer, but only to name one another
					ff.silent = !names
					ff.names = []i2p.Hash{forged[(i+1)%1000].Hash(), forged[(i+2)%1000].Hash()}
					w.flood[ri.Hash()] = ff
				}
				if in < 900 {
					t.Fatalf("only %d of the forged are in: no attack", in)
				}
				id, out := w.seg.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet)
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
				for _, ri := range forged {
					w.flood[ri.Hash()].swallow = true
				}
				w.take(w.seg.PublishLeaseSet(w.now, mine))
				w.run(3 * time.Minute)
				n := 0
				for _, h := range honest {
					if w.flood[h].sets[mine.Hash()] == leaseset.Record(mine) || (w.flood[h].sets[mine.Hash()] != nil && w.flood[h].sets[mine.Hash()].Published() == mine.Published()) {
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

func TestNoCrowdByChance(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	for range 500 {
		mustStore(t, db, FromReseed, f.router(t, routerConfig{}))
	}
	crowds := 0
	for i := range 2000 {
		if db.floodfills.crowdAt(i2p.HashOf([]byte{byte(i), byte(i >> 8)})) <= 256 {
			crowds++
		}
	}
	if crowds > 20 {
		t.Fatalf("%d of 2000 keys look crowded among honest floodfills", crowds)
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

func TestPublishRouterInfo(t *testing.T) {
	f := newForge(t)
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)}))
	own := f.router(t, routerConfig{})
	w.seg.cfg.DB.cfg.Self = own.Hash()
	all := w.floodfills(f, 10)
	first := w.seg.cfg.DB.closestFloodfills(w.now, own.Hash(), 1, nil)[0]
	w.flood[first].silent = true
	w.take(w.seg.PublishRouterInfo(w.now, own))
	w.run(20 * time.Second)
	if len(w.stores) != 2 || w.stores[0].To.Hash() != first || w.stores[0].Message.ReplyToken == w.stores[1].Message.ReplyToken {
		t.Fatalf("%d stores to %d floodfills", len(w.stores), len(all))
	}
	if len(w.pubs) != 1 || !w.pubs[0].Confirmed || w.renew != 0 || len(w.asked) != 0 {
		t.Fatalf("%+v, %d lookups", w.pubs, len(w.asked))
	}
	w.run(45 * time.Minute)
	if w.renew != 1 {
		t.Fatalf("%d renewals in 45 minutes", w.renew)
	}
}

func TestPublishLeaseSetIsVerified(t *testing.T) {
	w := clientWorld(t, Config{})
	w.floodfills(newForge(t), 30)
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	w.take(w.seg.PublishLeaseSet(w.now, set))
	w.run(time.Minute)
	if len(w.stores) != 1 || len(w.asked) != 1 || w.asked[0] == w.stores[0].To.Hash() {
		t.Fatalf("%d stores, %d checks", len(w.stores), len(w.asked))
	}
	if last := w.pubs[len(w.pubs)-1]; !last.Verified {
		t.Fatalf("%+v", w.pubs)
	}
	if w.seg.LeaseSet(w.now, set.Hash()) != nil {
		t.Fatal("our own lease set is among those of others")
	}
	// One that swallows it is found out.
	w.stores, w.asked, w.pubs = nil, nil, nil
	newer := leaseSetOf(t, newDestination(t, 4), testTime.Add(time.Minute))
	first := w.seg.cfg.DB.closestFloodfills(w.now, set.Hash(), 1, nil)[0]
	w.flood[first].swallow = true
	w.take(w.seg.PublishLeaseSet(w.now, newer))
	w.run(2 * time.Minute)
	if len(w.stores) < 2 || !w.pubs[len(w.pubs)-1].Verified {
		t.Fatalf("%d stores, %+v", len(w.stores), w.pubs)
	}
}

func TestPublishWaitsForFloodfills(t *testing.T) {
	f := newForge(t)
	w := clientWorld(t, Config{SamePrefix: true})
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	w.take(w.seg.PublishLeaseSet(w.now, set))
	w.run(10 * time.Second)
	if len(w.pubs) == 0 || w.pubs[0].Err == nil {
		t.Fatal(w.pubs)
	}
	w.floodfills(f, 1)
	w.run(30 * time.Second)
	if last := w.pubs[len(w.pubs)-1]; !last.Confirmed || len(w.stores) != 1 {
		t.Fatalf("%+v", w.pubs)
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

// A verification that cannot be sent, for want of tunnels, asks for nothing at
// once: whoever sends what it is given would never come to an end.
func TestVerificationUnsent(t *testing.T) {
	p := profile.New(profile.Config{Rand: seeded(3)})
	w := clientWorld(t, Config{Profiles: p})
	w.floodfills(newForge(t), 30)
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	st := w.seg.PublishLeaseSet(w.now, set).Stores[0]
	w.seg.HandleDeliveryStatus(w.now, st.Message.ReplyToken)
	known := p.Len()
	for range 5 {
		w.now = w.seg.Deadline()
		out := w.seg.Tick(w.now)
		if len(out.Queries) != 1 || !out.Queries[0].Verify || out.Queries[0].To.Hash() == st.To.Hash() {
			t.Fatalf("%+v", out)
		}
		if more := w.seg.QueryUnsent(w.now, out.Queries[0]); len(more.Queries)+len(more.Stores) > 0 || !w.seg.Deadline().After(w.now) {
			t.Fatalf("it is not waited: %+v", more)
		}
	}
	if p.Len() != known {
		t.Error("floodfills are blamed for what was never sent")
	}
	w.run(time.Minute)
	if len(w.pubs) == 0 || !w.pubs[len(w.pubs)-1].Verified {
		t.Fatalf("%+v", w.pubs)
	}
}

func TestDeterministic(t *testing.T) {
	run := func() string {
		f := newForge(t)
		w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2), Explore: true}))
		for i, h := range w.floodfills(f, 40) {
			w.flood[h].silent = i%4 == 0
			w.flood[h].names = w.seg.cfg.DB.Hashes()[:3]
		}
		w.take(w.seg.PublishLeaseSet(w.now, leaseSetOf(t, newDestination(t, 4), testTime)))
		w.run(15 * time.Minute)
		return fmt.Sprint(w.asked, len(w.stores), w.pubs)
	}
	if a, b := run(), run(); a != b {
		t.Fatal("two runs under one seed differ")
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
			if o := s.HandleSearchReply(testTime, m); len(o.Needs) > maxFound {
				t.Fatal("too many needs")
			}
		}
	})
}
