package ssu2

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/routerinfo"
)

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
