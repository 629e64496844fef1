package ssu2

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

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
	bob := newSide(t, 200, bob4, 0, func(c *Config, _ *routerinfo.BuildConfig) { c.MaxPending, c.MaxPerPrefix = 5, 2 })
	w := newWire(bob)
	var all []*side
	for i := range 7 {
		// Two in one of three prefixes, and one more; then two more in the others.
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i % 3), byte(i)}), 4567)
		switch i {
		case 4:
			at = netip.MustParseAddrPort("192.0.0.200:1")
		case 6:
			at = netip.MustParseAddrPort("192.0.1.200:1")
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
	if _, n := bob.Pending(); n != 5 || limited != 2 || bob.Counts().Limited != 2 {
		t.Fatalf("%d handshakes, %d refused, counts %+v", n, limited, bob.Counts())
	}
	if n := bob.prefixes[netip.MustParsePrefix("192.0.0.0/24")]; n != 2 {
		t.Fatalf("%d handshakes of one network", n)
	}
	w.run(inboundTimeout + time.Second)
	if _, n := bob.Pending(); n != 0 || len(bob.failures) != 5 || len(bob.prefixes) != 0 {
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
