package profile

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// fakeRouters have one RouterInfo for all: selection looks at the
// summaries only.
type fakeRouters struct {
	list []Summary
	at   map[i2p.Hash]int
	ri   *routerinfo.RouterInfo
	gave []i2p.Hash
	bad  map[i2p.Hash]bool
	near map[i2p.Hash]*routerinfo.RouterInfo // of some
}

func (f *fakeRouters) Len() int { return len(f.list) }

func (f *fakeRouters) At(i int) *Summary { return &f.list[i] }

func (f *fakeRouters) Find(h i2p.Hash) *Summary {
	if i, ok := f.at[h]; ok {
		return &f.list[i]
	}
	return nil
}

func (f *fakeRouters) Router(h i2p.Hash) *routerinfo.RouterInfo {
	if f.bad[h] {
		return nil
	}
	f.gave = append(f.gave, h)
	if ri := f.near[h]; ri != nil {
		return ri
	}
	return f.ri
}

func newRouters(tb testing.TB, n int) *fakeRouters {
	tb.Helper()
	keys, err := i2p.GenerateRouter(seeded(9))
	if err != nil {
		tb.Fatal(err)
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys})
	if err != nil {
		tb.Fatal(err)
	}
	f := &fakeRouters{ri: ri, at: make(map[i2p.Hash]int)}
	for i := range n {
		f.list = append(f.list, Summary{
			Hash: peer(i), Published: i2p.DateOf(testTime), Version: 0<<16 | 9<<8 | 68, Bandwidth: 'O',
			Flags:    X25519 | Addressed | Reachable | IPv4,
			Prefixes: [3]uint32{1<<24 | uint32(i+1)},
		})
		f.at[peer(i)] = i
	}
	return f
}

func (f *fakeRouters) choose(t *Table, n int, c Constraints) []int {
	f.gave = nil
	t.Select(testTime, f, n, c)
	var out []int
	for _, h := range f.gave {
		out = append(out, f.at[h])
	}
	return out
}

func TestSelectConstraints(t *testing.T) {
	routers := newRouters(t, 40)
	for i := range routers.list {
		s := &routers.list[i]
		switch i {
		case 0:
			s.Version = 9<<8 | 57
		case 1:
			s.Flags |= Hidden
		case 2:
			s.Flags |= Unreachable
		case 3:
			s.Flags |= CongestionG
		case 4:
			s.Bandwidth = 'K'
		case 5:
			s.Flags &^= Addressed
		case 6:
			s.Flags &^= X25519
		}
		if i >= 30 {
			s.Prefixes = [3]uint32{1<<24 | 7}
		}
		if i >= 20 && i < 30 {
			s.Family = 77
		}
	}
	table := New(Config{Rand: seeded(1)})
	exclude := map[i2p.Hash]struct{}{peer(8): {}, peer(9): {}}
	for range 200 {
		got := routers.choose(table, 6, Constraints{Exclude: exclude})
		if len(got) != 6 {
			t.Fatalf("%d chosen", len(got))
		}
		family, prefix := 0, 0
		seen := map[int]bool{}
		for _, i := range got {
			if i <= 6 || i == 8 || i == 9 || seen[i] {
				t.Fatalf("router %d in %v", i, got)
			}
			seen[i] = true
			if i >= 30 {
				prefix++
			} else if i >= 20 {
				family++
			}
		}
		if family > 1 || prefix > 1 {
			t.Fatalf("relatives in %v", got)
		}
	}
	// On a test network everybody is a neighbour.
	for i := range routers.list {
		routers.list[i].Prefixes = [3]uint32{1<<24 | 127<<8}
	}
	if got := routers.choose(table, 6, Constraints{}); len(got) != 1 {
		t.Fatalf("%d of one /16", len(got))
	}
	if got := routers.choose(table, 6, Constraints{SamePrefix: true}); len(got) != 6 {
		t.Fatalf("%d on a test network", len(got))
	}
}

// TestSelectNext: one of those chosen can be next to us, and the others need not.
func TestSelectNext(t *testing.T) {
	routers, table := newRouters(t, 40), New(Config{Rand: seeded(1)})
	keys, err := i2p.GenerateRouter(seeded(10))
	if err != nil {
		t.Fatal(err)
	}
	near, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	routers.near = map[i2p.Hash]*routerinfo.RouterInfo{peer(3): near, peer(5): near}
	c := Constraints{Next: func(ri *routerinfo.RouterInfo) bool { return ri == near }}
	others := map[int]bool{}
	for range 100 {
		routers.gave = nil
		got := table.Select(testTime, routers, 3, c)
		if len(got) != 3 || got[0] != near && got[1] != near && got[2] != near {
			t.Fatalf("%d chosen, none of them next to us", len(got))
		}
		for _, h := range routers.gave {
			others[routers.at[h]] = true
		}
	}
	if len(others) < 30 {
		t.Errorf("only %d routers are chosen", len(others))
	}
	routers.near = nil
	if got := table.Select(testTime, routers, 3, c); len(got) != 0 {
		t.Errorf("%d chosen where none can be next to us", len(got))
	}
}

