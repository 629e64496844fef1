package ssu2

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/routerinfo"
)

var (
	alice4 = netip.MustParseAddrPort("192.0.2.1:4567")
	bob4   = netip.MustParseAddrPort("198.51.100.2:4567")
	alice6 = netip.MustParseAddrPort("[2001:db8:1::1]:4567")
	bob6   = netip.MustParseAddrPort("[2001:db8:2::2]:4567")
)

func newPair(t testing.TB, seed byte) (alice, bob *side, w *wire) {
	t.Helper()
	alice, bob = newSide(t, 2*seed, alice4, 0, nil), newSide(t, 2*seed+1, bob4, 0, nil)
	return alice, bob, newWire(alice, bob)
}

// amplification is how many bytes may go out for one that came.
const amplification = 3

func TestHandshake(t *testing.T) {
	for seed := range byte(20) {
		alice, bob, w := newPair(t, seed)
		w.dial(t, alice, bob)
		w.run(time.Second)
		a, b := agree(t, alice, bob)
		if a.Path.RTT != 100*time.Millisecond || b.Path.RTT != 100*time.Millisecond {
			t.Errorf("round trips %v, %v", a.Path.RTT, b.Path.RTT)
		}
		for _, s := range []*Established{a, b} {
			if s.Path.Skew > time.Second || s.Path.Skew < -time.Second || s.Path.MTU != 1500 {
				t.Errorf("path %+v", s.Path)
			}
		}
		if a.Said.Address != alice4 {
			t.Errorf("Bob sees Alice at %v", a.Said.Address)
		}
		if b.Said.Options == nil || *b.Said.Options.compare() != *alice.cfg.Options.compare() {
			t.Errorf("options %+v", b.Said.Options)
		}
		// Token Request, Session Request, Session Confirmed; Retry, Session Created.
		if w.packets[alice4] != 3 || w.packets[bob4] != 2 {
			t.Errorf("%d and %d packets", w.packets[alice4], w.packets[bob4])
		}
		if a, b := alice.Counts(), bob.Counts(); a != (Counts{Established: 1}) || b != (Counts{Established: 1, Retries: 1}) {
			t.Errorf("counts %+v, %+v", a, b)
		}
	}
}

// compare leaves out what is not comparable.
func (o Options) compare() *struct{ a, b, c, d byte } {
	return &struct{ a, b, c, d byte }{o.TransmitMin, o.TransmitMax, o.ReceiveMin, o.ReceiveMax}
}

func TestHandshakeIPv6(t *testing.T) {
	alice, bob := newSide(t, 1, alice6, 0, nil), newSide(t, 2, bob6, 0, nil)
	// An address of the published /64, as privacy extensions choose it.
	alice.at = netip.MustParseAddrPort("[2001:db8:1::ffff:1]:999")
	w := newWire(alice, bob)
	w.dial(t, alice, bob)
	w.run(time.Second)
	if a, _ := agree(t, alice, bob); a.Said.Address != alice.at {
		t.Errorf("Bob sees Alice at %v", a.Said.Address)
	}
}

// TestLongRouterInfo sends Session Confirmed in several packets, in all orders.
func TestLongRouterInfo(t *testing.T) {
	for _, extra := range []int{0, 800, 1000, 1200, 2400, 5000, 9000, 13000} {
		for seed := range byte(2) {
			alice, bob := newSide(t, seed, alice4, extra, nil), newSide(t, 100+seed, bob4, 0, nil)
			w, r := newWire(alice, bob), rand.New(rand.NewPCG(uint64(seed), 1))
			longest := 0
			w.onSend = func(f flight) []flight {
				longest = max(longest, len(f.data))
				f.at = f.at.Add(time.Duration(r.IntN(40)) * time.Millisecond)
				return []flight{f}
			}
			w.dial(t, alice, bob)
			w.run(time.Second)
			agree(t, alice, bob)
			if longest > routerinfo.MinSSU2MTU-28 {
				t.Errorf("datagram of %d bytes", longest)
			}
			if extra >= 9000 && w.packets[alice4] < 6 {
				t.Errorf("%d packets only", w.packets[alice4])
			}
		}
	}
	alice, bob := newSide(t, 1, alice4, 0, func(c *Config, _ *routerinfo.BuildConfig) {
		junk := make([]byte, 19000)
		rand.NewChaCha8([32]byte{}).Read(junk)
		c.Info = func() []byte { return junk }
	}), newSide(t, 2, bob4, 0, nil)
	w := newWire(alice, bob)
	w.dial(t, alice, bob)
	w.run(time.Second)
	if len(alice.failures) != 1 {
		t.Fatal("a RouterInfo of 19000 bytes was sent")
	}
}

