package netdb

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

func TestStoreRouterInfoRules(t *testing.T) {
	f := newForge(t)
	for name, tc := range map[string]struct {
		c    routerConfig
		src  Source
		want error
	}{
		"good":            {routerConfig{}, FromStore, nil},
		"other network":   {routerConfig{netID: "99"}, FromStore, ErrNetID},
		"no netId":        {routerConfig{netID: "x"}, FromStore, ErrNetID},
		"skew within":     {routerConfig{published: testTime.Add(110 * time.Second)}, FromStore, nil},
		"future":          {routerConfig{published: testTime.Add(3 * time.Minute)}, FromStore, ErrFuture},
		"a day":           {routerConfig{published: testTime.Add(-24 * time.Hour)}, FromStore, nil},
		"old":             {routerConfig{published: testTime.Add(-28 * time.Hour)}, FromStore, ErrOld},
		"old from disk":   {routerConfig{published: testTime.Add(-100 * 24 * time.Hour)}, FromDisk, nil},
		"very old there":  {routerConfig{published: testTime.Add(-181 * 24 * time.Hour)}, FromDisk, ErrOld},
		"version floor":   {routerConfig{version: "0.9.57"}, FromStore, ErrVersion},
		"version at it":   {routerConfig{version: "0.9.58"}, FromStore, nil},
		"forged version":  {routerConfig{version: "2.6.0"}, FromStore, ErrForged},
		"version of sort": {routerConfig{version: "new"}, FromStore, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDB(Config{})
			change, err := db.StoreRouterInfo(testTime, tc.src, f.router(t, tc.c))
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if (err == nil) != (change == Added) || (err == nil) != (db.Len() == 1) {
				t.Fatalf("change %d, %d routers, error %v", change, db.Len(), err)
			}
		})
	}
}

func TestStoreRouterInfoUpdates(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	id := f.identity()
	old := f.router(t, routerConfig{identity: id, published: testTime.Add(-time.Hour)})
	fresh := f.router(t, routerConfig{identity: id, caps: "XR"})
	for i, step := range []struct {
		ri   *routerinfo.RouterInfo
		want Change
		ffs  int
	}{{old, Added, 1}, {old, Unchanged, 1}, {fresh, Updated, 0}, {old, Unchanged, 0}} {
		got, err := db.StoreRouterInfo(testTime, FromStore, step.ri)
		if err != nil || got != step.want || db.Stats().Floodfills != step.ffs {
			t.Fatalf("step %d: %d, %v, %d floodfills", i, got, err, db.Stats().Floodfills)
		}
	}
	if got := db.Router(fresh.Hash()); got == nil || got.Published() != fresh.Published() {
		t.Fatal("the newer RouterInfo is not the one kept")
	}
	if string(db.Router(fresh.Hash()).Bytes()) != string(fresh.Bytes()) {
		t.Fatal("bytes changed")
	}
}

func TestBadSignature(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	b := append([]byte(nil), f.router(t, routerConfig{}).Bytes()...)
	b[len(b)-1] ^= 1
	ri, err := routerinfo.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.StoreRouterInfo(testTime, FromStore, ri); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
	// One on disk is taken unseen, and found out when it is to be used.
	if _, err := db.StoreRouterInfo(testTime, FromDisk, ri); err != nil || db.Len() != 1 {
		t.Fatal(err)
	}
	if db.Router(ri.Hash()) != nil || db.Len() != 0 {
		t.Fatal("a forged RouterInfo from disk is used")
	}
	if _, remove := db.Drain(10); len(remove) != 1 {
		t.Fatal("its file is not removed")
	}
}

func TestExpire(t *testing.T) {
	f, p := newForge(t), profile.New(profile.Config{Rand: seeded(3)})
	db := newDB(Config{Profiles: p})
	var kept i2p.Hash
	for i := range 400 {
		age := time.Duration(i) * 3 * time.Minute // up to 20 h
		ri := f.router(t, routerConfig{caps: "LR", published: testTime.Add(-age)})
		mustStore(t, db, FromStore, ri)
		if i == 399 {
			kept = ri.Hash()
		}
	}
	p.Queried(testTime, kept, true)
	if n := New(db.cfg, testTime).Expire(testTime.Add(time.Minute)); n != 0 {
		t.Fatal("expired within the first hour")
	}
	n := db.Expire(testTime)
	limit := lifetime(db.Len(), false)
	for i := range db.Len() {
		if s := db.At(i); testTime.Sub(s.Published.Time()) > 8*time.Hour && s.Hash != kept {
			t.Fatalf("%s old, limit %s", testTime.Sub(s.Published.Time()), limit)
		}
	}
	if n < 200 || !db.Has(kept) {
		t.Fatalf("expired %d, the proven one there: %v", n, db.Has(kept))
	}
	if db.Expire(testTime.Add(1000 * time.Hour)); db.Len() < expireKeep {
		t.Fatalf("only %d left", db.Len())
	}
}