// TestSelectFamilies: any two hops can be next to each other.
func TestSelectFamilies(t *testing.T) {
	routers, table := newRouters(t, 30), New(Config{Rand: seeded(1)})
	for i := range routers.list {
		switch s := &routers.list[i]; {
		case i < 10:
			s.Flags |= IPv6
		case i < 20:
			s.Flags ^= IPv4 | IPv6
		}
	}
	met := map[[2]bool]int{}
	for range 300 {
		got := routers.choose(table, 3, Constraints{})
		var four, six bool
		for _, i := range got {
			four, six = four || i >= 20, six || i >= 10 && i < 20
		}
		met[[2]bool{four, six}]++
	}
	if met[[2]bool{true, true}] > 0 || met[[2]bool{true, false}] == 0 || met[[2]bool{false, true}] == 0 {
		t.Errorf("tunnels by families: %v", met)
	}
}

// TestSelectAwayFromOurselves: who chooses is an end of the tunnel, and has no hop in its own
// address range or family.
func TestSelectAwayFromOurselves(t *testing.T) {
	routers, table := newRouters(t, 6), New(Config{Rand: seeded(1)})
	own := Summary{Hash: peer(100), Prefixes: [3]uint32{routers.list[0].Prefixes[0]}, Family: 7}
	routers.list[1].Family = 7
	for range 50 {
		if got := routers.choose(table, 6, Constraints{Self: own}); len(got) != 4 || min(got[0], got[1], got[2], got[3]) < 2 {
			t.Fatal(got)
		}
	}
	if got := routers.choose(table, 6, Constraints{Self: own, SamePrefix: true}); len(got) != 6 {
		t.Fatalf("%v on a test network", got)
	}
}

func TestSelectAvoidsAsLongAsItCan(t *testing.T) {
	routers, table := newRouters(t, 5), New(Config{Rand: seeded(1)})
	avoid := map[i2p.Hash]struct{}{peer(0): {}, peer(1): {}, peer(2): {}}
	for range 50 {
		got := routers.choose(table, 2, Constraints{Avoid: avoid})
		if len(got) != 2 || got[0] < 3 || got[1] < 3 {
			t.Fatal(got)
		}
		if got := routers.choose(table, 4, Constraints{Avoid: avoid}); len(got) != 4 {
			t.Fatal(got)
		}
	}
	routers.bad = map[i2p.Hash]bool{peer(3): true}
	if got := routers.choose(table, 5, Constraints{}); len(got) != 4 {
		t.Fatalf("%v with one that cannot be used", got)
	}
}

func TestSelectPrefersWhatWorks(t *testing.T) {
	routers, table := newRouters(t, 20), New(Config{Rand: seeded(1)})
	for i := range 10 {
		for range 10 {
			table.BuildExpired(testTime, peer(i), 1)
			table.BuildAccepted(testTime, peer(10+i), 300*time.Millisecond)
		}
	}
	good := 0
	for range 300 {
		for _, i := range routers.choose(table, 2, Constraints{}) {
			if i >= 10 {
				good++
			}
		}
	}
	if good < 560 { // 0.92 against 0.03 each
		t.Fatalf("%d of 600 choices were good", good)
	}
}

func TestClientUseIsTheFastGroup(t *testing.T) {
	routers, table := newRouters(t, 3000), New(Config{Rand: seeded(1)})
	for i := range 100 {
		for range 5 {
			table.BuildAccepted(testTime, peer(i), time.Second)
			table.TunnelTested(testTime, peer(i), true, time.Second, 1)
		}
	}
	table.regroup(testTime)
	fast := table.groups.fast
	if len(fast) != fastPeers {
		t.Fatalf("%d are fast", len(fast))
	}
	in := map[i2p.Hash]bool{}
	for _, h := range fast {
		in[h] = true
	}
	seen := map[int]int{}
	for range 300 {
		for _, i := range routers.choose(table, 3, Constraints{Use: Client}) {
			if !in[peer(i)] {
				t.Fatalf("router %d is not of the fast group", i)
			}
			seen[i]++
		}
	}
	if len(seen) != fastPeers {
		t.Fatalf("only %d of the group are used", len(seen))
	}
	strangers := 0
	for range 200 {
		for _, i := range routers.choose(table, 3, Constraints{}) {
			if i >= 100 {
				strangers++
			}
		}
	}
	if strangers < 400 {
		t.Fatalf("exploratory tunnels met %d strangers in 600 hops", strangers)
	}
}