// TestConfirmedSizes cuts messages of all sizes.
func TestConfirmedSizes(t *testing.T) {
	for n := 72; n < 6000; n++ {
		sizes, err := confirmedSizes(n, 1236)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, s := range sizes {
			if s < minConfirmedPart || s > 1236 {
				t.Fatalf("%d bytes: %v", n, sizes)
			}
			sum += s
		}
		if sum != n {
			t.Fatalf("%d bytes: %v", n, sizes)
		}
	}
	if _, err := confirmedSizes(15*1236+1, 1236); err == nil {
		t.Fatal("16 parts")
	}
}

// TestLossyWire loses, doubles, delays and reorders, and flips bits: sessions
// come about all the same, or fail, and both sides agree.
func TestLossyWire(t *testing.T) {
	done := 0
	const runs = 40
	for seed := range uint64(runs) {
		alice, bob := newSide(t, byte(seed), alice4, int(seed%3)*1500, nil), newSide(t, byte(seed)+1, bob4, 0, nil)
		w, r := newWire(alice, bob), rand.New(rand.NewPCG(seed, 2))
		w.onSend = func(f flight) (all []flight) {
			for range 1 + r.IntN(2) {
				if r.IntN(100) < 30 {
					continue
				}
				g := f
				g.at = g.at.Add(time.Duration(r.IntN(200)) * time.Millisecond)
				if r.IntN(100) < 10 {
					g.data = bytes.Clone(g.data)
					g.data[r.IntN(len(g.data))] ^= 1 << r.IntN(8)
				}
				all = append(all, g)
			}
			return all
		}
		w.dial(t, alice, bob)
		// Alice's Session Confirmed goes again from her session.
		for range 300 {
			w.run(100 * time.Millisecond)
			if len(alice.done) > 0 && len(bob.done) == 0 {
				for _, p := range alice.done[0].Confirmed.Tick(w.now) {
					w.send(alice4, bob4, p)
				}
			}
		}
		if len(alice.done) == 1 && len(bob.done) == 1 {
			agree(t, alice, bob)
			done++
		}
		if len(bob.done) > 1 || len(alice.done)+len(alice.failures) != 1 {
			t.Fatalf("seed %d: %d, %d sessions, failures %v", seed, len(alice.done), len(bob.done), alice.failures)
		}
		if ours, theirs := alice.Pending(); ours != 0 || theirs != 0 {
			t.Fatalf("seed %d: Alice still waits", seed)
		}
		if ours, theirs := bob.Pending(); ours != 0 || theirs != 0 {
			t.Fatalf("seed %d: Bob still waits", seed)
		}
		if bob.Endpoint.early != 0 || len(bob.prefixes) != 0 {
			t.Fatalf("seed %d: %d packets, %d prefixes are left", seed, bob.Endpoint.early, len(bob.prefixes))
		}
	}
	if done < runs*8/10 {
		t.Fatalf("%d of %d handshakes have succeeded", done, runs)
	}
}

