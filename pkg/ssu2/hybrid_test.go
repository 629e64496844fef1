package ssu2

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// offers has a router offer hybrids, on a network with such an MTU.
func offers(mtu int, kinds ...kem.Kind) func(*Config, *routerinfo.BuildConfig) {
	return func(c *Config, b *routerinfo.BuildConfig) {
		c.Hybrids, c.MTU = kinds, mtu
		setOption(b, "pq", routerinfo.HybridOption(kinds...))
		if mtu != routerinfo.MaxSSU2MTU {
			setOption(b, "mtu", strconv.Itoa(mtu))
		}
	}
}

func newHybridPair(t testing.TB, seed byte, kinds ...kem.Kind) (alice, bob *side, w *wire) {
	t.Helper()
	change := offers(routerinfo.MaxSSU2MTU, kinds...)
	alice, bob = newSide(t, 2*seed, alice4, 0, change), newSide(t, 2*seed+1, bob4, 0, change)
	return alice, bob, newWire(alice, bob)
}

func TestHybridHandshake(t *testing.T) {
	for _, c := range []struct {
		kind             kem.Kind
		request, created int // without blocks, MAC included (SSU2 Hybrid, SessionRequest and SessionCreated)
		version          byte
	}{{kem.MLKEM512, 896, 864, 3}, {kem.MLKEM768, 1280, 1184, 4}} {
		for _, at := range [][2]netip.AddrPort{{alice4, bob4}, {alice6, bob6}} {
			for seed := range byte(8) {
				// The least MTU: nothing may be longer.
				mtu := map[kem.Kind]int{kem.MLKEM512: 1280, kem.MLKEM768: 1318}[c.kind]
				if c.kind == kem.MLKEM768 && at[0].Addr().Is6() {
					mtu = 1338
				}
				if leastMTU(c.kind, at[0].Addr()) != mtu {
					t.Fatalf("%v over %v takes an MTU of %d", c.kind, at[0].Addr(), leastMTU(c.kind, at[0].Addr()))
				}
				alice, bob := newSide(t, seed, at[0], 0, offers(mtu, c.kind)), newSide(t, 100+seed, at[1], 0, offers(mtu, c.kind))
				w := newWire(alice, bob)
				longest := 0
				w.onSend = func(f flight) []flight { longest = max(longest, len(f.data)); return []flight{f} }
				w.dial(t, alice, bob)
				w.run(time.Second)
				a, b := agree(t, alice, bob)
				if a.Hybrid != c.kind || b.Hybrid != c.kind {
					t.Errorf("%v and %v, want %v", a.Hybrid, b.Hybrid, c.kind)
				}
				if longest > datagramRoom(mtu, at[0].Addr()) || longest < c.request+MinPayload {
					t.Errorf("%v over an MTU of %d: datagram of %d bytes", c.kind, mtu, longest)
				}
				if w.packets[at[0]] != 3 || w.packets[at[1]] != 2 {
					t.Errorf("%d and %d packets", w.packets[at[0]], w.packets[at[1]])
				}
			}
		}
	}
}

// TestHybridVersions looks at what the headers say.
func TestHybridVersions(t *testing.T) {
	for version, kind := range map[byte]kem.Kind{2: kem.None, 3: kem.MLKEM512, 4: kem.MLKEM768} {
		alice, bob, w := newHybridPair(t, 1, kem.MLKEM768, kem.MLKEM512)
		bob.target.Hybrids = []kem.Kind{kind}
		seen := map[MessageType]int{}
		w.onSend = func(f flight) []flight {
			long, _ := bob.keys.unmaskLong(f.data)
			h, _, _ := ParseLongHeader(long[:])
			if f.from == bob4 && len(alice.out) == 1 && len(alice.out[bob4].requests) == 1 {
				long, _ = alice.out[bob4].requests[0].keys.unmaskLong(f.data)
				h, _, _ = ParseLongHeader(long[:])
			}
			if len(bob.in) == 1 && f.from == alice4 {
				return []flight{f} // Session Confirmed
			}
			seen[h.Type]++
			if h.Version != version || h.NetID != testNet {
				t.Errorf("%v of version %d, want %d", h.Type, h.Version, version)
			}
			return []flight{f}
		}
		w.dial(t, alice, bob)
		w.run(time.Second)
		if a, _ := agree(t, alice, bob); a.Hybrid != kind {
			t.Errorf("%v, want %v", a.Hybrid, kind)
		}
		for _, m := range []MessageType{TypeTokenRequest, TypeRetry, TypeSessionRequest, TypeSessionCreated} {
			if seen[m] != 1 {
				t.Errorf("version %d: %v seen", version, seen)
			}
		}
	}
}

