package transport

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// someone is a router of a number.
func someone(t testing.TB, n int) *routerinfo.RouterInfo {
	t.Helper()
	var seed [32]byte
	binary.BigEndian.PutUint32(seed[:], uint32(n))
	keys, err := i2p.GenerateRouter(rand.NewChaCha8(seed))
	if err != nil {
		t.Fatal(err)
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys, Published: i2p.DateOf(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	return ri
}

// crowdedTable is a table that routers come into from where a test says.
type crowdedTable struct {
	*Transport
	t      *testing.T
	d      *fakeDriver
	number int
}

// come has a router open a session, if it is let in.
func (c *crowdedTable) come(from netip.Addr) (hash i2p.Hash, in bool) {
	c.number++
	ri := someone(c.t, c.number)
	v := c.d.host.Admit(from, func() {})
	if v == nil {
		return ri.Hash(), false
	}
	v.Proved()
	l := c.d.link()
	l.remote = netip.AddrPortFrom(from, 7)
	c.d.host.Go(func() { c.d.host.Serve(v, l, ri, false) })
	synctest.Wait()
	return ri.Hash(), c.Connected(ri.Hash())
}

// dial opens a session to a router.
func (c *crowdedTable) dial() (hash i2p.Hash, err error) {
	c.number++
	ri := someone(c.t, c.number)
	err = c.Send(ri, message(i2np.DataType, 1, 10))
	synctest.Wait()
	return ri.Hash(), err
}

func (c *crowdedTable) standing(hashes []i2p.Hash) (n int) {
	for _, h := range hashes {
		if c.Connected(h) {
			n++
		}
	}
	return n
}

// honest is an address that has nothing to do with others of other numbers.
func honest(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(30 + n%60), byte(n / 60), byte(n), 9})
}

// TestSessionsOfOneSource: an IPv4 address, or a /64, has so many sessions and no more, while
// there is room for others.
func TestSessionsOfOneSource(t *testing.T) {
	for name, from := range map[string]func(i int) string{
		"an address": func(int) string { return "24.1.0.1" },
		"a /64":      func(i int) string { return fmt.Sprintf("2a01:4f8:1:500::%x", 1+i) },
	} {
		d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
		runTable(t, []Driver{d}, func(c *Config) { c.Limits.SessionsPerSource = 5 }, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
			c := &crowdedTable{Transport: tr, t: t, d: d}
			for i := range 8 {
				if _, in := c.come(netip.MustParseAddr(from(i))); in != (i < 5) {
					t.Errorf("%s: session %d let in: %v", name, i, in)
				}
			}
			if _, in := c.come(honest(1)); !in {
				t.Errorf("%s: another is kept out", name)
			}
		})
	}
}

// A crowd from few networks fills the table, and then others come, and we dial:
// all of them get in, and neither those that were there first nor those that
// carry tunnels give way.
func TestCrowdedTable(t *testing.T) {
	const limit, first, crowd, later, dials = 300, 30, 300, 90, 90
	crowds := map[string]func(i int) string{
		"63 IPv4 addresses":       func(i int) string { return fmt.Sprintf("24.%d.0.1", i%63) },
		"one IPv6 /56":            func(i int) string { return fmt.Sprintf("2a01:4f8:1:%x::%x", 0x500+i%256, 1+i) },
		"one IPv6 /48, that send": func(i int) string { return fmt.Sprintf("2a01:4f8:1:%x::%x", i%65536, 1+i) },
	}
	for name, from := range crowds {
		t.Run(name, func(t *testing.T) {
			own, carried := map[i2p.Hash]bool{}, map[i2p.Hash]bool{}
			d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
			change := func(c *Config) {
				c.Limits.Sessions = limit
				c.Wanted = func(h i2p.Hash) bool { return own[h] }
				c.Carries = func(h i2p.Hash) bool { return carried[h] }
			}
			runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
				c := &crowdedTable{Transport: tr, t: t, d: d}
				var before, after, dialled, tunnels []i2p.Hash
				for i := range first {
					h, in := c.come(honest(i))
					if !in {
						t.Fatal("no room in an empty table")
					}
					before = append(before, h)
					if i%2 == 0 {
						carried[h] = true
					}
				}
				h, _ := c.come(netip.MustParseAddr(from(0))) // one of theirs has a tunnel of ours
				own[h], tunnels = true, append(tunnels, h)
				time.Sleep(time.Minute) // those that came first are the most idle
				for i := range crowd {
					h, in := c.come(netip.MustParseAddr(from(1 + i)))
					if in && strings.HasSuffix(name, "that send") {
						carried[h] = true
					}
				}
				full := tr.Stats()
				got, dialsOK := 0, 0
				for i := range later {
					h, in := c.come(honest(first + i))
					if in {
						got++
					}
					after = append(after, h)
				}
				for range dials {
					h, err := c.dial()
					if err == nil && c.Connected(h) {
						dialsOK++
					}
					dialled = append(dialled, h)
				}
				s := tr.Stats()
				t.Logf("of a crowd of %d %d sessions stood; then %d of %d newcomers and %d of %d dials got in; of those before %d of %d stand, of the newcomers %d, of the dials %d; %d gave way",
					crowd, full.Sessions-first, got, later, dialsOK, dials, c.standing(before), first, c.standing(after), c.standing(dialled), s.Evicted)
				if full.Sessions > limit-limit/3 || s.Sessions > limit {
					t.Errorf("%d sessions came in, and then there were %d, of at most %d", full.Sessions, s.Sessions, limit)
				}
				if got != later || dialsOK != dials {
					t.Error("not everybody got in")
				}
				if c.standing(before) != first || c.standing(after) != later || c.standing(dialled) != dials || c.standing(tunnels) != 1 {
					t.Error("others than the crowd gave way")
				}
			})
		})
	}
}