// The botnet of fakes: strangers never answer, so even exploratory tunnels go
// mostly through routers that are known.
func TestStrangersThatNeverAnswer(t *testing.T) {
	routers, table := newRouters(t, 5000), New(Config{Rand: seeded(1)})
	for i := range 50 {
		for range 5 {
			table.BuildAccepted(testTime, peer(i), time.Second)
			table.TunnelTested(testTime, peer(i), true, time.Second, 1)
		}
	}
	for i := range 400 {
		table.BuildExpired(testTime, peer(1000+i), 1)
	}
	if r := table.strangers.rate(); r > 0.2 {
		t.Fatalf("stranger rate %.2f", r)
	}
	known := 0
	for range 300 {
		for _, i := range routers.choose(table, 2, Constraints{}) {
			if i < 50 {
				known++
			}
		}
	}
	if known < 300 || known > 590 {
		t.Fatalf("%d of 600 hops are known routers", known)
	}
}

// Fakes that agree to everything and carry nothing are as little worth as those that
// never answer: they are not of the known ones, and are not met for it.
func TestStrangersThatCarryNothing(t *testing.T) {
	routers, table := newRouters(t, 5000), New(Config{Rand: seeded(1)})
	for i := range 50 {
		table.BuildAccepted(testTime, peer(i), time.Second)
		table.TunnelTested(testTime, peer(i), true, time.Second, 1)
	}
	for i := range 400 {
		table.BuildAccepted(testTime, peer(1000+i), time.Millisecond)
		table.BuildAccepted(testTime, peer(1000+i), time.Millisecond)
	}
	if r := table.strangers.rate(); r > 0.2 {
		t.Fatalf("stranger rate %.2f", r)
	}
	for range 100 {
		for _, i := range routers.choose(table, 3, Constraints{Use: Client}) {
			if i >= 50 {
				t.Fatalf("%d, which has carried nothing, is a hop of a client's tunnel", i)
			}
		}
	}
}

func TestCongestion(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	for name, tc := range map[string]struct {
		flags Flags
		age   time.Duration
		want  float64
	}{
		"none":  {0, 0, 0.5},
		"D":     {CongestionD, 0, 0.25},
		"E":     {CongestionE, 0, 0.05},
		"old E": {CongestionE, 16 * time.Minute, 0.25},
	} {
		s := Summary{Published: i2p.DateOf(testTime.Add(-tc.age)), Flags: tc.flags}
		choice := selection{table: table, now: testTime}
		if got := choice.weight(&s, &record{}); got != tc.want {
			t.Errorf("%s: weight %v, want %v", name, got, tc.want)
		}
	}
}

// TestSelectRefusers: who has just refused is asked neither before others nor before a good router that is
// to be avoided for being in another tunnel, but is where there is nobody else; and again after a while.
func TestSelectRefusers(t *testing.T) {
	routers, table := newRouters(t, 7), New(Config{Rand: seeded(1)})
	good := map[i2p.Hash]struct{}{}
	for i := range 7 {
		table.BuildAccepted(testTime, peer(i), time.Second)
		if i < 4 {
			good[peer(i)] = struct{}{}
		} else {
			table.BuildRejected(testTime, peer(i))
		}
	}
	refusers := func(now time.Time, n int) (count int) {
		routers.gave = nil
		table.Select(now, routers, n, Constraints{Use: Client, Avoid: good, SamePrefix: true})
		if len(routers.gave) != n {
			t.Fatalf("%d chosen, expected %d", len(routers.gave), n)
		}
		for _, hash := range routers.gave {
			if _, ok := good[hash]; !ok {
				count++
			}
		}
		return count
	}
	sum := 0
	for range 100 {
		sum += refusers(testTime.Add(time.Second), 3)
	}
	if sum > 100 { // they have a fifth of the others' weight
		t.Errorf("of 300 hops %d are such as have just refused", sum)
	}
	if n := refusers(testTime.Add(time.Second), 7); n != 3 {
		t.Errorf("of all routers %d refuse, expected 3", n)
	}
	if n := refusers(testTime.Add(refusalPause), 3); n != 3 {
		t.Errorf("%d of 3 are not avoided, expected all: it is long ago that they refused", n)
	}
}

func BenchmarkSelectClient(b *testing.B) {
	routers, table := newRouters(b, 55_000), New(Config{Rand: seeded(1)})
	for i := range 200 {
		for range 5 {
			table.BuildAccepted(testTime, peer(i), time.Second)
			table.TunnelTested(testTime, peer(i), true, time.Second, 1)
		}
	}
	for b.Loop() {
		routers.gave = routers.gave[:0]
		table.Select(testTime, routers, 3, Constraints{Use: Client})
	}
}

func BenchmarkSelectExploratory(b *testing.B) {
	routers, table := newRouters(b, 55_000), New(Config{Rand: seeded(1)})
	for b.Loop() {
		routers.gave = routers.gave[:0]
		table.Select(testTime, routers, 3, Constraints{})
	}
}
