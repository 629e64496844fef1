package ssu2

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

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
