package reach

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
)

var (
	start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	us    = netip.MustParseAddrPort("192.0.2.1:9000")
)

// peer is one of network n, 10.n.0.0/16.
func peer(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n), 0, byte(n)}) }

func family() *Family { return New(true, start, draw.From(nil)) }

// event is what a case tells a Family.
type event func(f *Family, now time.Time)

func said(by int, seen string) event {
	return func(f *Family, now time.Time) { f.Said(now, peer(by), netip.MustParseAddrPort(seen)) }
}

func tested(v Verdict, bob, charlie int) event {
	return func(f *Family, now time.Time) {
		f.Begun(now)
		f.Tested(now, Outcome{Verdict: v, Bob: peer(bob), Charlie: peer(charlie)})
	}
}

func came(from int) event { return func(f *Family, now time.Time) { f.Came(now, peer(from)) } }

func TestStates(t *testing.T) {
	for name, c := range map[string]struct {
		events []event
		state  State
		why    Reason
	}{
		"nothing":               {nil, Unknown, Untested},
		"one test":              {[]event{tested(Reached, 1, 2)}, Unknown, Undecided},
		"two tests":             {[]event{tested(Reached, 1, 2), tested(Reached, 3, 4)}, OK, TestsReached},
		"two by one Bob":        {[]event{tested(Reached, 1, 2), tested(Reached, 1, 4)}, Unknown, Undecided},
		"two with one Charlie":  {[]event{tested(Reached, 1, 2), tested(Reached, 3, 2)}, Unknown, Undecided},
		"a contradiction":       {[]event{tested(Reached, 1, 2), tested(Blocked, 3, 4)}, Unknown, Undecided},
		"two of three":          {[]event{tested(Reached, 1, 2), tested(Blocked, 3, 4), tested(Blocked, 5, 6)}, Firewalled, TestsBlocked},
		"no verdict":            {[]event{tested(Nothing, 1, 2), tested(Nothing, 3, 4)}, Unknown, Untested},
		"two came":              {[]event{came(1), came(2)}, OK, PeersCame},
		"two of a network came": {[]event{came(1), came(1)}, Unknown, Undecided},
		"one came, one test":    {[]event{came(1), tested(Reached, 2, 3)}, OK, TestsReached},
		"other ports in tests":  {[]event{tested(OtherPort, 1, 2), tested(OtherPort, 3, 4)}, SymmetricNAT, PortsDiffer},
		"ports differ": {[]event{
			said(1, "192.0.2.1:1001"), said(2, "192.0.2.1:1002"), said(3, "192.0.2.1:1003"), tested(Blocked, 1, 2), tested(Blocked, 3, 4),
		}, SymmetricNAT, PortsDiffer},
		"one port differs": {[]event{
			said(1, "192.0.2.1:1001"), said(2, "192.0.2.1:1001"), said(3, "192.0.2.1:1003"), tested(Blocked, 1, 2), tested(Blocked, 3, 4),
		}, Firewalled, TestsBlocked},
		"a liar afterwards": {[]event{tested(Reached, 1, 2), tested(Reached, 3, 4), tested(Blocked, 5, 6)}, OK, TestsReached},
		"a liar now and then": {[]event{
			tested(Reached, 1, 2), tested(Reached, 3, 4), tested(Blocked, 5, 6), tested(Reached, 1, 2), tested(Blocked, 7, 8),
		}, OK, TestsReached},
		"liars between who came": {[]event{came(1), came(2), tested(Blocked, 5, 6), came(1), tested(Blocked, 7, 8)}, OK, PeersCame},
		"two owners in turns":    {[]event{tested(Blocked, 1, 2), tested(Blocked, 2, 1)}, Unknown, Undecided},
		"each with oneself":      {[]event{tested(Blocked, 1, 1), tested(Blocked, 2, 2)}, Unknown, Untested},
		"a change":               {[]event{tested(Reached, 1, 2), tested(Reached, 3, 4), tested(Blocked, 5, 6), tested(Blocked, 7, 8)}, Firewalled, TestsBlocked},
	} {
		t.Run(name, func(t *testing.T) {
			f, now := family(), start
			for _, e := range c.events {
				now = now.Add(5 * time.Second)
				f.Heard(now)
				e(f, now)
			}
			if s := f.Status(now); s.State != c.state || s.Why != c.why {
				t.Errorf("%v, %v; expected %v, %v", s.State, s.Why, c.state, c.why)
			}
		})
	}
}

// TestAddress: nobody moves our address alone, and neither does one network.
func TestAddress(t *testing.T) {
	f, now := family(), start
	tell := func(by int, seen, want string) {
		t.Helper()
		now = now.Add(time.Second)
		f.Said(now, peer(by), netip.MustParseAddrPort(seen))
		got := ""
		if a := f.Address(now); a.IsValid() {
			got = a.String()
		}
		if got != want {
			t.Errorf("after %d said %s: %q, expected %q", by, seen, got, want)
		}
	}
	tell(1, "192.0.2.9:9", "")
	if f.Guess(now).String() != "192.0.2.9:9" {
		t.Error("no guess")
	}
	tell(1, "192.0.2.9:9", "") // again
	tell(2, us.String(), "")
	tell(3, us.String(), us.String())
	for n := 10; n < 13; n++ {
		tell(10, fmt.Sprintf("192.0.2.%d:9", n), us.String()) // one network, again and again
	}
	tell(4, us.String(), us.String())
	// A new address, as soon as most of those heard last name it.
	tell(5, "192.0.2.77:9000", us.String())
	tell(6, "192.0.2.77:9000", us.String())
	tell(7, "192.0.2.77:9000", "192.0.2.77:9000")
}

