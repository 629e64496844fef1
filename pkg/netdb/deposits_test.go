package netdb

import (
	"errors"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
)

// TestDeposit: an entry of somebody else is stored at as many floodfills as were asked for,
// past one that is silent and one that cannot be reached; then others have it.
func TestDeposit(t *testing.T) {
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(3)}))
	w.floodfills(newForge(t), 30)
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	closest := w.seg.cfg.DB.closestFloodfills(testTime, set.Hash(), 2, nil)
	w.flood[closest[0]].silent = true
	id, out := w.seg.DepositLeaseSet(w.now, set, 1)
	w.take(out)
	w.run(30 * time.Second)
	d, ok := w.deposits[id]
	if !ok || d.Err != nil || len(d.At) != 1 || slices.Contains(d.At, closest[0]) || len(d.Trace) != 2 {
		t.Fatalf("%+v", d)
	}
	for _, a := range d.Trace {
		if (a.Floodfill == closest[0]) != (a.Answer == NoAnswer) || a.Answer == Gave && a.Took != w.latency {
			t.Errorf("%+v", a)
		}
	}
	for _, st := range w.stores {
		if !st.Foreign || st.Message.ReplyToken == 0 {
			t.Errorf("it is stored as our own: %+v", st)
		}
	}
	w.asked = nil
	look, out := w.seg.LookUpElsewhere(w.now, set.Hash(), i2np.LookupLeaseSet, d.At)
	w.take(out)
	w.run(20 * time.Second)
	if r := w.results[look]; r.Err != nil || r.Stored {
		t.Errorf("%+v", r)
	}
	for _, h := range w.asked {
		if slices.Contains(d.At, h) {
			t.Error("who has confirmed it is asked for it")
		}
	}
	if w.run(time.Hour); len(w.stores) != 2 {
		t.Error("it is stored again, as if it were ours")
	}
}

// TestDepositFails: why nobody has it is told, and there are not many at once.
func TestDepositFails(t *testing.T) {
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	w := newWorld(t, NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(3)}))
	id, out := w.seg.DepositLeaseSet(w.now, set, 3)
	if w.take(out); !errors.Is(w.deposits[id].Err, ErrNoFloodfills) {
		t.Errorf("%+v", w.deposits[id])
	}
	for _, h := range w.floodfills(newForge(t), 5) {
		w.flood[h].silent = true
	}
	var ids []DepositID
	for range maxDeposits + 1 {
		id, out = w.seg.DepositLeaseSet(w.now, set, 3)
		w.take(out)
		ids = append(ids, id)
	}
	if !errors.Is(w.deposits[id].Err, ErrBusy) {
		t.Errorf("%+v", w.deposits[id])
	}
	w.run(time.Minute)
	if d := w.deposits[ids[0]]; !errors.Is(d.Err, ErrNoAnswer) || len(d.Trace) != 5 {
		t.Errorf("%+v", d)
	}
	id, out = w.seg.DepositLeaseSet(w.now, set, 3)
	for len(out.Stores) > 0 {
		st := out.Stores[0]
		out = w.seg.StoreUnsent(w.now, st)
		w.take(Out{Deposited: out.Deposited})
	}
	if d := w.deposits[id]; !errors.Is(d.Err, ErrUnsent) {
		t.Errorf("%+v", d)
	}
}