func TestDrain(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	var want []i2p.Hash
	for range 10 {
		ri := f.router(t, routerConfig{})
		mustStore(t, db, FromStore, ri)
		want = append(want, ri.Hash())
	}
	mustStore(t, db, FromDisk, f.router(t, routerConfig{})) // is on disk already
	write, _ := db.Drain(7)
	more, _ := db.Drain(7)
	if len(write) != 7 || len(more) != 3 || len(db.unwritten.changed) != 0 {
		t.Fatal(len(write), len(more))
	}
	for _, w := range append(write, more...) {
		if i2p.Hash(w.Hash) != want[0] && !slices.Contains(want, w.Hash) {
			t.Fatal("unknown router")
		}
		if ri, err := routerinfo.Parse(w.Bytes); err != nil || ri.Hash() != w.Hash || ri.Verify() != nil {
			t.Fatal(err)
		}
	}
}

// TestUndrain: what could not be written or deleted is given once more, as it is by then.
func TestUndrain(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	var all []i2p.Hash
	for range 3 {
		ri := f.router(t, routerConfig{})
		mustStore(t, db, FromStore, ri)
		all = append(all, ri.Hash())
	}
	db.Drain(10)
	db.remove(db.records.of[all[1]]) // while it was being written
	db.Undrain(all[:2])
	for _, wanted := range [][]i2p.Hash{all[1:2], nil} {
		write, remove := db.Drain(10)
		if len(write) != len(wanted) || len(write) == 1 && write[0].Hash != all[0] || !slices.Equal(remove, wanted) {
			t.Fatalf("written %v, removed %v; expected %s and %v", write, remove, all[0], wanted)
		}
	}
}

// TestDrainUpdates: what is newer than on disk is written, however it came.
func TestDrainUpdates(t *testing.T) {
	f := newForge(t)
	for src := FromStore; src <= FromSession; src++ {
		db, id := newDB(Config{}), f.identity()
		mustStore(t, db, FromDisk, f.router(t, routerConfig{identity: id, published: testTime.Add(-time.Hour)}))
		mustStore(t, db, src, f.router(t, routerConfig{identity: id}))
		if write, _ := db.Drain(10); (len(write) == 1) != (src != FromDisk) {
			t.Errorf("%d to be written after an update from %s", len(write), src)
		}
	}
}

// TestDrainSource: what a router is known by is written down with it, and anew where
// it becomes known otherwise.
func TestDrainSource(t *testing.T) {
	f := newForge(t)
	for _, c := range []struct {
		came []Source
		want Source // as which it is written last, or none where that is the first
	}{
		{[]Source{FromStore}, FromDiskTold},
		{[]Source{FromVisitor}, FromDiskTold},
		{[]Source{FromSession}, FromDiskTold},
		{[]Source{FromReply}, FromDiskSought},
		{[]Source{FromReseed}, FromDisk},
		{[]Source{FromStore, FromReply}, FromDisk},
		{[]Source{FromReply, FromSession}, FromDisk},
		{[]Source{FromDiskTold}, FromDiskTold},
		{[]Source{FromDiskTold, FromStore}, FromDiskTold},
		{[]Source{FromDiskTold, FromReply}, FromDisk},
		{[]Source{FromDiskSought}, FromDiskSought},
		{[]Source{FromDiskSought, FromReply}, FromDiskSought},
		{[]Source{FromDiskSought, FromStore}, FromDisk},
		{[]Source{FromDisk, FromStore, FromReply}, FromDisk},
		{[]Source{FromReseed, FromDiskTold}, FromDisk},
		{[]Source{FromDisk, FromDiskTold}, FromDisk}, // killed while it was written anew
		{[]Source{FromDisk, FromDiskSought}, FromDisk},
		{[]Source{FromDiskTold, FromDiskSought}, FromDisk},
	} {
		db, ri := newDB(Config{}), f.router(t, routerConfig{})
		on := FromDisk
		if c.came[0].disk() {
			on = c.came[0]
		}
		for i, src := range c.came {
			mustStore(t, db, src, ri)
			write, _ := db.Drain(10)
			now := db.records.of[ri.Hash()].came.disk()
			if fresh := i == 0 && !src.disk(); (len(write) == 1) != (fresh || now != on || src.disk() && src != now) {
				t.Errorf("%s: %d to be written, of one that is on disk as %s and now %s", c.came[:i+1], len(write), on, now)
			}
			for _, w := range write {
				on = w.Source
			}
		}
		if on != c.want {
			t.Errorf("%s is written as %s, expected %s", c.came, on, c.want)
		}
	}
}