// TestFlippedBits forges every datagram of a handshake in every bit, ahead of
// the true one: the handshake goes on as if nothing had come.
func TestFlippedBits(t *testing.T) {
	for extra, kinds := range map[int][]kem.Kind{0: nil, 2400: nil, 1: {kem.MLKEM512}} {
		packets := 0
		for which := 0; ; which++ {
			change := offers(routerinfo.MaxSSU2MTU, kinds...)
			alice, bob := newSide(t, 1, alice4, extra, change), newSide(t, 2, bob4, 0, change)
			w := newWire(alice, bob)
			n, length := 0, 0
			var forged func(bit int) []byte
			w.onSend = func(f flight) []flight {
				if n++; n-1 == which {
					length = len(f.data)
					forged = func(bit int) []byte {
						b := bytes.Clone(f.data)
						b[bit/8] ^= 1 << (bit % 8)
						return b
					}
					var all []flight
					// Bits of the first 64 bytes, of the last 24 and of some between.
					for bit := 0; bit < 8*length; bit += 3 {
						if at := bit / 8; at < 64 || at >= length-24 || at%16 == 0 {
							g := f
							g.data = forged(bit)
							g.at = f.at.Add(-time.Millisecond)
							all = append(all, g)
						}
					}
					return append(all, f)
				}
				return []flight{f}
			}
			w.dial(t, alice, bob)
			for range 50 {
				w.run(100 * time.Millisecond)
				if len(alice.done) > 0 && len(bob.done) == 0 {
					for _, p := range alice.done[0].Confirmed.Tick(w.now) {
						w.send(alice4, bob4, p)
					}
				}
			}
			if length == 0 {
				break
			}
			packets++
			agree(t, alice, bob)
			if a, b := alice.Counts(), bob.Counts(); a.Junk+a.Forged+b.Junk+b.Forged+b.EarlyDrops == 0 {
				t.Errorf("datagram %d: nobody has counted the forged ones", which)
			}
			if len(alice.failures)+len(bob.failures) != 0 {
				t.Errorf("datagram %d: %v %v", which, alice.failures, bob.failures)
			}
		}
		if packets < 5 {
			t.Fatalf("%d datagrams were forged", packets)
		}
	}
}

// TestRefusals has Bob refuse, and says what Alice learns.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name        string
		alice       func(*Config, *routerinfo.BuildConfig)
		at          netip.AddrPort // where Alice really is
		bobsClock   time.Duration
		aliceErr    error
		aliceReason Reason
		bobErr      error
		silent      bool // Bob says nothing at all
	}{
		{name: "Alice's clock is slow", bobsClock: 3 * time.Minute, aliceErr: ErrTimeout, silent: true},
		{name: "Alice's clock is fast", bobsClock: -3 * time.Minute, aliceErr: ErrTimeout, silent: true},
		{name: "other network", alice: func(c *Config, _ *routerinfo.BuildConfig) { c.NetID = 2 }, aliceErr: ErrTimeout, silent: true},
		{name: "no RouterInfo", alice: func(c *Config, _ *routerinfo.BuildConfig) {
			c.Info = func() []byte { return []byte("no RouterInfo") }
		}, bobErr: ErrRouterInfo},
		{name: "forged RouterInfo", alice: func(c *Config, b *routerinfo.BuildConfig) {
			info, _ := routerinfo.Build(*b)
			raw := bytes.Clone(info.Bytes())
			raw[len(raw)-1] ^= 1
			c.Info = func() []byte { return raw }
		}, bobErr: routerinfo.ErrSignature},
		{name: "other static key", alice: func(c *Config, b *routerinfo.BuildConfig) {
			setOption(b, "s", i2p.EncodeBase64(bytes.Repeat([]byte{7}, 32)))
		}, bobErr: ErrStaticKey},
		{name: "no intro key", alice: func(c *Config, b *routerinfo.BuildConfig) { setOption(b, "i", "x") }, bobErr: ErrStaticKey},
		{name: "NTCP2 only", alice: func(c *Config, b *routerinfo.BuildConfig) { b.Addresses[0].Style = "NTCP2" }, bobErr: ErrStaticKey},
		{name: "other host", at: netip.MustParseAddrPort("192.0.2.2:4567"), bobErr: ErrAddress},
		{name: "unpublished", at: netip.MustParseAddrPort("192.0.2.2:4567"), alice: func(_ *Config, b *routerinfo.BuildConfig) {
			setOption(b, "host", "")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			alice, bob := newSide(t, 1, alice4, 0, c.alice), newSide(t, 2, bob4, 0, nil)
			if c.at.IsValid() {
				alice.at = c.at
			}
			w := newWire(alice, bob)
			w.sides[bob4] = bob
			bob.Endpoint.clockAhead(t, c.bobsClock, w)
			w.dial(t, alice, bob)
			w.run(40 * time.Second)
			check := func(who string, s *side, want error) {
				switch {
				case want == nil && len(s.failures) == 0:
				case want == nil || len(s.failures) != 1 || !errors.Is(s.failures[0].Err, want):
					t.Errorf("%s: %v, want %v", who, s.failures, want)
				}
			}
			check("Alice", alice, c.aliceErr)
			check("Bob", bob, c.bobErr)
			if c.silent != (w.packets[bob4] == 0) {
				t.Errorf("Bob has sent %d packets", w.packets[bob4])
			}
			if c.aliceErr == nil && c.bobErr == nil {
				agree(t, alice, bob)
			}
		})
	}
}

