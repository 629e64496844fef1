package netdb

import (
	"errors"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// TestTrace: a lookup tells of each floodfill what came of asking it, in that order, while it
// runs as at its end.
func TestTrace(t *testing.T) {
	s := NewSegment(SegmentConfig{DB: newDB(Config{SamePrefix: true}), Rand: seeded(2)})
	w := newWorld(t, s)
	all := w.floodfills(newForge(t), 4)
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	id, out := s.LookUp(w.now, set.Hash(), i2np.LookupLeaseSet)
	if len(out.Queries) != parallel {
		t.Fatalf("%d are asked", len(out.Queries))
	}
	var asked []i2p.Hash
	ask := func(out Out) {
		for _, q := range out.Queries {
			if q.ID == id {
				asked = append(asked, q.To.Hash())
			}
		}
	}
	ask(out)
	ask(s.QueryUnsent(w.now, out.Queries[0]))
	w.now = w.now.Add(time.Second)
	names := []i2p.Hash{all[0], {1}, {2}}
	ask(s.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: set.Hash(), Peers: names, From: asked[1]}))
	w.now = w.now.Add(patience)
	ask(s.Tick(w.now))
	if len(asked) != 6 { // the two that are silent, again
		t.Fatalf("%d are asked", len(asked))
	}
	at := testTime.Add(time.Second)
	want := []Asked{
		{Floodfill: asked[0], At: testTime, Unsent: true},
		{Floodfill: asked[1], At: testTime, Answer: Named, Took: time.Second, Peers: 3, New: 2},
		{Floodfill: asked[2], At: testTime},
		{Floodfill: asked[3], At: at},
	}
	r, ok := s.Progress(w.now, id)
	if !ok || r.Took != time.Second+patience || len(r.Trace) != 6 || !slices.Equal(r.Trace[:4], want) {
		t.Fatalf("under way for %v:\n%+v\nexpected\n%+v", r.Took, r.Trace, want)
	}
	if !r.Trace[2].Silent(w.now) || r.Trace[2].Silent(testTime.Add(patience-1)) || r.Trace[0].Silent(w.now) || r.Trace[1].Silent(w.now) {
		t.Error("who is silent")
	}
	s.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: set.Hash(), From: asked[2]})
	if r.Trace[2].Answer != NoAnswer {
		t.Error("what was told changes")
	}
	_, out = s.HandleAnswer(w.now, i2p.Hash{}, storeOf(set))
	i := slices.IndexFunc(out.Results, func(r Result) bool { return r.ID == id })
	if i < 0 || out.Results[i].Stored {
		t.Fatalf("%+v", out.Results)
	}
	if _, ok := s.Progress(w.now, id); ok {
		t.Error("it is under way after its end")
	}
}

// TestTraceStored: a router that no floodfill has is taken from our own store, and told so.
func TestTraceStored(t *testing.T) {
	f := newForge(t)
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)}))
	w.floodfills(f, 3)
	known := f.router(t, routerConfig{})
	mustStore(t, w.seg.cfg.DB, FromReseed, known)
	id, out := w.seg.LookUp(w.now, known.Hash(), i2np.LookupRouterInfo)
	w.take(out)
	w.run(20 * time.Second)
	if r := w.results[id]; r.Err != nil || r.RouterInfo == nil || !r.Stored || len(r.Trace) != 3 {
		t.Fatalf("%+v", r)
	}
}

// TestTraceOfAFloodfill: a floodfill that is alone gives the router what was stored at it, and
// nothing that it asked for once itself.
func TestTraceOfAFloodfill(t *testing.T) {
	f := newForge(t)
	s := NewSegment(SegmentConfig{DB: newDB(Config{Floodfill: true}), Rand: seeded(2)})
	stored, asked := leaseSetOf(t, newDestination(t, 4), testTime), leaseSetOf(t, newDestination(t, 5), testTime)
	if st, _ := s.HandleStore(testTime, Sender{Peer: f.router(t, routerConfig{}).Hash()}, storeOf(stored)); st.Err != nil {
		t.Fatal(st.Err)
	}
	if st, _ := s.HandleAnswer(testTime, i2p.Hash{}, storeOf(asked)); st.Err != nil {
		t.Fatal(st.Err)
	}
	_, out := s.LookUp(testTime, stored.Hash(), i2np.LookupLeaseSet)
	if len(out.Results) != 1 || out.Results[0].Err != nil || !out.Results[0].Stored || out.Results[0].LeaseSet.Hash() != stored.Hash() {
		t.Errorf("%+v", out.Results)
	}
	_, out = s.LookUp(testTime, asked.Hash(), i2np.LookupLeaseSet)
	if len(out.Results) != 1 || !errors.Is(out.Results[0].Err, ErrNoFloodfills) || out.Results[0].Stored {
		t.Errorf("%+v", out.Results)
	}
}

func TestSharedBits(t *testing.T) {
	for _, tc := range []struct {
		a, b i2p.Hash
		want int
	}{
		{i2p.Hash{0x80}, i2p.Hash{}, 0},
		{i2p.Hash{0xff, 0x10}, i2p.Hash{0xff, 0x18}, 12},
		{i2p.Hash{3}, i2p.Hash{3}, 256},
	} {
		if got := SharedBits(tc.a, tc.b); got != tc.want {
			t.Errorf("%x and %x: %d, expected %d", tc.a[:2], tc.b[:2], got, tc.want)
		}
	}
}
