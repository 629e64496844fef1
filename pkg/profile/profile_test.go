package profile

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func peer(n int) i2p.Hash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return i2p.HashOf(b[:])
}

// fakeRouters have one RouterInfo for all: selection looks at the
// summaries only.
type fakeRouters struct {
	list []Summary
	at   map[i2p.Hash]int
	ri   *routerinfo.RouterInfo
	gave []i2p.Hash
	bad  map[i2p.Hash]bool
}

func (f *fakeRouters) Len() int          { return len(f.list) }
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
			Flags:    X25519 | Published | Reachable,
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
			s.Flags &^= Published
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
	if got := routers.choose(table, 3, Constraints{With: []Summary{routers.list[10]}}); len(got) != 0 {
		t.Fatal("relatives of one chosen before")
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

func TestClientTierIsTheFastGroup(t *testing.T) {
	routers, table := newRouters(t, 3000), New(Config{Rand: seeded(1)})
	for i := range 100 {
		for range 5 {
			table.BuildAccepted(testTime, peer(i), time.Second)
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
		if got := choice.weight(&s); got != tc.want {
			t.Errorf("%s: weight %v, want %v", name, got, tc.want)
		}
	}
}

func TestScoreDecays(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	p := peer(1)
	for range 10 {
		table.BuildExpired(testTime, p, 1)
	}
	score := func(now time.Time) float64 {
		p, _ := table.Get(now, p)
		return p.Score
	}
	before, after := score(testTime), score(testTime.Add(24*time.Hour))
	if before > 0.05 || after < 0.4 {
		t.Fatalf("%.3f, a day later %.3f", before, after)
	}
	if score(testTime) != before {
		t.Fatal("looking changes the score")
	}
}

func TestUnreachableBacksOff(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	p := peer(1)
	table.ConnectFailed(testTime, p)
	if !table.Unreachable(testTime.Add(7*time.Minute), p) || table.Unreachable(testTime.Add(9*time.Minute), p) {
		t.Fatal("one failed dial")
	}
	for range 20 {
		table.ConnectFailed(testTime, p)
	}
	if !table.Unreachable(testTime.Add(119*time.Minute), p) || table.Unreachable(testTime.Add(121*time.Minute), p) {
		t.Fatal("many failed dials")
	}
	if table.Connected(testTime.Add(time.Second), p); table.Unreachable(testTime.Add(2*time.Second), p) || !table.Proven(p) {
		t.Fatal("after a session")
	}
}

func TestResponsive(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	p := peer(1)
	for range 3 {
		table.Queried(testTime, p, false)
	}
	if table.Responsive(testTime, p) {
		t.Fatal("three times silent")
	}
	if table.Queried(testTime, p, true); !table.Responsive(testTime, p) {
		t.Fatal("it has answered since")
	}
}

// TestSilentStart: a floodfill that ignored what it was asked while it started is
// asked again some minutes later, and then like any other; one that is dead only
// once in a while.
func TestSilentStart(t *testing.T) {
	table := New(Config{Rand: seeded(1)})
	started, dead := peer(1), peer(2)
	now := testTime
	for range 5 {
		table.Queried(now, started, false)
		now = now.Add(20 * time.Second)
	}
	if table.Responsive(now, started) {
		t.Error("asked on, while it is silent")
	}
	now = now.Add(5 * time.Minute)
	if !table.Responsive(now, started) {
		t.Error("not asked again five minutes later")
	}
	if table.Queried(now, started, true); !table.Responsive(now, started) {
		t.Error("it has answered, and is not asked any more")
	}
	asked := 0
	for end := now.Add(6 * time.Hour); now.Before(end); now = now.Add(time.Minute) {
		if table.Responsive(now, dead) {
			table.Queried(now, dead, false)
			asked++
		}
	}
	if asked > 6*6 {
		t.Errorf("a dead floodfill was asked %d times in six hours", asked)
	}
}

func TestBounded(t *testing.T) {
	table := New(Config{Rand: seeded(1), MaxPeers: 100})
	table.Connected(testTime, peer(0))
	for i := range 10_000 {
		table.BuildExpired(testTime.Add(time.Duration(i)*time.Second), peer(1+i), 3)
	}
	if table.Len() > 100 || !table.Proven(peer(0)) || table.Stats().Evicted == 0 {
		t.Fatalf("%d profiles", table.Len())
	}
}

func sampleTable() *Table {
	table := New(Config{Rand: seeded(1)})
	for i := range 50 {
		table.BuildAccepted(testTime, peer(i), time.Duration(i)*time.Millisecond)
		table.TunnelTested(testTime, peer(i), i%2 == 0, 2*time.Second, 3)
		table.ConnectFailed(testTime, peer(i%7))
		table.Queried(testTime, peer(i), i%3 == 0)
		table.BuildRejected(testTime, peer(i%5))
	}
	return table
}

func TestFile(t *testing.T) {
	a := sampleTable().AppendTo(nil, testTime)
	table, skipped, err := Parse(Config{}, a, testTime)
	if err != nil || skipped != 0 || table.Len() != 50 {
		t.Fatal(skipped, err)
	}
	if b := table.AppendTo(nil, testTime); !bytes.Equal(a, b) {
		t.Fatal("written again, the file differs")
	}
	damaged := strings.Replace(string(a), " proven", " prove", 1) + "half a li"
	if table, skipped, err = Parse(Config{}, []byte(damaged), testTime); err != nil || skipped != 2 || table.Len() != 49 {
		t.Fatal(skipped, err, table.Len())
	}
	if _, _, err := Parse(Config{}, []byte("{}"), testTime); err == nil {
		t.Fatal("another file is taken")
	}
	// A clock that was ahead when it was written bans nobody for ever.
	table, _, _ = Parse(Config{}, a, testTime.Add(-1000*time.Hour))
	if table.Unreachable(testTime.Add(-997*time.Hour), peer(1)) {
		t.Fatal("still banned")
	}
}

func FuzzParse(f *testing.F) {
	whole := sampleTable().AppendTo(nil, testTime)
	f.Add(bytes.Join(bytes.SplitAfter(whole, []byte{0x0a})[:3], nil))
	f.Add([]byte(fileHeader + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, _, err := Parse(Config{MaxPeers: 64}, b, testTime)
		if err != nil {
			if table != nil {
				t.Fatal("a table beside an error")
			}
			return
		}
		once := table.AppendTo(nil, testTime)
		again, skipped, err := Parse(Config{MaxPeers: 64}, once, testTime)
		if err != nil || skipped != 0 || !bytes.Equal(again.AppendTo(nil, testTime), once) {
			t.Fatal("what was written does not read back the same")
		}
	})
}

func TestVersion(t *testing.T) {
	for s, want := range map[string]string{"0.9.68": "0.9.68", "1.2": "1.2.0", "": "0.0.0", "0.9.68-1": "0.0.0", "0.9.300": "0.0.0", "0.9.68.1": "0.9.68"} {
		if got := ParseVersion(s).String(); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestSummarize(t *testing.T) {
	keys, err := i2p.GenerateRouter(seeded(9))
	if err != nil {
		t.Fatal(err)
	}
	address := func(style, host string) routerinfo.Address {
		m := map[string]string{"v": "2", "s": i2p.EncodeBase64(make([]byte, 32)), "i": i2p.EncodeBase64(make([]byte, 16))}
		if host != "" {
			m["host"], m["port"] = host, "4567"
		}
		options, err := i2p.NewMapping(m)
		if err != nil {
			t.Fatal(err)
		}
		return routerinfo.Address{Style: style, Options: options}
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(testTime),
		Addresses: []routerinfo.Address{address("NTCP2", "10.20.30.40"), address("SSU2", "10.20.1.1"), address("NTCP2", "2001:db8::1"), address("SSU2", "")},
		Options:   map[string]string{"caps": "POfRE", "router.version": "0.9.68", "netId": "2", "family": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize(ri)
	want := Reachable | Floodfill | CongestionE | Published | X25519
	if s.Flags != want || s.Bandwidth != 'P' || s.Version != 9<<8|68 || s.Family == 0 || s.Hash != ri.Hash() {
		t.Fatalf("%+v", s)
	}
	if s.Prefixes[0] != 1<<24|10<<8|20 || s.Prefixes[1] == 0 || s.Prefixes[2] != 0 {
		t.Fatalf("prefixes %x", s.Prefixes)
	}
}

func BenchmarkSelectClient(b *testing.B) {
	routers, table := newRouters(b, 55_000), New(Config{Rand: seeded(1)})
	for i := range 200 {
		for range 5 {
			table.BuildAccepted(testTime, peer(i), time.Second)
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
