package netdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seeded is a reproducible source of randomness.
func seeded(n byte) io.Reader {
	return rand.NewChaCha8([32]byte{n})
}

// forge makes many routers with one pair of keys: they differ in their padding.
type forge struct {
	keys *i2p.PrivateKeys
	n    uint32
}

func newForge(tb testing.TB) *forge {
	tb.Helper()
	keys, err := i2p.GenerateRouter(seeded(99))
	if err != nil {
		tb.Fatal(err)
	}
	return &forge{keys: keys}
}

// identity makes the next router's identity bytes.
func (f *forge) identity() []byte {
	f.n++
	b := append([]byte(nil), f.keys.Identity.Bytes()...)
	for i := paddingAt; i < paddingAt+paddingLen; i += patternLen {
		binary.BigEndian.PutUint32(b[i:], f.n)
	}
	return b
}

type routerConfig struct {
	identity  []byte
	caps      string
	version   string
	netID     string
	host      string
	published time.Time
}

func (f *forge) router(tb testing.TB, c routerConfig) *routerinfo.RouterInfo {
	tb.Helper()
	if c.identity == nil {
		c.identity = f.identity()
	}
	id, _, err := i2p.ParseRouterIdentity(c.identity)
	if err != nil {
		tb.Fatal(err)
	}
	def := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	def(&c.caps, "XfR")
	def(&c.version, "0.9.68")
	def(&c.netID, "2")
	def(&c.host, fmt.Sprintf("%d.%d.%d.1", 20+f.n>>8&0x7f, f.n&0xff, f.n>>16))
	if c.published.IsZero() {
		c.published = testTime.Add(-time.Minute)
	}
	var addresses []routerinfo.Address
	if c.host != "-" {
		options, err := i2p.NewMapping(map[string]string{
			"host": c.host, "port": "12345", "v": "2",
			"s": i2p.EncodeBase64(make([]byte, 32)), "i": i2p.EncodeBase64(make([]byte, 16)),
		})
		if err != nil {
			tb.Fatal(err)
		}
		addresses = append(addresses, routerinfo.Address{Cost: 10, Style: "NTCP2", Options: options})
	}
	keys := *f.keys
	keys.Identity = id.Identity
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: &keys, Published: i2p.DateOf(c.published), Addresses: addresses,
		Options: map[string]string{"caps": c.caps, "netId": c.netID, "router.version": c.version},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return ri
}

func newDB(cfg Config) *DB {
	cfg.NetID = 2
	cfg.Self = i2p.HashOf([]byte("us"))
	cfg.Rand = seeded(1)
	return New(cfg, testTime.Add(-2*time.Hour))
}

func mustStore(tb testing.TB, db *DB, src Source, ri *routerinfo.RouterInfo) {
	tb.Helper()
	if _, err := db.StoreRouterInfo(testTime, src, ri); err != nil {
		tb.Fatal(err)
	}
}

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

func TestKeyMustMatch(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	ri := f.router(t, routerConfig{})
	m := i2np.DatabaseStore{Key: i2p.HashOf([]byte("other")), Data: i2np.CompressRouterInfo(ri.Bytes())}
	if st, _ := s.HandleStore(testTime, i2p.Hash{1}, m); !errors.Is(st.Err, ErrKey) {
		t.Fatal(st.Err)
	}
	m.Key = ri.Hash()
	m.ReplyToken, m.ReplyTunnel, m.ReplyGateway = 7, 8, i2p.Hash{9}
	st, out := s.HandleStore(testTime, i2p.Hash{1}, m)
	if st.Err != nil || st.Change != Added || len(out.Acks) != 1 || out.Acks[0] != (Ack{i2p.Hash{9}, 8, 7}) {
		t.Fatal(st, out)
	}
	if len(out.Floods) != 0 {
		t.Fatal("flooded without being a floodfill")
	}
	if _, out := s.HandleAnswer(testTime, m); len(out.Acks) != 0 {
		t.Fatal("the reply fields of a store that came down a tunnel were followed")
	}
}

func TestPack(t *testing.T) {
	f := newForge(t)
	raw := f.router(t, routerConfig{}).Bytes()
	if p := pack(raw); len(p) != len(raw)-paddingLen+patternLen+1 {
		t.Fatalf("%d bytes of %d", len(p), len(raw))
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte("short"))
	f.Add(make([]byte, 500))
	f.Fuzz(func(t *testing.T, b []byte) {
		if string(unpack(pack(b))) != string(b) {
			t.Fatal("changed")
		}
	})
}

