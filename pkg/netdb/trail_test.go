package netdb

import (
	"errors"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// TestTrailCredit: an entry is credited to a floodfill only where no other can
// have sent it.
func TestTrailCredit(t *testing.T) {
	a, b := i2p.Hash{1}, i2p.Hash{2}
	tr := trail{{Floodfill: a, At: testTime}, {Floodfill: b, At: testTime.Add(time.Second)}}
	now := testTime.Add(3 * time.Second)
	if tr.gave(now, i2p.Hash{}) || tr[0].Answer != NoAnswer || tr[1].Answer != NoAnswer {
		t.Fatal("one of two is credited")
	}
	if err := tr.failure(); !errors.Is(err, ErrNoAnswer) || !tr.waits(a) {
		t.Fatal(err)
	}
	tr.replied(now, a, 3, 2)
	if tr.waits(a) || tr[0].Peers != 3 || tr[0].New != 2 || tr[0].Took != 3*time.Second || !errors.Is(tr.failure(), ErrNotFound) {
		t.Fatalf("%+v, %v", tr[0], tr.failure())
	}
	if !tr.gave(now, i2p.Hash{}) || tr[1].Answer != Gave || tr[1].Took != 2*time.Second {
		t.Fatalf("%+v", tr[1])
	}
	if tr.gave(now, i2p.Hash{}) {
		t.Fatal("nobody was left to be credited")
	}
}

// TestTrailCreditOfKey: where the key of an answer tells who gave it, others that have not
// answered do not matter, and who was asked by somebody else takes no credit from them.
func TestTrailCreditOfKey(t *testing.T) {
	a, b := i2p.Hash{1}, i2p.Hash{2}
	now := testTime.Add(3 * time.Second)
	tr := trail{{Floodfill: a, At: testTime}, {Floodfill: b, At: testTime}, {Floodfill: a, At: testTime.Add(2 * time.Second)}}
	if tr.gave(now, i2p.Hash{3}) {
		t.Fatal("one of those who did not give it is credited")
	}
	if !tr.gave(now, a) || tr[2].Answer != Gave || tr[2].Took != time.Second || tr[1].Answer != NoAnswer || tr[0].Answer != NoAnswer {
		t.Fatalf("%+v", tr)
	}
	if !tr.gave(now, b) || tr[1].Answer != Gave {
		t.Fatalf("%+v", tr)
	}
}

// TestTrailUnsent: who was not asked after all cannot have sent the entry, and
// takes the credit from nobody who was.
func TestTrailUnsent(t *testing.T) {
	a, b := i2p.Hash{1}, i2p.Hash{2}
	tr := trail{{Floodfill: a, At: testTime}, {Floodfill: b, At: testTime}}
	tr.unsent(a)
	now := testTime.Add(time.Second)
	if !tr.gave(now, i2p.Hash{}) || tr[1].Answer != Gave || tr[0].Answer != NoAnswer {
		t.Fatalf("%+v", tr)
	}
	if tr.gave(now, i2p.Hash{}) || tr[0].Answer != NoAnswer {
		t.Fatalf("one that was never asked is credited: %+v", tr[0])
	}
	// Asked a second time in vain, it may still answer the first.
	tr = trail{{Floodfill: a, At: testTime}, {Floodfill: a, At: now}}
	if tr.unsent(a); !tr.waits(a) || tr[0].Unsent || !tr[1].Unsent {
		t.Fatalf("%+v", tr)
	}
	if tr.unsent(a); tr.waits(a) {
		t.Fatalf("neither was sent: %+v", tr)
	}
}

// TestTrailAgain: who is silent is asked once more, but not before its time and
// not for ever; who was never asked is not.
func TestTrailAgain(t *testing.T) {
	a, b := i2p.Hash{1}, i2p.Hash{2}
	tr := trail{{Floodfill: a, At: testTime}, {Floodfill: b, At: testTime}}
	now := testTime.Add(patience)
	if _, ok := tr.again(now.Add(-1), nil); ok || tr.fresh(now.Add(-1)) != 2 {
		t.Fatal("not given the time to answer")
	}
	tr.unsent(a)
	for n := 1; n < maxTimes; n++ {
		h, ok := tr.again(now, nil)
		if !ok || h != b || tr.fresh(now) != 0 {
			t.Fatalf("time %d: %v, %v", n, h, ok)
		}
		tr = append(tr, Asked{Floodfill: b, At: now})
		now = now.Add(patience)
	}
	if h, ok := tr.again(now, nil); ok {
		t.Fatalf("%v is asked without end", h)
	}
	c := trail{{Floodfill: a, At: testTime}, {Floodfill: a, At: testTime}, {Floodfill: b, At: testTime}}
	if h, ok := c.again(now, nil); !ok || h != b {
		t.Errorf("asked again is %v, which was asked more often", h)
	}
	if got := tr.floodfills(); !slices.Equal(got, []i2p.Hash{a, b}) {
		t.Fatal(got)
	}
	tr = tr[:1]
	if err := tr.failure(); !errors.Is(err, ErrUnsent) {
		t.Fatal(err)
	}
}