// clockAhead has the endpoint see another time than the wire.
func (e *Endpoint) clockAhead(t *testing.T, d time.Duration, w *wire) {
	t.Helper()
	if d == 0 {
		return
	}
	for at, s := range w.sides {
		if s.Endpoint == e {
			delete(w.sides, at)
			w.onSend = func(f flight) []flight {
				if f.to != at {
					return []flight{f}
				}
				w.take(s, s.Handle(f.at.Add(d), f.from, f.data))
				return nil
			}
		}
	}
}

func setOption(b *routerinfo.BuildConfig, key, value string) {
	m := map[string]string{}
	for _, p := range b.Addresses[0].Options {
		m[p.Key] = p.Value
	}
	if m[key] = value; value == "" {
		delete(m, key)
	}
	b.Addresses[0].Options, _ = i2p.NewMapping(m)
}

// TestSkewedRequest shows that Bob says why, once the address is proved.
func TestSkewedRequest(t *testing.T) {
	alice, bob, w := newPair(t, 1)
	target := bob.target
	// A token for which no Token Request was needed.
	target.Token = bob.Tokens().Issue(w.now, alice4).Token
	bob.clockAhead(t, 5*time.Minute, w)
	_, r, err := alice.Dial(w.now, target)
	if err != nil {
		t.Fatal(err)
	}
	w.take(alice, r)
	w.run(time.Second)
	var end *TerminationError
	var failure *HandshakeError
	if len(alice.failures) != 1 || !errors.As(alice.failures[0].Err, &end) || end.Reason != ReasonClockSkew || !end.Remote {
		t.Fatalf("failures %v", alice.failures)
	}
	if !errors.As(alice.failures[0].Err, &failure) || failure.Skew.Round(time.Second) != 5*time.Minute {
		t.Fatalf("skew %v", failure.Skew)
	}
	if !strings.Contains(failure.Error(), "clock skew") {
		t.Error(failure)
	}
	if bob.Counts().Skewed != 1 || len(bob.done) != 0 {
		t.Fatalf("counts %+v", bob.Counts())
	}
}

