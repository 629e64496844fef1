package netdb

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// town is a router that knows honest ones, and is visited by others.
type town struct {
	t          *testing.T
	f          *forge
	rand       *rand.Rand
	profiles   *profile.Table
	db         *DB
	honest     map[i2p.Hash]bool
	floodfills []i2p.Hash // honest
	now        time.Time
}

// folk are honest routers that towns know. Each is made, and its signature checked, once.
type folk struct {
	all    []*routerinfo.RouterInfo
	shared *Shared
}

// newFolk makes n routers, a tenth of them floodfills.
func newFolk(t *testing.T, n int) *folk {
	p := &folk{shared: NewShared()}
	f, draws := newForge(t), &town{rand: rand.New(rand.NewChaCha8([32]byte{6}))}
	f.n = 1 << 24
	for i := range n {
		caps := "XR"
		if i%10 == 0 {
			caps = "XfR"
		}
		at := testTime.Add(time.Duration(i-n) * 800 * time.Millisecond)
		p.all = append(p.all, f.router(t, routerConfig{caps: caps, host: draws.ipv4(), published: at}))
	}
	return p
}

// newTown knows honest routers: three in five were named to us, others were stored. One in
// ten has served, and half of these we have reached.
func newTown(t *testing.T, known *folk) *town {
	w := &town{
		t: t, f: newForge(t), rand: rand.New(rand.NewChaCha8([32]byte{5})), now: testTime, honest: make(map[i2p.Hash]bool),
		profiles: profile.New(profile.Config{Rand: seeded(3)}),
	}
	w.db = newDB(Config{Profiles: w.profiles, Shared: known.shared})
	for i, ri := range known.all {
		src := FromReply
		if i%5 > 2 {
			src = FromStore
		}
		if _, err := w.db.StoreRouterInfo(ri.Published().Time(), src, ri); err != nil {
			continue // two of one host, by chance
		}
		h := ri.Hash()
		w.honest[h] = true
		if i%10 == 0 {
			w.floodfills = append(w.floodfills, h)
		}
		if w.rand.IntN(10) == 0 {
			w.profiles.BuildAccepted(testTime, h, 500*time.Millisecond)
			w.profiles.Queried(testTime, h, true)
			if w.rand.IntN(2) == 0 {
				w.profiles.Reached(testTime, h, w.db.Find(h).Hosts[0])
			}
		}
	}
	return w
}

func (w *town) ipv4() string {
	return netip.AddrFrom4([4]byte{byte(1 + w.rand.IntN(223)), byte(w.rand.Uint32()), byte(w.rand.Uint32()), byte(w.rand.Uint32())}).String()
}

func (w *town) ipv6() string {
	a := [16]byte{0x2a, byte(w.rand.Uint32())}
	for i := 2; i < 16; i++ {
		a[i] = byte(w.rand.Uint32())
	}
	return netip.AddrFrom16(a).String()
}

// visit has n routers that nobody needs come, hand over a RouterInfo and leave, 500 a
// second: from is where one comes from, and says the address that it publishes.
func (w *town) visit(n int, from, says func(i int) string) {
	for i := range n {
		w.now = w.now.Add(2 * time.Millisecond)
		h := says(i)
		if h == "" {
			h = from(i)
		}
		ri := w.f.router(w.t, routerConfig{caps: [...]string{"XfR", "OfR", "PfR", "NfR"}[i%4], host: h, published: w.now, version: fmt.Sprintf("0.9.%d", 60+i/4%8)})
		by := Sender{Peer: ri.Hash(), Host: origin.HostOf(netip.MustParseAddr(from(i)))}
		w.profiles.Returned(w.now, by.Peer)
		w.db.offer(w.now, by.source(ri.Hash()), by.Host, ri)
	}
}