// Where all come from everywhere it is the idlest that gives way, and one that
// carries after all others. Where our own tunnels go over all there is no room.
func TestLeastUseful(t *testing.T) {
	own, carried := map[i2p.Hash]bool{}, map[i2p.Hash]bool{}
	d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
	change := func(c *Config) {
		c.Limits.Sessions = 6 // 4 of them may come in
		c.Wanted = func(h i2p.Hash) bool { return own[h] }
		c.Carries = func(h i2p.Hash) bool { return carried[h] }
	}
	runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
		c := &crowdedTable{Transport: tr, t: t, d: d}
		var there []i2p.Hash
		for i := range 8 {
			h, in := c.come(honest(i))
			if !in {
				t.Fatalf("%d: not let in", i)
			}
			there = append(there, h)
			switch i {
			case 0:
				own[h] = true
			case 1:
				carried[h] = true
			}
			time.Sleep(time.Second)
		}
		for i, h := range there {
			if want := i < 2 || i >= 6; c.Connected(h) != want {
				t.Errorf("%d stands: %v", i, !want)
			}
		}
		for _, h := range there {
			own[h] = true
		}
		if _, in := c.come(honest(9)); in {
			t.Error("a session of our own tunnels gave way")
		}
		for range 2 {
			if _, err := c.dial(); err != nil {
				t.Errorf("no room for our dial: %v", err)
			}
		}
		if s := tr.Stats(); s.Sessions != 6 || s.Evicted != 4 || s.Refused != 1 {
			t.Errorf("figures %+v", s)
		}
	})
}

// Many routers may share an address: those that we have dialled there keep none of the others
// from coming in.
func TestDialledAreNotCounted(t *testing.T) {
	shared := netip.MustParseAddr("23.1.0.1")
	d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}, far: shared}
	change := func(c *Config) { c.Limits.SessionsPerSource = 3 }
	runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
		c := &crowdedTable{Transport: tr, t: t, d: d}
		for range 5 {
			if _, err := c.dial(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 4 {
			if _, in := c.come(shared); in != (i < 3) {
				t.Errorf("%d came in: %v", i+1, in)
			}
		}
		if n := tr.held.crowd.Held(origin.Of(shared).Host()); n != 8 {
			t.Errorf("%d sessions are counted in all, of 8", n)
		}
	})
}

// 256 connections that say nothing, from 32 addresses or from one IPv6 network, and
// more of them all the time, keep nobody out. A handshake that goes on is not
// pushed out by them.
func TestSilentCrowd(t *testing.T) {
	for name, from := range map[string]func(i int) string{
		"32 addresses": func(i int) string { return fmt.Sprintf("24.%d.0.1", i%32) },
		"one /56":      func(i int) string { return fmt.Sprintf("2a01:4f8:1:%x::1", 0x500+i%256) },
	} {
		d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
		runTable(t, []Driver{d}, nil, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
			crowd := 0
			silently := func(n int) {
				for range n {
					crowd++
					d.host.Admit(netip.MustParseAddr(from(crowd)), func() {})
				}
			}
			silently(300)
			if p := tr.Stats().Pending; p != 256 {
				t.Fatalf("%s: %d are silent, and there is more room", name, p)
			}
			in, lost := 0, 0
			var shaking []*Visitor
			for i := range 200 {
				v := d.host.Admit(honest(i), func() { lost++ })
				if v == nil {
					continue
				}
				in++
				silently(5) // within a round trip
				if i%2 == 0 {
					v.Proved()
				}
				shaking = append(shaking, v)
				silently(5)
				if len(shaking) > 10 {
					shaking[0].Leave()
					shaking = shaking[1:]
				}
			}
			for _, v := range shaking {
				v.Leave()
			}
			s := tr.Stats()
			t.Logf("%s: %d of 200 let in, %d of them pushed out; %d silent ones were; %d refused", name, in, lost, s.PushedOut, s.Refused)
			if in != 200 || lost != 0 || s.Pending > 256 {
				t.Errorf("%s: others are kept out", name)
			}
			for v := range tr.gate.visitors {
				tr.gate.leave(v)
			}
		})
	}
}

// Those of good first messages are pushed out only for somebody from where fewer
// come, and those of junk before all others.
func TestPushOut(t *testing.T) {
	d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
	change := func(c *Config) { c.Limits.Pending, c.Limits.PendingPerSource = 3, 3 }
	runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
		var out []string
		come := func(name, from string) *Visitor {
			return d.host.Admit(netip.MustParseAddr(from), func() { out = append(out, name) })
		}
		come("first", "23.1.0.1")
		come("second", "23.1.0.1")
		bad := come("third", "23.2.0.1")
		bad.Junk()
		good := come("fourth", "23.3.0.1")
		good.Proved()
		for i := range 2 {
			come(fmt.Sprint("more", i), "23.4.0.1").Proved()
		}
		if fmt.Sprint(out) != "[third first second]" {
			t.Errorf("pushed out: %v", out)
		}
		if come("too many", "23.4.0.1") != nil {
			t.Error("the crowd pushes out what is none")
		}
		if come("last", "23.5.0.1") == nil || fmt.Sprint(out[3:]) != "[more0]" {
			t.Errorf("pushed out: %v", out)
		}
		bad.Junk() // it is gone: this says nothing of its address
		if n := tr.gate.failures[good.networks.Host()].count + len(tr.gate.failures); n != 1 {
			t.Errorf("failures %v", tr.gate.failures)
		}
		for v := range tr.gate.visitors {
			tr.gate.leave(v)
		}
	})
}