// linear finds the closest entries the slow way.
func TestWalkOrder(t *testing.T) {
	var tab table
	r := rand.New(rand.NewChaCha8([32]byte{5}))
	var all []i2p.Hash
	for i := range 3000 {
		var h i2p.Hash
		binary.BigEndian.PutUint64(h[:], r.Uint64())
		if i%3 == 0 { // some deep crowds
			h = i2p.Hash{0xaa, 0xbb, 0xcc}
			binary.BigEndian.PutUint64(h[24:], r.Uint64())
		}
		e := &entry{}
		e.sum.Hash = h
		tab.insert(e)
		all = append(all, h)
	}
	for _, key := range []i2p.Hash{{}, {0xaa, 0xbb, 0xcc}, {0xff}, all[7]} {
		n := 0
		last := key
		tab.walk(key, func(e *entry) bool {
			if n > 0 && closer(key, e.sum.Hash, last) {
				t.Fatalf("entry %d is closer than the one before", n)
			}
			last = e.sum.Hash
			n++
			return true
		})
		if n != tab.n || n != len(all) {
			t.Fatalf("walked %d of %d", n, tab.n)
		}
	}
	for _, h := range all {
		tab.remove(h)
	}
	if tab.n != 0 {
		t.Fatal("not empty")
	}
}