// restart reads again what a router writes when it stops.
func (w *town) restart() {
	profiles, _, err := profile.Parse(profile.Config{Rand: seeded(3)}, w.profiles.AppendTo(nil, w.now), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	files, _ := w.db.Drain(1 << 20)
	proven := profiles.ProvenPeers()
	slices.SortStableFunc(files, func(a, b File) int { // as netdbdir reads them
		rank := func(f File) int {
			if _, yes := proven[f.Hash]; yes {
				return -1
			}
			return map[Source]int{FromDisk: 0, FromDiskTold: 2, FromDiskSought: 1}[f.Source]
		}
		return rank(a) - rank(b)
	})
	shared := w.db.cfg.Shared
	w.profiles, w.db = profiles, New(Config{NetID: 2, Self: w.db.cfg.Self, Rand: seeded(1), Profiles: profiles, Shared: shared}, w.now)
	for _, f := range files {
		ri, err := shared.parse(f.Bytes)
		if err != nil {
			w.t.Fatal(err)
		}
		w.db.StoreRouterInfo(w.now, f.Source, ri)
	}
}

// health is how well a router does what it does for itself.
type health struct {
	fakes, fakeFloodfills int
	honestSearches        float64 // that asked an honest floodfill at all
	found                 float64 // that asked one that has the entry
	honestHops, built     float64 // hops, and tunnels of three of them
}

func (h health) String() string {
	return fmt.Sprintf("%5d fakes, %4d of them floodfills; honest floodfill in %5.1f %% of searches, %5.1f %% find; %5.1f %% of 900 hops honest, %5.1f %% of tunnels stand",
		h.fakes, h.fakeFloodfills, 100*h.honestSearches, 100*h.found, 100*h.honestHops, 100*h.built)
}

func (w *town) health() (h health) {
	const searches, tunnels, hops = 400, 300, 3
	for i := range w.db.Len() {
		if s := w.db.At(i); !w.honest[s.Hash] {
			h.fakes++
			if w.db.floodfills.has(s.Hash) {
				h.fakeFloodfills++
			}
		}
	}
	witness := newWitness(w.db, false, nil)
	for range searches {
		var key i2p.Hash
		for i := range key {
			key[i] = byte(w.rand.Uint32())
		}
		routingKey := RoutingKey(key, w.now)
		have := slices.Clone(w.floodfills)
		slices.SortFunc(have, func(a, b i2p.Hash) int {
			if closer(routingKey, a, b) {
				return -1
			}
			return 1
		})
		have = have[:min(3, len(have))]
		s := newSearch(witness, key)
		honest, found := 0.0, 0.0
		for range maxQueries {
			ri := s.next(w.now)
			if ri == nil {
				break
			}
			if w.honest[ri.Hash()] {
				honest = 1
				for _, h := range have {
					s.vouch(ri.Hash(), h)
				}
			}
			if slices.Contains(have, ri.Hash()) {
				found = 1
			}
		}
		h.honestSearches += honest / searches
		h.found += found / searches
	}
	dials := func(ri *routerinfo.RouterInfo) bool { return ri.Addresses()[0].Host().Is4() }
	for range tunnels {
		good := 0.0
		for _, ri := range w.profiles.Select(w.now, w.db, hops, profile.Constraints{Next: dials}) {
			if w.honest[ri.Hash()] {
				good++
			}
		}
		h.honestHops += good / (tunnels * hops)
		if good == hops {
			h.built += 1.0 / tunnels
		}
	}
	return h
}

// TestVisitors: identities that come by themselves, at 500 a second, take nothing of
// what a router does for itself, and neither after a restart.
func TestVisitors(t *testing.T) {
	one := func(int) string { return "198.18.7.7" }
	own := func(int) string { return "" }
	random := rand.New(rand.NewChaCha8([32]byte{8}))
	everywhere := make([]string, 20_000)
	for i := range everywhere {
		everywhere[i] = netip.AddrFrom4([4]byte{byte(1 + random.IntN(223)), byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())}).String()
	}
	folks := map[int]*folk{8: newFolk(t, 8), 8_000: newFolk(t, 8_000)}
	for _, c := range []struct {
		name  string
		known int
		n     []int // so many, one wave after the other
		from  func(int) string
		says  func(*town) func(int) string
		fakes int // at most
	}{
		{"one IPv4 that claims IPv6", 8, []int{5_556}, one, func(w *town) func(int) string { return func(int) string { return w.ipv6() } }, 2},
		{"one IPv4 that claims any", 8, []int{5_556}, one, func(w *town) func(int) string { return func(int) string { return w.ipv4() } }, 2},
		{"one IPv4, as it is", 8, []int{5_556}, one, func(*town) func(int) string { return own }, 2},
		{"one IPv4 that claims IPv6", 8_000, []int{30_000, 36_000}, one, func(w *town) func(int) string { return func(int) string { return w.ipv6() } }, 2},
		{"an IPv4 /24, as it is", 8_000, []int{5_000}, func(i int) string { return fmt.Sprintf("198.18.7.%d", i%256) }, func(*town) func(int) string { return own }, siteMax},
		{"an IPv6 /48, as it is", 8_000, []int{5_000}, func(i int) string { return fmt.Sprintf("2a00:1:2:%x::1", i%65536) }, func(*town) func(int) string { return own }, DefaultMaxRouters / prefixShare},
		{"everywhere, as it is", 8_000, []int{20_000}, func(i int) string { return everywhere[i] }, func(*town) func(int) string { return own }, 8_000},
	} {
		t.Run(fmt.Sprintf("%s, against %d", c.name, c.known), func(t *testing.T) {
			w := newTown(t, folks[c.known])
			before, all := w.health(), 0
			t.Logf("before           %v", before)
			check := func(when string) {
				h := w.health()
				t.Logf("%-16s %v", when, h)
				if h.fakes > c.fakes {
					t.Errorf("%d fakes were taken", h.fakes)
				}
				if h.found < 0.95*before.found || h.built < 0.95*before.built {
					t.Errorf("lookups %.1f %% of what they were, tunnels %.1f %%", 100*h.found/before.found, 100*h.built/before.built)
				}
			}
			for _, n := range c.n {
				if raceEnabled {
					n /= 10
				}
				w.visit(n, c.from, c.says(w))
				all += n
				check(fmt.Sprintf("%d later", all))
			}
			w.restart()
			check("after a restart")
		})
	}
}