// TestHybridChoice says which hybrid Alice asks for.
func TestHybridChoice(t *testing.T) {
	all := []kem.Kind{kem.MLKEM768, kem.MLKEM512}
	for _, c := range []struct {
		ours  []kem.Kind
		mtu   int
		bobs  string // his pq
		bobs6 bool
		mtu2  int
		want  kem.Kind
	}{
		{all, 1500, "", false, 1500, kem.None},
		{nil, 1500, "4,3", false, 1500, kem.None},
		{all, 1500, "4,3", false, 1500, kem.MLKEM768},
		{all, 1500, "3,4", false, 1500, kem.MLKEM512},
		{all, 1500, "4", false, 1500, kem.MLKEM768},
		{[]kem.Kind{kem.MLKEM512}, 1500, "4", false, 1500, kem.MLKEM768}, // what he offers
		{all, 1500, "5,4", false, 1500, kem.MLKEM768},
		{all, 1500, "5", false, 1500, kem.None},
		{all, 1500, "junk,,7,4,junk", false, 1500, kem.MLKEM768},
		{all, 1317, "4,3", false, 1500, kem.MLKEM512},
		{all, 1318, "4,3", false, 1500, kem.MLKEM768},
		{all, 1500, "4,3", false, 1317, kem.MLKEM512},
		{all, 1500, "4", false, 1317, kem.None},
		{all, 1500, "4,3", true, 1337, kem.MLKEM512},
		{all, 1500, "4,3", true, 1338, kem.MLKEM768},
		{all, 1280, "3", true, 1280, kem.MLKEM512},
	} {
		from, to := alice4, bob4
		if c.bobs6 {
			from, to = alice6, bob6
		}
		alice := newSide(t, 1, from, 0, offers(c.mtu, c.ours...))
		bob := newSide(t, 2, to, 0, func(_ *Config, b *routerinfo.BuildConfig) {
			setOption(b, "pq", c.bobs)
			setOption(b, "mtu", strconv.Itoa(c.mtu2))
		})
		if got := alice.choose(bob.target); got != c.want {
			t.Errorf("%v on %d, %q on %d: %v, want %v", c.ours, c.mtu, c.bobs, c.mtu2, got, c.want)
		}
	}
	for _, c := range []struct {
		preferred kem.Kind
		mtu       int
		ip        netip.AddrPort
		want      string
	}{
		{kem.None, 1500, bob4, ""}, {kem.MLKEM1024, 1500, bob4, ""},
		{kem.MLKEM512, 1500, bob4, "3"}, {kem.MLKEM768, 1500, bob4, "4,3"}, {kem.MLKEM768, 1317, bob4, "3"},
		{kem.MLKEM768, 1318, bob4, "4,3"}, {kem.MLKEM768, 1318, bob6, "3"}, {kem.MLKEM768, 1338, bob6, "4,3"},
	} {
		if got := routerinfo.HybridOption(Hybrids(c.preferred, c.mtu, c.ip.Addr())...); got != c.want {
			t.Errorf("%v on %d over %v: pq=%q, want %q", c.preferred, c.mtu, c.ip.Addr(), got, c.want)
		}
	}
}