func TestLimits(t *testing.T) {
	bob := newSide(t, 200, bob4, 0, func(c *Config, _ *routerinfo.BuildConfig) { c.MaxPending, c.MaxPerPrefix = 4, 2 })
	w := newWire(bob)
	var all []*side
	for i := range 6 {
		// Two in each of three prefixes; one more where there are two.
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i % 3), byte(i)}), 4567)
		if i == 4 {
			at = netip.MustParseAddrPort("192.0.0.200:1")
		}
		s := newSide(t, byte(i), at, 0, func(_ *Config, b *routerinfo.BuildConfig) { setOption(b, "host", "") })
		all = append(all, s)
		w.sides[s.at] = s
	}
	// Nobody's Session Confirmed arrives.
	w.onSend = func(f flight) []flight {
		if len(f.data) > 400 {
			return nil
		}
		return []flight{f}
	}
	limited := 0
	for _, s := range all {
		w.dial(t, s, bob)
		w.run(100 * time.Millisecond * 3)
		var end *TerminationError
		if len(s.failures) == 1 && errors.As(s.failures[0].Err, &end) && end.Reason == ReasonLimits {
			limited++
		}
	}
	if _, n := bob.Pending(); n != 4 || limited != 2 || bob.Counts().Limited != 2 {
		t.Fatalf("%d handshakes, %d refused, counts %+v", n, limited, bob.Counts())
	}
	w.run(inboundTimeout + time.Second)
	if _, n := bob.Pending(); n != 0 || len(bob.failures) != 4 || len(bob.prefixes) != 0 {
		t.Fatalf("%d handshakes are left, %d failures", n, len(bob.failures))
	}
}

// TestEarlyData keeps the packets that overtake Session Confirmed, up to a
// bound.
func TestEarlyData(t *testing.T) {
	alice, bob, w := newPair(t, 3)
	var held []flight
	w.onSend = func(f flight) []flight {
		if len(f.data) > 400 {
			held = append(held, f)
			return nil
		}
		return []flight{f}
	}
	w.dial(t, alice, bob)
	w.run(time.Second)
	a := alice.done[0]
	var sent [][]byte
	for i := range maxEarly + 3 {
		p := ShortHeader{Dest: a.RemoteID, Number: uint32(i), Type: TypeData}.AppendTo(nil)
		p = append(p, make([]byte, 100)...)
		a.Send.Header.Mask(p)
		sent = append(sent, p)
		w.send(alice4, bob4, p)
		w.send(netip.MustParseAddrPort("192.0.2.99:1"), bob4, p) // from elsewhere
	}
	w.run(100 * time.Millisecond)
	for _, f := range held {
		w.take(bob, bob.Handle(w.now, f.from, f.data))
	}
	agree(t, alice, bob)
	if len(bob.early) != maxEarly || bob.Counts().EarlyDrops != 3 {
		t.Fatalf("%d early packets, counts %+v", len(bob.early), bob.Counts())
	}
	for i, p := range bob.early {
		if !bytes.Equal(p, sent[i]) {
			t.Fatalf("early packet %d differs", i)
		}
	}
	if bob.Endpoint.early != 0 {
		t.Fatal("early packets are still counted")
	}
}

// TestForgedRetry shows that a Retry which whoever knows the intro key can
// forge, behind the true one, does not undo the Session Request.
func TestForgedRetry(t *testing.T) {
	alice, bob, w := newPair(t, 4)
	forged := 0
	w.onSend = func(f flight) []flight {
		header := bob.keys.Unmask(f.data)
		if f.to != bob4 || MessageType(header[12]) != TypeSessionRequest || forged > 0 {
			return []flight{f}
		}
		forged++
		long, _ := bob.keys.unmaskLong(f.data)
		h, _, _ := ParseLongHeader(long[:])
		g := f
		g.from, g.to, g.at = bob4, alice4, w.now
		g.data = sealIntro(LongHeader{Dest: h.Source, Source: h.Dest, Type: TypeRetry, Version: 2, NetID: testNet, Token: 7},
			bob.cfg.Intro, AppendAddress(AppendDateTime(nil, w.now), alice4))
		return []flight{g, f}
	}
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	if forged != 1 || w.packets[alice4] != 4 {
		t.Fatalf("%d forged, Alice has sent %d packets", forged, w.packets[alice4])
	}
}

