package netdb

import (
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// world is a network of floodfills as one segment sees it: each answers after
// a while, or never.
type world struct {
	tb       testing.TB
	now      time.Time
	seg      *Segment
	flood    map[i2p.Hash]*floodfill
	latency  time.Duration
	queue    []pending
	results  map[LookupID]Result
	asked    []i2p.Hash
	stores   []Store
	pubs     []Published
	deposits map[DepositID]Deposited
	renew    int
	lose     func(to i2p.Hash) bool
}

type floodfill struct {
	silent  bool
	routers map[i2p.Hash]*routerinfo.RouterInfo
	sets    map[i2p.Hash]leaseset.Record
	names   []i2p.Hash
	others  []i2p.Hash // floodfills, of which it tells who does not explore
	swallow bool       // confirms stores and keeps nothing
	got     int
}

type pending struct {
	at time.Time
	do func()
}

func newWorld(tb testing.TB, seg *Segment) *world {
	return &world{tb: tb, now: testTime, seg: seg, flood: make(map[i2p.Hash]*floodfill), latency: 300 * time.Millisecond, results: make(map[LookupID]Result), deposits: make(map[DepositID]Deposited)}
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
				for _, h := range w.seg.cfg.DB.floodTargets(w.now, st.Message.Key, true) {
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
	for _, d := range out.Deposited {
		w.deposits[d.ID] = d
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
		named := ff.names
		if q.Kind != i2np.LookupExploration {
			named = append(ff.others[:len(ff.others):len(ff.others)], named...)
		}
		w.take(w.seg.HandleSearchReply(w.now, i2np.DatabaseSearchReply{Key: q.Key, Peers: named, From: h}))
		return
	}
	_, out := w.seg.HandleAnswer(w.now, i2p.Hash{}, m)
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