// TestHybridUnspoken: a router without hybrids is silent to who asks for one, and Alice does not
// come back without.
func TestHybridUnspoken(t *testing.T) {
	for _, spoken := range [][]kem.Kind{nil, {kem.MLKEM512}} {
		alice := newSide(t, 1, alice4, 0, offers(routerinfo.MaxSSU2MTU, kem.MLKEM768))
		bob := newSide(t, 2, bob4, 0, offers(routerinfo.MaxSSU2MTU, spoken...))
		w := newWire(alice, bob)
		bob.target.Hybrids = []kem.Kind{kem.MLKEM768}
		bob.target.Token = 7
		w.dial(t, alice, bob)
		bob.target.Token = 0
		w.run(time.Minute)
		w.dial(t, alice, bob)
		w.run(time.Minute)
		if len(alice.failures) != 2 || len(bob.done) != 0 || w.packets[bob4] != 0 || bob.Counts().Junk != uint64(w.packets[alice4]) {
			t.Errorf("%v; Bob has sent %d packets and counted %+v", alice.failures, w.packets[bob4], bob.Counts())
		}
	}
}

// TestDowngrade has an observer, who knows Bob's intro key, change the version in the headers.
func TestDowngrade(t *testing.T) {
	for _, which := range []MessageType{TypeTokenRequest, TypeRetry, TypeSessionRequest, TypeSessionCreated} {
		for _, version := range []byte{0, 2, 3, 5} {
			alice, bob, w := newHybridPair(t, 3, kem.MLKEM768, kem.MLKEM512)
			changed := 0
			w.onSend = func(f flight) []flight {
				keys, n := bob.keys, 0
				if which == TypeSessionCreated && f.from == bob4 && len(alice.out) == 1 && len(alice.out[bob4].requests) > 0 {
					keys, n = alice.out[bob4].requests[0].keys, keyLen
				}
				if which == TypeSessionRequest {
					n = keyLen
				}
				long, key := keys.unmaskLong(f.data)
				h, _, _ := ParseLongHeader(long[:])
				if h.Type != which || h.NetID != testNet {
					return []flight{f}
				}
				changed++
				h.Version = version
				g := f
				if which == TypeTokenRequest || which == TypeRetry { // sealed with the intro key alone
					_, payload, _ := openIntro(f.data, bob.cfg.Intro)
					g.data = sealIntro(h, bob.cfg.Intro, payload)
					return []flight{g}
				}
				g.data = append(append(h.AppendTo(nil), key[:n]...), f.data[LongHeaderLen+n:]...)
				keys.maskLong(g.data, n)
				return []flight{g}
			}
			w.dial(t, alice, bob)
			w.run(time.Minute)
			if changed == 0 || len(alice.done)+len(bob.done) != 0 || len(alice.failures) != 1 {
				t.Errorf("%v of version %d: %d changed, %d and %d sessions, %v", which, version, changed, len(alice.done), len(bob.done), alice.failures)
			}
			if ours, theirs := bob.Pending(); ours+theirs != 0 {
				t.Errorf("%v of version %d: Bob keeps a handshake", which, version)
			}
		}
	}
}

// TestBorrowedKeys: a router that publishes Bob's address as its own has no session at his
// expense.
func TestBorrowedKeys(t *testing.T) {
	alice, bob, w := newHybridPair(t, 4, kem.MLKEM768)
	eve := newSide(t, 200, bob4, 0, func(c *Config, b *routerinfo.BuildConfig) {
		b.Addresses = bob.info.Addresses()
	})
	if eve.target.Static != bob.target.Static || eve.info.Hash() == bob.info.Hash() {
		t.Fatal("not Bob's keys")
	}
	w.dial(t, alice, eve)
	w.run(time.Minute)
	if len(alice.done)+len(bob.done) != 0 || bob.Counts().Forged == 0 {
		t.Fatalf("%d and %d sessions, Bob's counts %+v", len(alice.done), len(bob.done), bob.Counts())
	}
}