// TestTypesByChance has many handshakes, in some of which a Session Created
// looks like a Retry under the keys of one.
func TestTypesByChance(t *testing.T) {
	alice, bob, w := newPair(t, 12)
	seen := 0
	w.onSend = func(f flight) []flight {
		if header := bob.keys.Unmask(f.data); f.to == alice4 && len(bob.in) == 1 && MessageType(header[12]) == TypeRetry {
			seen++
		}
		return []flight{f}
	}
	target := bob.target
	for i := 0; seen == 0; i++ {
		alice.done, bob.done = nil, nil
		target.Token = bob.Tokens().Issue(w.now, alice4).Token
		_, r, err := alice.Dial(w.now, target)
		if err != nil {
			t.Fatal(err)
		}
		w.take(alice, r)
		w.run(200 * time.Millisecond)
		if len(alice.done) != 1 {
			t.Fatalf("handshake %d: %v, %+v", i, alice.failures, alice.Counts())
		}
	}
}

// TestRetriesEnd shows that a Bob who never likes a token is given up.
func TestRetriesEnd(t *testing.T) {
	alice, bob, w := newPair(t, 5)
	delete(w.sides, bob4)
	w.dial(t, alice, bob)
	stranger := sealIntro(LongHeader{Dest: alice.out[bob4].local, Source: 1, Type: TypeRetry, Version: 2, NetID: testNet, Token: 7},
		bob.cfg.Intro, AppendAddress(AppendDateTime(nil, w.now), alice4))
	if r := alice.Handle(w.now, bob4, stranger); len(r.Send) != 0 {
		t.Fatal("a Retry of another handshake got an answer")
	}
	for i := range maxRequests + 1 {
		o := alice.out[bob4]
		retry := sealIntro(LongHeader{Dest: o.local, Source: o.remote, Type: TypeRetry, Version: 2, NetID: testNet, Token: Token(7 + i)},
			bob.cfg.Intro, AppendAddress(AppendDateTime(nil, w.now), alice4))
		w.take(alice, alice.Handle(w.now, bob4, retry))
		w.take(alice, alice.Handle(w.now, bob4, retry)) // once more
	}
	if len(alice.failures) != 1 || !errors.Is(alice.failures[0].Err, ErrRetries) {
		t.Fatalf("failures %v", alice.failures)
	}
	if w.packets[alice4] != 1+maxRequests {
		t.Fatalf("%d packets", w.packets[alice4])
	}
}

func TestDialTwice(t *testing.T) {
	alice, bob, w := newPair(t, 6)
	id := w.dial(t, alice, bob)
	if _, _, err := alice.Dial(w.now, bob.target); !errors.Is(err, ErrPending) {
		t.Fatalf("error %v", err)
	}
	alice.Cancel(bob4, id+1)
	if ours, _ := alice.Pending(); ours != 1 {
		t.Fatal("another handshake was forgotten")
	}
	alice.Cancel(bob4, id)
	w.run(time.Minute)
	if len(alice.done)+len(alice.failures) != 0 {
		t.Fatal("a cancelled handshake went on")
	}
}

// TestNewToken dials a second time with a token: no Token Request.
func TestNewToken(t *testing.T) {
	alice, bob, w := newPair(t, 7)
	alice.Tokens().Keep(w.now, bob4, bob.Tokens().Issue(w.now, alice4))
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	if w.packets[alice4] != 2 || w.packets[bob4] != 1 {
		t.Fatalf("%d and %d packets", w.packets[alice4], w.packets[bob4])
	}
	// Bob has forgotten it: one more round trip.
	alice.done, bob.done = nil, nil
	alice.Tokens().Keep(w.now, bob4, bob.Tokens().Issue(w.now, alice4))
	bob.Tokens().Forget()
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	if w.packets[alice4] != 2+3 || w.packets[bob4] != 1+2 {
		t.Fatalf("%d and %d packets", w.packets[alice4], w.packets[bob4])
	}
}

