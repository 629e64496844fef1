package nat

import (
	"net/netip"
	"testing"
	"time"
)

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	outer = netip.MustParseAddr("45.1.0.1")
	home  = netip.MustParseAddrPort("192.168.1.2:9111")
	bob   = netip.MustParseAddrPort("45.2.0.1:9111")
	bob2  = netip.MustParseAddrPort("45.2.0.1:9222") // another port of Bob's
	carol = netip.MustParseAddrPort("45.3.0.1:9111")
)

func box(k Kind) *Box { return New(Config{Kind: k, Outer: outer, Ports: []uint16{2000, 2009}}) }

// out sends, and fails the test where that does not get out.
func out(t *testing.T, b *Box, now time.Time, from, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	at, ok := b.Out(now, from, to)
	if !ok {
		t.Fatalf("nothing gets out from %v to %v", from, to)
	}
	return at
}

// TestKinds is the table of the package's comment: home has sent to Bob; who else gets in, and
// where does home come from when it sends to Carol?
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		kind             Kind
		bob, bob2, carol bool
		samePort         bool
	}{
		{FullCone, true, true, true, true},
		{Restricted, true, true, false, true},
		{PortBound, true, false, false, true},
		{Symmetric, true, false, false, false},
		{Firewall, true, false, false, true},
	} {
		b := box(c.kind)
		if _, ok := b.In(start, bob, netip.AddrPortFrom(outer, 2000)); ok {
			t.Errorf("%v: something gets in before anything went out", c.kind)
		}
		at := out(t, b, start, home, bob)
		if translated := at.Addr() == outer; translated == (c.kind == Firewall) {
			t.Errorf("%v: home comes from %v", c.kind, at)
		}
		for from, want := range map[netip.AddrPort]bool{bob: c.bob, bob2: c.bob2, carol: c.carol} {
			inner, ok := b.In(start, from, at)
			if ok != want || ok && inner != home {
				t.Errorf("%v: from %v to %v: %v, %t; expected %t", c.kind, from, at, inner, ok, want)
			}
		}
		to := out(t, b, start, home, carol)
		if (to == at) != c.samePort {
			t.Errorf("%v: towards Bob home is %v, towards Carol %v", c.kind, at, to)
		}
		if inner, ok := b.In(start, carol, to); !ok || inner != home {
			t.Errorf("%v: Carol does not get in where home has sent to her", c.kind)
		}
		if again := out(t, b, start, home, bob); again != at {
			t.Errorf("%v: towards Bob home is %v, and then %v", c.kind, at, again)
		}
		other := netip.AddrPortFrom(home.Addr(), 9222)
		if out(t, b, start, other, bob) == at {
			t.Errorf("%v: two inner ports have one outer one", c.kind)
		}
	}
}

// TestLife: a mapping lives for as long as something goes out by it, and what comes in does not
// keep it.
func TestLife(t *testing.T) {
	for _, k := range Kinds {
		b, now := New(Config{Kind: k, Outer: outer, Life: 30 * time.Second}), start
		at := out(t, b, now, home, bob)
		for range 4 {
			now = now.Add(20 * time.Second)
			if again := out(t, b, now, home, bob); again != at {
				t.Errorf("%v: %v has become %v while it was used", k, at, again)
			}
		}
		now = now.Add(29 * time.Second)
		if _, ok := b.In(now, bob, at); !ok {
			t.Errorf("%v: the mapping is gone too early", k)
		}
		now = now.Add(2 * time.Second)
		if _, ok := b.In(now, bob, at); ok {
			t.Errorf("%v: the mapping is there after its life", k)
		}
		if again := out(t, b, now, home, bob); again == at && k != Firewall {
			t.Errorf("%v: the mapping has the port of the one before", k)
		}
	}
}

// TestFilterLife: that something goes to Bob does not let Carol in for ever.
func TestFilterLife(t *testing.T) {
	for _, k := range []Kind{Restricted, PortBound, Firewall} {
		b, now := box(k), start
		at := out(t, b, now, home, carol)
		for range 5 {
			out(t, b, now, home, bob)
			now = now.Add(time.Minute)
		}
		if _, ok := b.In(now, bob, at); !ok {
			t.Errorf("%v: Bob does not get in", k)
		}
		if _, ok := b.In(now, carol, at); ok {
			t.Errorf("%v: Carol gets in minutes later", k)
		}
	}
}

// TestPorts: where all ports are taken nothing gets out, until a mapping has ended.
func TestPorts(t *testing.T) {
	b := box(Symmetric)
	to := func(i int) netip.AddrPort { return netip.AddrPortFrom(bob.Addr(), uint16(1000+i)) }
	seen := map[netip.AddrPort]bool{}
	for i := range 10 {
		seen[out(t, b, start, home, to(i))] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d outer ports for 10 destinations", len(seen))
	}
	if at, ok := b.Out(start, home, to(10)); ok {
		t.Errorf("from %v beyond the last port", at)
	}
	out(t, b, start.Add(3*time.Minute), home, to(10))
}

// TestForget: after a loss of power nobody gets in, and nothing is at the port of before.
func TestForget(t *testing.T) {
	for _, k := range Kinds {
		b := box(k)
		at := out(t, b, start, home, bob)
		b.Forget()
		if _, ok := b.In(start, bob, at); ok {
			t.Errorf("%v: a mapping outlives Forget", k)
		}
		if again := out(t, b, start, home, bob); again == at && k != Firewall {
			t.Errorf("%v: the port is the one of before", k)
		}
	}
}