// requestWith is a Session Request with such an encapsulation key.
func requestWith(t testing.TB, kind kem.Kind, bob *side, content []byte, token Token) []byte {
	t.Helper()
	h := LongHeader{Dest: 1, Source: 2, Type: TypeSessionRequest, Version: versionOf(kind), NetID: testNet, Token: token}
	own := noise.GenerateKey(draw.Seeded([32]byte{1}))
	_, packet, err := sealKeyed(begin(kind, bob.cfg.Static.Public, bob.info.Hash()), h, own, bob.cfg.Static.Public,
		section{content: content}, AppendPadding(AppendDateTime(nil, start), 0))
	if err != nil {
		t.Fatal(err)
	}
	bob.keys.maskLong(packet, keyLen)
	return packet
}

func TestHybridKeys(t *testing.T) {
	key := kem.GenerateKey(kem.MLKEM768, draw.Seeded([32]byte{1}))
	for _, c := range []struct {
		name    string
		content []byte
		good    bool
	}{
		{"a key", key.Public(), true},
		{"coefficients above the modulus", bytes.Repeat([]byte{0xff}, kem.MLKEM768.PublicLen()), false},
		{"a byte less", key.Public()[1:], false},
		{"a byte more", append([]byte{0}, key.Public()...), false},
		{"ML-KEM-512's length", make([]byte, kem.MLKEM512.PublicLen()), false},
	} {
		_, bob, w := newHybridPair(t, 5, kem.MLKEM768)
		token := bob.Tokens().Issue(w.now, alice4).Token
		r := bob.Handle(w.now, alice4, requestWith(t, kem.MLKEM768, bob, c.content, token))
		_, theirs := bob.Pending()
		if got := theirs == 1 && len(r.Send) == 1; got != c.good || c.good == (bob.Counts().Forged+bob.Counts().Junk == 1) {
			t.Errorf("%s: %d answers, %d handshakes, %+v", c.name, len(r.Send), theirs, bob.Counts())
		}
	}
}

// TestHybridRepeated loses Session Created: it comes again, byte for byte.
func TestHybridRepeated(t *testing.T) {
	alice, bob, w := newHybridPair(t, 6, kem.MLKEM768)
	lost := 0
	w.onSend = func(f flight) []flight {
		if f.from == bob4 && len(bob.in) == 1 && lost == 0 {
			lost++ // the first Session Created
			return nil
		}
		return []flight{f}
	}
	w.dial(t, alice, bob)
	w.run(10 * time.Second)
	agree(t, alice, bob)
	if lost != 1 || alice.Counts().Resent+bob.Counts().Resent == 0 {
		t.Fatalf("%d lost, counts %+v, %+v", lost, alice.Counts(), bob.Counts())
	}
}

// FuzzHybridSections gives either side what the other may have sealed for it.
func FuzzHybridSections(f *testing.F) {
	key := kem.GenerateKey(kem.MLKEM512, draw.Seeded([32]byte{1}))
	_, ciphertext, _ := kem.Encapsulate(kem.MLKEM512, key.Public())
	f.Add(true, true, key.Public())
	f.Add(true, false, ciphertext)
	f.Add(false, true, bytes.Repeat([]byte{0xff}, kem.MLKEM768.PublicLen()))
	f.Add(false, false, make([]byte, kem.MLKEM768.CiphertextLen()))
	f.Fuzz(func(t *testing.T, small, request bool, content []byte) {
		kind := kem.MLKEM768
		if small {
			kind = kem.MLKEM512
		}
		key := kem.GenerateKey(kind, draw.Seeded([32]byte{1}))
		var offer []byte
		reader := answered(kind, &key)
		if request {
			reader = offered(kind, &offer)
		}
		s := begin(kind, [32]byte{1}, [32]byte{2})
		s.MixKey([]byte{3})
		sender := s
		sealed := section{content: content}.seal(&sender, nil)
		if content == nil {
			sealed = nil
		}
		rest, err := reader.open(&s, slices.Concat(sealed, []byte("rest")))
		fits := len(content) == reader.len-MACLen
		if err == nil && (!fits || string(rest) != "rest") {
			t.Fatalf("%d bytes were taken", len(content))
		}
		if err != nil && fits && !request {
			t.Fatalf("a ciphertext: %v", err) // wrong ones give a wrong secret, and no error
		}
	})
}
