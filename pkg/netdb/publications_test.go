package netdb

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
)

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

// TestPublishedAstray: a router that begins knows a few floodfills, and publishes at one that
// nobody asks for it. Once it knows those near its key it publishes there, and not each time
// that it sees to it.
func TestPublishedAstray(t *testing.T) {
	f := newForge(t)
	own := f.router(t, routerConfig{})
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{Self: own.Hash()}), Rand: seeded(2)}))
	w.floodfills(f, 2)
	w.take(w.seg.PublishRouterInfo(w.now, own))
	w.run(10 * time.Second)
	w.floodfills(f, 60)
	w.run(20 * time.Minute)
	closest := w.seg.cfg.DB.closestFloodfills(w.now, own.Hash(), replicas, nil)
	if n := len(w.stores); n != 2 || !slices.Contains(closest, w.stores[1].To.Hash()) || w.renew != 0 {
		t.Fatalf("%d stores, %d renewals", n, w.renew)
	}
	if w.run(25 * time.Minute); w.renew != 1 {
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

// TestOwnLookedUp: who looks for what he publishes himself is given what a floodfill has of it:
// another life of the destination may have published that.
func TestOwnLookedUp(t *testing.T) {
	w := clientWorld(t, Config{})
	w.floodfills(newForge(t), 30)
	keys := newDestination(t, 4)
	id, out := w.seg.LookUpNewer(w.now, keys.Destination().Hash(), i2p.DateOf(testTime)-1000)
	if len(out.Queries) == 0 {
		t.Fatal("nobody is asked")
	}
	w.seg.PublishLeaseSet(w.now, leaseSetOf(t, keys, testTime))
	other := leaseSetOf(t, keys, testTime.Add(time.Second))
	_, got := w.seg.HandleAnswer(w.now, i2p.Hash{}, storeOf(other))
	if len(got.Results) != 1 || got.Results[0].ID != id || got.Results[0].LeaseSet.Published() != other.Published() {
		t.Errorf("%+v", got.Results)
	}
	id, _ = w.seg.LookUpNewer(w.now, keys.Destination().Hash(), i2p.DateOf(testTime)-1000)
	forged := storeOf(leaseSetOf(t, keys, testTime.Add(time.Second)))
	forged.Data[len(forged.Data)-1] ^= 1
	if _, got := w.seg.HandleAnswer(w.now, i2p.Hash{}, forged); len(got.Results) > 0 {
		t.Errorf("lookup %d is given a forged one", id)
	}
}

// TestPublishBesideOneThatIsSilent: a lease set is tried at a second floodfill well before the first is given up; which of
// them confirms it, and whether the other does so later, is all the same. Of both no more are tried.
func TestPublishBesideOneThatIsSilent(t *testing.T) {
	for late := range 2 {
		w := clientWorld(t, Config{})
		w.floodfills(newForge(t), 30)
		set := leaseSetOf(t, newDestination(t, 4), testTime)
		first := w.seg.PublishLeaseSet(w.now, set).Stores[0]
		begun := w.now
		w.now = w.seg.Deadline()
		out := w.seg.Tick(w.now)
		if len(out.Stores) != 1 || w.now.Sub(begun) != patience || out.Stores[0].To.Hash() == first.To.Hash() {
			t.Fatalf("after %v: %+v", w.now.Sub(begun), out.Stores)
		}
		tokens := [2]uint32{first.Message.ReplyToken, out.Stores[0].Message.ReplyToken}
		confirmed := w.seg.HandleDeliveryStatus(w.now, tokens[1-late])
		again := w.seg.HandleDeliveryStatus(w.now.Add(time.Second), tokens[late])
		if len(confirmed.Published) != 1 || !confirmed.Published[0].Confirmed || len(again.Published)+len(again.Stores) != 0 {
			t.Errorf("%+v, %+v", confirmed.Published, again)
		}
		for w.now.Before(begun.Add(9 * time.Second)) {
			if w.now = w.seg.Deadline(); len(w.seg.Tick(w.now).Stores) > 0 {
				t.Error("it was stored again")
			}
		}
	}
}