// TestMoved: with another address all begins anew.
func TestMoved(t *testing.T) {
	f, now := family(), start
	for _, e := range []event{said(1, "192.0.2.1:9"), said(2, "192.0.2.1:9"), tested(Reached, 1, 2), tested(Reached, 3, 4)} {
		e(f, now)
	}
	if f.Due(now) {
		t.Error("a test is due although all is clear")
	}
	for n := 5; n < 8; n++ {
		f.Said(now, peer(n), netip.MustParseAddrPort("192.0.2.50:9"))
	}
	if s := f.Status(now); s.State != Unknown || s.Address.Addr().String() != "192.0.2.50" || !f.Due(now) {
		t.Errorf("%+v", s)
	}
}

// TestRepeated: three networks that name another address again and again do not drown those who say ours once.
func TestRepeated(t *testing.T) {
	f, now := family(), start
	for n := 1; n < 4; n++ {
		f.Said(now, peer(n), us)
	}
	for i := range 50 {
		now = now.Add(time.Second)
		for liar := 100; liar < 103; liar++ {
			f.Said(now, peer(liar), netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), uint16(1000+i)))
		}
		if i%10 == 0 {
			f.Said(now, peer(10+i), us)
		}
	}
	if a := f.Address(now); a.Addr() != us.Addr() {
		t.Errorf("we are at %v", a)
	}
	f, now = family(), start
	for n := 1; n < 6; n++ { // who has moved hears it of the same peers
		f.Said(now, peer(n), us)
	}
	for n := 1; n < 6; n++ {
		f.Said(now.Add(10*time.Second), peer(n), netip.MustParseAddrPort("192.0.2.50:9"))
	}
	if a := f.Address(now); a.String() != "192.0.2.50:9" {
		t.Errorf("still at %v", a)
	}
}

// TestSeen: where Charlies see us counts as any word. Another address has all found out anew, and nobody who
// names one is a witness for it himself.
func TestSeen(t *testing.T) {
	f, now := family(), start
	for _, e := range []event{said(1, us.String()), said(2, us.String()), tested(Reached, 1, 2), tested(Reached, 3, 4)} {
		e(f, now)
	}
	see := func(n int, at string) {
		f.Begun(now)
		f.Tested(now, Outcome{Verdict: Reached, Bob: peer(n), Charlie: peer(n + 1), Seen: netip.MustParseAddrPort(at)})
	}
	for n := 10; n < 20; n += 2 {
		see(n, "192.0.2.9:0")
	}
	if s := f.Status(now); s.State != OK || s.Address != us {
		t.Fatalf("moved to where nobody can be: %+v", s)
	}
	for n := 20; n < 26; n += 2 {
		see(n, "192.0.2.9:9")
	}
	if s := f.Status(now); s.State != Unknown || s.Address.String() != "192.0.2.9:9" {
		t.Errorf("strangers are said to reach us where none was seen to: %+v", s)
	}
}

// TestNetworks: who has a prefix of a provider's, or of a free tunnel, is one voice.
func TestNetworks(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.9.1", true}, {"192.0.2.1", "192.1.2.1", false},
		{"2a00:1:2::1", "2a00:1:3::1", true}, {"2a00:1:2::1", "2a00:2:2::1", false}, {"::ffff:192.0.2.1", "192.0.3.1", true},
	} {
		if same := networkOf(netip.MustParseAddr(c.a)) == networkOf(netip.MustParseAddr(c.b)); same != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, same)
		}
	}
}

// TestPace: tests come quickly at first, slowly where they come to nothing, and rarely where all is clear.
func TestPace(t *testing.T) {
	f, now := family(), start
	begun := 0
	for ; now.Before(start.Add(5 * time.Minute)); now = now.Add(time.Second) {
		f.Heard(now)
		if f.Due(now) {
			begun++
			tested(Nothing, begun, begun+1)(f, now)
		}
	}
	if begun < 15 || begun > 26 {
		t.Errorf("%d tests in five minutes that came to nothing", begun)
	}
	tested(Blocked, 1, 2)(f, now)
	tested(Blocked, 3, 4)(f, now)
	if f.Due(now.Add(testAgain/2)) || !f.Due(now.Add(testAgain*5/4)) {
		t.Error("not the pace of what is clear")
	}
	tested(Reached, 5, 6)(f, now)
	if !f.Due(now.Add(testSoon)) {
		t.Error("a contradiction is not looked into")
	}
}

func TestSilence(t *testing.T) {
	f := family()
	f.Heard(start)
	if s := f.Status(start.Add(silentFor)); s.State != Disconnected || s.Why != Silence {
		t.Errorf("%+v", s)
	}
	f.Heard(start.Add(silentFor))
	if s := f.Status(start.Add(silentFor)); s.State != Unknown {
		t.Errorf("%+v", s)
	}
	f.Local(start, false, true)
	if s := f.Status(start); s.State != NoAddress || f.Due(start.Add(time.Hour)) {
		t.Errorf("%+v", s)
	}
}