// TestNeverMoreOutThanIn floods Bob with requests of all sizes from forged
// addresses: never more than three times the bytes come back, and junk gets no
// answer.
func TestNeverMoreOutThanIn(t *testing.T) {
	alice, bob, w := newPair(t, 8)
	r := rand.New(rand.NewPCG(8, 8))
	_, first, _ := alice.Dial(w.now, bob.target)
	request := first.Send[0].Data
	for i := range 2000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), uint16(1000+i))
		var packet []byte
		switch i % 3 {
		case 0:
			packet = request
		case 1:
			h := alice.header(TypeTokenRequest, Version, ConnectionID(r.Uint64()), ConnectionID(r.Uint64()), 0)
			packet = sealIntro(h, bob.cfg.Intro, AppendPadding(AppendDateTime(nil, w.now), r.IntN(40)))
		case 2:
			h := alice.header(TypeSessionRequest, Version, ConnectionID(r.Uint64()), ConnectionID(r.Uint64()), Token(r.Uint64()))
			packet = append(h.AppendTo(nil), make([]byte, minKeyed-LongHeaderLen+r.IntN(100))...)
			bob.keys.maskLong(packet, keyLen)
		}
		out := 0
		for _, d := range bob.Handle(w.now, from, packet).Send {
			if d.To != from {
				t.Fatalf("an answer to %v went to %v", from, d.To)
			}
			out += len(d.Data)
		}
		if out == 0 || out > amplification*len(packet) {
			t.Fatalf("%d bytes for %d", out, len(packet))
		}
	}
	// An observer may send a packet back with which connection ids are one.
	same := sealIntro(alice.header(TypeTokenRequest, Version, 5, 5, 0), bob.cfg.Intro, AppendPadding(AppendDateTime(nil, w.now), 9))
	if out := bob.Handle(w.now, alice4, same); len(out.Send) != 0 {
		t.Fatal("one connection id for both sides got an answer")
	}
	retries := bob.Counts().Retries
	junk := make([]byte, 1500)
	stream := rand.NewChaCha8([32]byte{8})
	for range 5000 {
		stream.Read(junk)
		if out := bob.Handle(w.now, alice4, junk[:r.IntN(len(junk))]); len(out.Send) != 0 {
			t.Fatal("junk got an answer")
		}
	}
	if c := bob.Counts(); c.Retries != retries || c.Junk < 4900 {
		t.Fatalf("counts %+v", c)
	}
	if ours, theirs := bob.Pending(); ours+theirs != 0 || !bob.Deadline().IsZero() {
		t.Fatal("Bob has kept something")
	}
}

// TestReplays brings every datagram of a handshake once more, later, to who
// got it: no second session, and nothing from Bob but a Retry to who asks.
func TestReplays(t *testing.T) {
	alice, bob, w := newPair(t, 9)
	var all []flight
	w.onSend = func(f flight) []flight { all = append(all, f); return []flight{f} }
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	w.onSend = nil
	for _, after := range []time.Duration{time.Second, 15 * time.Second, 3 * time.Minute} {
		w.run(after)
		for _, f := range all {
			s := w.sides[f.to]
			out := s.Handle(w.now, f.from, f.data)
			if out.Established != nil || len(out.Failed) > 0 {
				t.Fatalf("after %v: %+v", after, out)
			}
			if n := len(out.Send); n > 0 && (n > 1 || len(out.Send[0].Data) > amplification*len(f.data)) {
				t.Fatalf("after %v: %d answers", after, n)
			}
		}
	}
	// A replayed Session Request has no good token, and costs no exchange.
	if c := bob.Counts(); c.Replayed != 0 || c.Established != 1 {
		t.Fatalf("counts %+v", c)
	}
}

// TestReplayedKey replays a Session Request whose token has been forgotten, by
// a flood, before its time was over.
func TestReplayedKey(t *testing.T) {
	alice, bob, w := newPair(t, 13)
	var request []byte
	w.onSend = func(f flight) []flight {
		if header := bob.keys.Unmask(f.data); f.to == bob4 && MessageType(header[12]) == TypeSessionRequest {
			request = f.data
		}
		return []flight{f}
	}
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	for i := range 2 * maxUsed {
		bob.tokens.spend(w.now, bob4, Token(i+1))
	}
	if r := bob.Handle(w.now, alice4, request); len(r.Send) != 0 || bob.Counts().Replayed != 1 {
		t.Fatalf("%d answers, %+v", len(r.Send), bob.Counts())
	}
}