// TestToldTakeNoRoom: routers that there are not, and that only came by themselves, may
// say that they are where an honest one is; it is taken once somebody names it.
func TestToldTakeNoRoom(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	for i := range 1000 {
		db.StoreRouterInfo(testTime, FromStore, f.router(t, routerConfig{host: fmt.Sprintf("198.18.%d.%d", i%256, i%4), version: fmt.Sprintf("0.9.%d", 60+i%8)}))
	}
	if db.Stats().Crowded == 0 {
		t.Fatal("there is room for more")
	}
	for i := range 2 * hostMax {
		_, err := db.StoreRouterInfo(testTime, FromReply, f.router(t, routerConfig{host: "198.18.0.0"}))
		if i < hostMax && err != nil || i >= hostMax && !errors.Is(err, ErrCrowded) {
			t.Errorf("%d of a host: %v", i+1, err)
		}
	}
}

// TestFirewalledThenOpen: a router that learns its address, and publishes it, is one
// router there.
func TestFirewalledThenOpen(t *testing.T) {
	f, db, at := newForge(t), newDB(Config{}), netip.MustParseAddr("198.18.7.7")
	visit := func(c routerConfig) error {
		ri := f.router(t, c)
		by := Sender{Peer: ri.Hash(), Host: origin.HostOf(at)}
		_, err := db.offer(testTime, by.source(ri.Hash()), by.Host, ri)
		return err
	}
	for i := range hostUnasked {
		id := f.identity()
		for _, c := range []routerConfig{
			{identity: id, host: "-", published: testTime.Add(-2 * time.Minute)},
			{identity: id, host: at.String(), published: testTime.Add(-time.Minute)},
		} {
			if err := visit(c); err != nil {
				t.Errorf("%d of a host, at %s: %v", i+1, c.host, err)
			}
		}
	}
}

// TestCountsHold: whatever comes of routers, each is counted once.
func TestCountsHold(t *testing.T) {
	f, db := newForge(t), newDB(Config{MaxRouters: 60})
	random := rand.New(rand.NewChaCha8([32]byte{9}))
	ids := make([][]byte, 100)
	for i := range ids {
		ids[i] = f.identity()
	}
	sources := []Source{FromStore, FromVisitor, FromDiskTold, FromDisk, FromReply, FromSession}
	now := testTime
	for range 3000 {
		now = now.Add(10 * time.Second)
		host := "-"
		if random.IntN(3) > 0 {
			host = fmt.Sprintf("198.%d.%d.7", 18+random.IntN(2), random.IntN(64))
		}
		ri := f.router(t, routerConfig{identity: ids[random.IntN(len(ids))], host: host, published: now.Add(-time.Duration(random.IntN(4)) * time.Minute).Truncate(time.Minute)})
		from := origin.HostOf(netip.AddrFrom4([4]byte{198, 18, byte(random.IntN(64)), 7}))
		db.offer(now, sources[random.IntN(len(sources))], from, ri)
	}
	if st := db.Stats(); st.Evicted == 0 || st.Updated == 0 || st.Unchanged == 0 {
		t.Fatalf("%+v", st)
	}
	is, want := &db.admission, newAdmission(&db.cfg)
	for _, e := range db.records.list {
		want.count(e)
	}
	if !maps.Equal(is.prefixes, want.prefixes) || !maps.Equal(is.looks, want.looks) || is.unasked != want.unasked {
		t.Errorf("%v, %v, %d unasked; expected %v, %v, %d", is.prefixes, is.looks, is.unasked, want.prefixes, want.looks, want.unasked)
	}
	for step := range is.hosts {
		if !maps.Equal(is.hosts[step], want.hosts[step]) {
			t.Errorf("hosts of step %d: %v, expected %v", step, is.hosts[step], want.hosts[step])
		}
	}
}