func TestRoutingKey(t *testing.T) {
	key := i2p.HashOf([]byte("x"))
	want := i2p.HashOf(append(key[:], "20261122"...))
	if RoutingKey(key, testTime) != want {
		t.Fatal("not SHA-256 of key and date")
	}
	if RoutingKey(key, testTime.Add(12*time.Hour)) == want {
		t.Fatal("the same on the next day")
	}
	late := time.Date(2026, 11, 23, 1, 0, 0, 0, time.FixedZone("", 2*3600)) // still the 22nd in UTC
	if RoutingKey(key, late) != want {
		t.Fatal("the date is not UTC")
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
	p.Connected(testTime, kept)
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

// SECURITY 27: what a router is known by is written down with it, and anew where
// it becomes known otherwise.
func TestDrainSource(t *testing.T) {
	f := newForge(t)
	for _, c := range []struct {
		came []Source
		want Source // as which it is written last, or none where that is the first
	}{
		{[]Source{FromStore}, FromDiskTold},
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

// SECURITY 4: a flood of fake RouterInfos. Memory is bounded, honest routers stay.
func TestFloodOfFakes(t *testing.T) {
	p := profile.New(profile.Config{Rand: seeded(3)})
	db := newDB(Config{Profiles: p, MaxRouters: 5000, MaxBytes: 4 << 20})
	r := rand.New(rand.NewChaCha8([32]byte{7}))
	raw := make([]byte, 500)
	offer := func(now time.Time, src Source, sum profile.Summary) error {
		err := db.admission.check(now, src, &sum, 2, 500)
		if err == nil {
			err = db.admission.admit(now, src, &sum)
		}
		if err == nil {
			_, err = db.insert(now, &entry{sum: sum, raw: raw, heard: now.Unix(), src: src, verified: true})
		}
		if err != nil {
			db.stats.Refused.count(err)
		}
		return err
	}
	random := func(version profile.Version) profile.Summary {
		var s profile.Summary
		for i := 0; i < 32; i += 8 {
			binary.BigEndian.PutUint64(s.Hash[i:], r.Uint64())
		}
		s.Published = i2p.DateOf(testTime)
		s.Version, s.Bandwidth = version, 'X'
		s.Flags = profile.X25519 | profile.Published | profile.Reachable
		s.Prefixes[0] = 1<<24 | uint32(r.IntN(1<<16))
		return s
	}
	var proven, known []i2p.Hash
	for i := range 2000 {
		s := random(0x000944)
		s.Version -= profile.Version(i % 8)
		if err := offer(testTime, FromReply, s); err != nil {
			t.Fatal(err)
		}
		known = append(known, s.Hash)
		if i%2 == 0 {
			p.Connected(testTime, s.Hash)
			proven = append(proven, s.Hash)
		}
	}
	now, taken := testTime, 0
	for i := range 100_000 { // in 100 s, from everywhere; the first half all of one make
		if i%100 == 0 {
			now = now.Add(100 * time.Millisecond)
		}
		s := random(0x000943)
		if i > 50_000 {
			s.Version -= profile.Version(r.IntN(8))
			s.Bandwidth = "LMNOPX"[r.IntN(6)]
		}
		if i%4 == 0 { // the rest of one network
			s.Prefixes[0] = 1<<24 | 77
		}
		if offer(now, FromStore, s) == nil {
			taken++
		}
	}
	st := db.Stats()
	if st.Routers > 5000 || st.Bytes > 4<<20 {
		t.Fatalf("%d routers, %d bytes", st.Routers, st.Bytes)
	}
	if taken > 3000 || st.Crowded == 0 || st.Flood == 0 || st.Full == 0 {
		t.Fatalf("%d fakes taken, %+v", taken, st)
	}
	if n := db.admission.prefixes[1<<24|77]; n > prefixMin {
		t.Fatalf("%d fakes of one /16", n)
	}
	for _, h := range known {
		if !db.Has(h) {
			t.Fatal("an honest router was driven out")
		}
	}
	// Even where the fakes come slowly, over days, those that answered stay.
	for i := range 20_000 {
		if i%10 == 0 {
			now = now.Add(10 * time.Second)
		}
		s := random(profile.Version(0x000900 + 60 + uint32(i)%9))
		s.Published = i2p.DateOf(now)
		offer(now, FromReply, s)
	}
	for _, h := range proven {
		if !db.Has(h) {
			t.Fatal("a proven router was driven out")
		}
	}
	if st := db.Stats(); st.Routers > 5000 {
		t.Fatalf("%+v", st)
	}
}

func newDestination(tb testing.TB, n byte) *i2p.PrivateKeys {
	tb.Helper()
	keys, err := i2p.GenerateDestination(7, i2p.CryptoX25519, seeded(n))
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func leaseSetOf(tb testing.TB, keys *i2p.PrivateKeys, published time.Time) *leaseset.LeaseSet2 {
	tb.Helper()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, Published: i2p.DateOf(published),
		EncryptionKeys: []leaseset.EncryptionKey{{Type: 4, Key: make([]byte, 32)}},
		Leases:         []leaseset.Lease{{Gateway: i2p.Hash{1}, TunnelID: 2, Expires: i2p.DateOf(published.Add(9 * time.Minute))}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func storeOf(set leaseset.Record) i2np.DatabaseStore {
	return i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}
}

// SECURITY 2: what came through a client tunnel is not given to direct lookups.
func TestSegmentsAreApart(t *testing.T) {
	f := newForge(t)
	for _, floodfill := range []bool{false, true} {
		db := newDB(Config{Floodfill: floodfill})
		for range 20 {
			mustStore(t, db, FromStore, f.router(t, routerConfig{}))
		}
		router := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
		client := NewSegment(SegmentConfig{DB: db, Rand: seeded(3), Destination: true})
		set := leaseSetOf(t, newDestination(t, 4), testTime)
		if st, _ := client.HandleAnswer(testTime, storeOf(set)); st.Err != nil || st.Change != Added {
			t.Fatal(st.Err)
		}
		ri := f.router(t, routerConfig{})
		st, _ := client.HandleAnswer(testTime, i2np.DatabaseStore{Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes())})
		if !errors.Is(st.Err, ErrKind) || db.Has(ri.Hash()) {
			t.Fatal("a RouterInfo sent to a destination is in the router's table")
		}
		for _, kind := range []i2np.LookupKind{i2np.LookupLeaseSet, i2np.LookupAny} {
			ask := func(key i2p.Hash) *Reply {
				return router.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: key, From: i2p.Hash{5}, Kind: kind})
			}
			known, unknown := ask(set.Hash()), ask(i2p.HashOf([]byte("nothing")))
			if known == nil || known.Store != nil || len(known.Search.Peers) != len(unknown.Search.Peers) {
				t.Fatalf("a direct lookup tells that the lease set is here: %+v", known)
			}
		}
		if client.HandleLookup(testTime, i2p.Hash{}, i2np.DatabaseLookup{Key: set.Hash(), Kind: i2np.LookupLeaseSet}) != nil {
			t.Fatal("a destination answers lookups")
		}
		if client.LeaseSet(testTime, set.Hash()) == nil || router.LeaseSet(testTime, set.Hash()) != nil {
			t.Fatal("the lease set is not where it should be")
		}
		// Nor what the router looked up for itself.
		if st, _ := router.HandleAnswer(testTime, storeOf(set)); st.Err != nil {
			t.Fatal(st.Err)
		}
		r := router.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: set.Hash(), From: i2p.Hash{5}, Kind: i2np.LookupLeaseSet})
		if r.Store != nil {
			t.Fatal("what was looked up is given to others")
		}
	}
}

func TestServe(t *testing.T) {
	f := newForge(t)
	own := f.router(t, routerConfig{caps: "XfR"})
	db := newDB(Config{Floodfill: true, Own: func() *routerinfo.RouterInfo { return own }})
	db.cfg.Self = own.Hash()
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	var plain []i2p.Hash
	for i := range 60 {
		c := routerConfig{}
		if i%2 == 0 {
			c.caps = "LR"
		}
		ri := f.router(t, c)
		mustStore(t, db, FromStore, ri)
		if i%2 == 0 {
			plain = append(plain, ri.Hash())
		}
	}
	set := leaseSetOf(t, newDestination(t, 4), testTime)
	m := storeOf(set)
	m.ReplyToken = 1
	st, out := s.HandleStore(testTime, i2p.Hash{6}, m)
	if st.Err != nil || len(out.Floods) != 1 || len(out.Floods[0].To) != floodTo || out.Floods[0].Message.ReplyToken != 0 {
		t.Fatalf("%+v %+v", st, out)
	}
	if _, out := s.HandleStore(testTime, i2p.Hash{6}, m); len(out.Floods) != 0 {
		t.Fatal("flooded twice")
	}
	ask := func(key i2p.Hash, kind i2np.LookupKind, exclude ...i2p.Hash) *Reply {
		return s.HandleLookup(testTime, i2p.Hash{5}, i2np.DatabaseLookup{Key: key, From: i2p.Hash{5}, Kind: kind, Exclude: exclude})
	}
	if r := ask(set.Hash(), i2np.LookupLeaseSet); r.Store == nil || r.Store.Type != leaseset.TypeLeaseSet2 {
		t.Fatal("a stored lease set is not given")
	}
	if r := ask(set.Hash(), i2np.LookupRouterInfo); r.Store != nil {
		t.Fatal("a lease set for a RouterInfo lookup")
	}
	for _, key := range []i2p.Hash{own.Hash(), plain[3]} {
		r := ask(key, i2np.LookupRouterInfo)
		if r.Store == nil {
			t.Fatal("no RouterInfo")
		}
		if raw, err := i2np.DecompressRouterInfo(r.Store.Data, maxRouterInfo); err != nil || i2p.Hash(mustParse(t, raw).Hash()) != key {
			t.Fatal(err)
		}
	}
	near := ask(i2p.Hash{8}, i2np.LookupLeaseSet).Search.Peers
	if len(near) != replyHashes {
		t.Fatal(near)
	}
	for _, h := range ask(i2p.Hash{8}, i2np.LookupLeaseSet, near...).Search.Peers {
		if slices.Contains(near, h) {
			t.Fatal("names an excluded peer")
		}
	}
	for _, h := range ask(i2p.Hash{8}, i2np.LookupExploration).Search.Peers {
		if !slices.Contains(plain, h) {
			t.Fatal("exploration names a floodfill")
		}
	}
}

func mustParse(tb testing.TB, b []byte) *routerinfo.RouterInfo {
	tb.Helper()
	ri, err := routerinfo.Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return ri
}

func TestFloodTargetsNearMidnight(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	for range 200 {
		mustStore(t, db, FromStore, f.router(t, routerConfig{}))
	}
	key := i2p.HashOf([]byte("key"))
	noon := db.floodTargets(testTime, key, false, i2p.Hash{})
	late := db.floodTargets(testTime.Add(12*time.Hour-30*time.Minute), key, false, i2p.Hash{})
	lateLS := db.floodTargets(testTime.Add(12*time.Hour-30*time.Minute), key, true, i2p.Hash{})
	if len(noon) != 3 || len(late) < 4 || len(late) > 5 || len(lateLS) != 3 {
		t.Fatal(len(noon), len(late), len(lateLS))
	}
}

// SECURITY 8: lookups from one peer are answered within a budget of bytes.
func TestLookupBudget(t *testing.T) {
	f := newForge(t)
	own := f.router(t, routerConfig{})
	db := newDB(Config{Floodfill: true, Own: func() *routerinfo.RouterInfo { return own }})
	for range 30 {
		mustStore(t, db, FromStore, f.router(t, routerConfig{caps: "LR"}))
	}
	s := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
	total := 0
	for i := range 10_000 {
		now := testTime.Add(time.Duration(i) * time.Millisecond)
		if r := s.HandleLookup(now, i2p.Hash{5}, i2np.DatabaseLookup{Key: i2p.Hash{byte(i), 1}, From: i2p.Hash{byte(i), byte(i >> 8)}, Kind: i2np.LookupExploration}); r != nil {
			total += len(r.AppendTo(nil))
		}
	}
	if limit := askerBurst + 10*askerRate; total > limit || total < limit/2 {
		t.Fatalf("%d bytes, budget %d", total, limit)
	}
	if r := s.HandleLookup(testTime.Add(10*time.Second), i2p.Hash{6}, i2np.DatabaseLookup{Key: i2p.Hash{1}, From: i2p.Hash{6}, Kind: i2np.LookupRouterInfo}); r == nil {
		t.Fatal("another peer gets no answer")
	}
}

// SECURITY 10: lease sets that are not to be taken.
func TestBadLeaseSets(t *testing.T) {
	db := newDB(Config{})
	s := NewSegment(SegmentConfig{DB: db, Destination: true, Rand: seeded(2), MaxLeaseSets: 50})
	keys := newDestination(t, 4)
	good := leaseSetOf(t, keys, testTime)
	flip := storeOf(good)
	flip.Data = append([]byte(nil), flip.Data...)
	flip.Data[len(flip.Data)-1] ^= 1
	wrongKey := storeOf(good)
	wrongKey.Key[0] ^= 1
	for name, tc := range map[string]struct {
		m    i2np.DatabaseStore
		want error
	}{
		"a year ahead":  {storeOf(leaseSetOf(t, keys, testTime.Add(365*24*time.Hour))), leaseset.ErrFuture},
		"expired":       {storeOf(leaseSetOf(t, keys, testTime.Add(-time.Hour))), leaseset.ErrExpired},
		"bad signature": {flip, leaseset.ErrSignature},
		"wrong key":     {wrongKey, ErrKey},
		"unknown kind":  {i2np.DatabaseStore{Key: i2p.Hash{1}, Type: 9}, ErrKind},
	} {
		if st, _ := s.HandleAnswer(testTime, tc.m); !errors.Is(st.Err, tc.want) {
			t.Errorf("%s: %v", name, st.Err)
		}
	}
	if s.Stats().LeaseSets != 0 {
		t.Fatal("one of them is kept")
	}
	if st, _ := s.HandleAnswer(testTime, storeOf(good)); st.Change != Added {
		t.Fatal(st.Err)
	}
	if st, _ := s.HandleAnswer(testTime, storeOf(leaseSetOf(t, keys, testTime.Add(-time.Minute)))); st.Change != Unchanged || st.LeaseSet.Published() != good.Published() {
		t.Fatal("an older set replaced a newer one")
	}
	for i := range 60 {
		if st, _ := s.HandleAnswer(testTime, storeOf(leaseSetOf(t, newDestination(t, byte(100+i)), testTime))); st.Err != nil {
			t.Fatal(st.Err)
		}
	}
	if n := s.Stats().LeaseSets; n > 50 {
		t.Fatalf("%d lease sets, limit 50", n)
	}
	s.Tick(testTime.Add(time.Hour))
	if s.Stats().LeaseSets != 0 {
		t.Fatal("expired ones are kept")
	}
}

func FuzzHandleStore(f *testing.F) {
	fg := newForge(f)
	ri := fg.router(f, routerConfig{})
	f.Add(i2np.DatabaseStore{Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes())}.AppendTo(nil))
	set := leaseSetOf(f, newDestination(f, 4), testTime)
	f.Add(storeOf(set).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := i2np.ParseDatabaseStore(b)
		if err != nil {
			return
		}
		db := newDB(Config{Floodfill: true})
		router := NewSegment(SegmentConfig{DB: db, Rand: seeded(2)})
		client := NewSegment(SegmentConfig{DB: db, Rand: seeded(2), Destination: true})
		for _, s := range []*Segment{router, client} {
			if st, _ := s.HandleStore(testTime, i2p.Hash{1}, m); st.Err != nil && (st.RouterInfo != nil || st.LeaseSet != nil) {
				t.Fatal("an entry beside an error")
			}
		}
	})
}