// TestRepeatedRequest repeats a Session Request, as Alice does whose answer was
// lost: Bob repeats his, a few times.
func TestRepeatedRequest(t *testing.T) {
	alice, bob, w := newPair(t, 14)
	target := bob.target
	target.Token = bob.Tokens().Issue(w.now, alice4).Token
	_, r, _ := alice.Dial(w.now, target)
	first := bob.Handle(w.now, alice4, r.Send[0].Data)
	answers := 0
	for range 10 {
		for _, d := range bob.Handle(w.now, alice4, r.Send[0].Data).Send {
			if !bytes.Equal(d.Data, first.Send[0].Data) {
				t.Fatal("another answer")
			}
			answers++
		}
	}
	if answers != resends {
		t.Fatalf("%d answers", answers)
	}
}

// TestTriesOfToken bounds the exchanges that one token costs.
func TestTriesOfToken(t *testing.T) {
	alice, bob, w := newPair(t, 10)
	target := bob.target
	target.Token = bob.Tokens().Issue(w.now, alice4).Token
	_, r, _ := alice.Dial(w.now, target)
	packet := bytes.Clone(r.Send[0].Data)
	packet[70] ^= 1
	for range 10 {
		bob.Handle(w.now, alice4, packet)
	}
	if c := bob.Counts(); c.Forged != maxTries || c.Retries != 10-maxTries {
		t.Fatalf("counts %+v", c)
	}
}

func FuzzEndpoint(f *testing.F) {
	alice, bob, w := newPair(f, 11)
	w.onSend = func(fl flight) []flight { f.Add(fl.data, fl.to == bob4); return []flight{fl} }
	w.dial(f, alice, bob)
	w.run(time.Second)
	f.Add(bytes.Repeat([]byte{1}, 40), true)
	f.Fuzz(func(t *testing.T, packet []byte, toBob bool) {
		a, b, w := newPair(t, 11)
		w.dial(t, a, b)
		s, from := a, bob4
		if toBob {
			s, from = b, alice4
		}
		out := s.Handle(w.now, from, packet)
		n := 0
		for _, d := range out.Send {
			n += len(d.Data)
		}
		if toBob && n > amplification*len(packet) || out.Established != nil {
			t.Fatalf("%d bytes for %d, %+v", n, len(packet), out)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add(LongHeader{Dest: 1, Source: 2, Type: TypeRetry, Version: 2, NetID: 99, Token: 3}.AppendTo(nil))
	f.Add(ShortHeader{Dest: 1, Number: 2, Type: TypeData, Flags: [3]byte{1, 2, 3}}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, rest, err := ParseLongHeader(b); err == nil {
			if !bytes.Equal(append(h.AppendTo(nil), rest...), b) {
				t.Fatalf("%+v", h)
			}
		}
		if h, rest, err := ParseShortHeader(b); err == nil {
			if !bytes.Equal(append(h.AppendTo(nil), rest...), b) {
				t.Fatalf("%+v", h)
			}
		}
		if len(b) < MinPacket {
			return
		}
		keys, packet := HeaderKeys{[32]byte{1}, [32]byte{2}}, bytes.Clone(b)
		header := keys.Unmask(packet)
		keys.Mask(packet)
		if !bytes.Equal(packet[:16], header[:]) || fmt.Sprint(DestOf(&keys.K1, b)) != fmt.Sprint(mustShort(header[:]).Dest) {
			t.Fatal("masking differs")
		}
		keys.Mask(packet)
		if !bytes.Equal(packet, b) {
			t.Fatal("masking twice is not nothing")
		}
	})
}

func mustShort(b []byte) ShortHeader {
	h, _, err := ParseShortHeader(b)
	if err != nil {
		panic(err)
	}
	return h
}