// liar offers RouterInfos of routers that there are not to a table of a thousand
// proven and a thousand unproven honest ones.
type liar struct {
	db            *DB
	rand          *rand.Rand
	raw           []byte
	known, proven []i2p.Hash
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	p := profile.New(profile.Config{Rand: seeded(3)})
	l := &liar{
		db:   newDB(Config{Profiles: p, MaxRouters: 5000, MaxBytes: 4 << 20}),
		rand: rand.New(rand.NewChaCha8([32]byte{7})), raw: make([]byte, 500),
	}
	for i := range 2000 {
		s := l.invent(0x000944 - profile.Version(i%8))
		if err := l.offer(testTime, FromReply, s); err != nil {
			t.Fatal(err)
		}
		l.known = append(l.known, s.Hash)
		if i%2 == 0 {
			p.Reached(testTime, s.Hash, s.Hosts[0])
			p.Queried(testTime, s.Hash, true)
			l.proven = append(l.proven, s.Hash)
		}
	}
	return l
}

func (l *liar) invent(version profile.Version) profile.Summary {
	var s profile.Summary
	for i := 0; i < 32; i += 8 {
		binary.BigEndian.PutUint64(s.Hash[i:], l.rand.Uint64())
	}
	s.Published = i2p.DateOf(testTime)
	s.Version, s.Bandwidth = version, 'X'
	s.Flags = profile.X25519 | profile.Addressed | profile.Reachable
	l.at(&s, l.rand.IntN(1<<16))
	return s
}

// at has a router be somewhere in an IPv4 /16.
func (l *liar) at(s *profile.Summary, prefix int) {
	s.Prefixes[0] = 1<<24 | uint32(prefix)
	s.Hosts[0] = origin.Host(prefix<<16 | l.rand.IntN(1<<16))
}

// offer is StoreRouterInfo for one whose signature is good.
func (l *liar) offer(now time.Time, src Source, s profile.Summary) error {
	e := &entry{sum: s, raw: l.raw, heard: now.Unix(), src: src, verified: true}
	err := l.db.admission.check(now, src, &s, 2, len(l.raw))
	if err == nil {
		err = l.db.admission.admit(now, e, nil, 0, l.db.Len(), false)
	}
	if err == nil {
		_, err = l.db.insert(now, e)
	}
	if err != nil {
		l.db.stats.Refused.count(err)
	}
	return err
}

// TestFloodOfFakes: memory is bounded, honest routers stay.
func TestFloodOfFakes(t *testing.T) {
	l := newLiar(t)
	now, taken := testTime, 0
	for i := range 100_000 { // in 100 s, from everywhere; the first half all of one make
		if i%100 == 0 {
			now = now.Add(100 * time.Millisecond)
		}
		s := l.invent(0x000943)
		if i > 50_000 {
			s.Version -= profile.Version(l.rand.IntN(8))
			s.Bandwidth = "LMNOPX"[l.rand.IntN(6)]
		}
		if i%4 == 0 { // the rest of one network
			l.at(&s, 77)
		}
		if l.offer(now, FromStore, s) == nil {
			taken++
		}
	}
	st := l.db.Stats()
	if st.Routers > 5000 || st.Bytes > 4<<20 {
		t.Fatalf("%d routers, %d bytes", st.Routers, st.Bytes)
	}
	if taken > 3000 || st.Crowded == 0 || st.Flood == 0 || st.Full == 0 {
		t.Fatalf("%d fakes taken, %+v", taken, st)
	}
	if n := l.db.admission.prefixes[1<<24|77].before(true); n > prefixMin {
		t.Fatalf("%d fakes of one /16", n)
	}
	for _, h := range l.known {
		if !l.db.Has(h) {
			t.Fatal("an honest router was driven out")
		}
	}
}

// TestTrickleOfFakes: even where the fakes come slowly, and are named to us as
// others are, those that answered stay.
func TestTrickleOfFakes(t *testing.T) {
	l := newLiar(t)
	now := testTime
	for i := range 20_000 {
		if i%10 == 0 {
			now = now.Add(10 * time.Second)
		}
		s := l.invent(profile.Version(0x000900 + 60 + uint32(i)%9))
		s.Published = i2p.DateOf(now)
		l.offer(now, FromReply, s)
	}
	for _, h := range l.proven {
		if !l.db.Has(h) {
			t.Fatal("a proven router was driven out")
		}
	}
	if st := l.db.Stats(); st.Routers > 5000 || st.Evicted == 0 {
		t.Fatalf("%+v", st)
	}
}
