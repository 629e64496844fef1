package netdb

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// floodfillSegment is a floodfill's own segment, which knows others.
func floodfillSegment(t *testing.T, f *forge) *Segment {
	t.Helper()
	db := newDB(Config{Floodfill: true})
	for range 10 {
		mustStore(t, db, FromReseed, f.router(t, routerConfig{}))
	}
	return NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
}

func storeOfRouter(ri *routerinfo.RouterInfo, token uint32) i2np.DatabaseStore {
	return i2np.DatabaseStore{Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes()), ReplyToken: token, ReplyGateway: ri.Hash()}
}

// TestFloodsWhatASessionBrought: a router that dials a floodfill to publish has introduced
// itself in the handshake. What it then stores is flooded all the same, and once.
func TestFloodsWhatASessionBrought(t *testing.T) {
	f := newForge(t)
	s := floodfillSegment(t, f)
	ri := f.router(t, routerConfig{})
	by := Sender{Peer: ri.Hash()}
	if st, out := s.HandleGreeting(testTime, by, ri, false); st.Err != nil || len(out.Floods) != 0 {
		t.Fatalf("a greeting is flooded, or refused: %v", st.Err)
	}
	if _, out := s.HandleStore(testTime, by, storeOfRouter(ri, 1)); len(out.Floods) != 1 || len(out.Acks) != 1 {
		t.Fatalf("what is known from its session is stored and not flooded: %+v", out)
	}
	if _, out := s.HandleStore(testTime, by, storeOfRouter(ri, 2)); len(out.Floods) != 0 || len(out.Acks) != 1 {
		t.Fatalf("it is flooded twice: %+v", out)
	}
	// What another floodfill has passed on to us is on its way to all already.
	flooded := f.router(t, routerConfig{})
	s.HandleStore(testTime, Sender{Peer: i2p.Hash{9}}, storeOfRouter(flooded, 0))
	if _, out := s.HandleStore(testTime, Sender{Peer: flooded.Hash()}, storeOfRouter(flooded, 3)); len(out.Floods) != 0 {
		t.Fatal("what came as a flood is flooded again")
	}
}

// TestFloodsWhatIsAskedFor: a RouterInfo block may ask for it (NTCP2, "RouterInfo").
func TestFloodsWhatIsAskedFor(t *testing.T) {
	f := newForge(t)
	s := floodfillSegment(t, f)
	ri := f.router(t, routerConfig{})
	by := Sender{Peer: ri.Hash()}
	if _, out := s.HandleGreeting(testTime, by, ri, true); len(out.Floods) != 1 || out.Floods[0].Message.Key != ri.Hash() {
		t.Fatalf("%+v", out)
	}
	if _, out := s.HandleGreeting(testTime, by, ri, true); len(out.Floods) != 0 {
		t.Fatal("flooded twice")
	}
	plain := NewSegment(SegmentConfig{DB: newDB(Config{}), Rand: seeded(2)})
	if _, out := plain.HandleGreeting(testTime, by, ri, true); len(out.Floods) != 0 {
		t.Fatal("flooded without being a floodfill")
	}
}

// TestFloodBudget: ever new versions of one entry are not flooded without end, and take
// nothing from the entries of others; and neither do entries of many.
func TestFloodBudget(t *testing.T) {
	f := newForge(t)
	s := floodfillSegment(t, f)
	id := f.identity()
	flooded, now := 0, testTime
	store := func(c routerConfig) {
		ri := f.router(t, c)
		_, out := s.HandleStore(now, Sender{Peer: ri.Hash()}, storeOfRouter(ri, 1))
		flooded += len(out.Floods)
	}
	for i := range 1000 {
		now = testTime.Add(time.Duration(i) * 60 * time.Millisecond)
		store(routerConfig{identity: id, published: now})
	}
	if most := floodsOfKeyBurst + 3 + moreOfKeyBurst + 15; flooded < floodsOfKeyBurst || flooded > most {
		t.Errorf("%d of 1000 versions of one RouterInfo are flooded in a minute", flooded)
	}
	if n := s.Stats().FloodsLimited; n != uint64(1000-flooded) {
		t.Errorf("%d are counted", n)
	}
	if flooded = 0; len(s.floods.keys) != 1 {
		t.Errorf("%d keys are tracked", len(s.floods.keys))
	}
	if store(routerConfig{published: now}); flooded != 1 {
		t.Error("the entry of another is not flooded")
	}
	bytes := 0
	for i := range 10_000 {
		if s.floods.take(now, i2p.HashOf([]byte{byte(i), byte(i >> 8)}), 3000) {
			bytes += 3000
		}
	}
	if bytes < floodedBurst/2 || bytes > floodedBurst {
		t.Errorf("%d bytes of entries of many are flooded at once", bytes)
	}
	if n := len(s.floods.keys); n > floodsTracked+1 {
		t.Errorf("%d keys are tracked", n)
	}
}

// TestFloodsRestarts: each lease set of a service that is started again and again is passed on at
// once. Where an attacker has had half of what may be passed on, a key has its share, and what
// exceeds that is passed on later, as it is then.
func TestFloodsRestarts(t *testing.T) {
	s, keys, now, dated := floodfillSegment(t, newForge(t)), newDestination(t, 4), testTime, testTime
	store := func() (flooded int) {
		dated = dated.Add(time.Second)
		m := storeOf(leaseSetOf(t, keys, dated))
		m.ReplyToken = 1
		_, out := s.HandleStore(now, Sender{Peer: i2p.Hash{9}}, m)
		return len(out.Floods)
	}
	for life := range 8 {
		if store() != 1 {
			t.Errorf("the lease set of life %d is not passed on", life)
		}
	}
	s.floods.keys = make(map[i2p.Hash]*shares)
	s.floods.bytes.Take(now, s.floods.bytes.Left(now, floodedRate, floodedBurst)*2/3, floodedRate, floodedBurst)
	n := 0
	for range 3 + 2 {
		n += store()
	}
	if n != floodsOfKeyBurst {
		t.Errorf("%d are passed on while little is left", n)
	}
	late := 0
	for end := now.Add(30 * time.Second); now.Before(end) && late == 0; now = s.Deadline() {
		for _, f := range s.Tick(now).Floods {
			set := s.LeaseSet(now, f.Message.Key)
			if late++; string(f.Message.Data) != string(set.Bytes()) {
				t.Error("an old one is passed on late")
			}
		}
	}
	if late != 1 || len(s.floods.late) != 0 {
		t.Errorf("%d are passed on late, and %d wait", late, len(s.floods.late))
	}
	for i := range 2 * floodsLate {
		s.floods.postpone(now, i2p.HashOf([]byte{byte(i), byte(i >> 8)}), true)
	}
	if n := len(s.floods.late); n != floodsLate {
		t.Errorf("%d wait", n)
	}
}
