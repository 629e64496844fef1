package session

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/ssu2"
)

// TestTransfer: 20 MB over a path that does everything that paths do arrive, whole and in
// bounded time.
func TestTransfer(t *testing.T) {
	for _, c := range []struct {
		name  string
		scene scene
		total int
		most  time.Duration
	}{
		{"clean", scene{rate: 12.5e6, delay: 10 * ms, queue: 1e5}, 20e6, 3 * time.Second},
		{"loss of 5 %, reordering of 25 %, 200 ms", scene{rate: 12.5e6, delay: 100 * ms, queue: 5e5, loss: 0.05, reorder: 0.25, lag: 10 * ms}, 20e6, 20 * time.Second},
		{"repetition, forgery", scene{rate: 6e6, delay: 20 * ms, queue: 1e5, loss: 0.01, dup: 0.1, forge: 0.1}, 10e6, 6 * time.Second},
		{"small path", scene{rate: 6e6, delay: 20 * ms, queue: 1e5, mtu: 1400}, 10e6, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if raceEnabled {
				c.total /= 10
			}
			lent := buf.InUse()
			w := newWorld(t, 1, c.scene, func(c *Config) { c.Limits.Fragments = 8 << 20 })
			start := w.now
			sizes := []int{1028, 1028, 1028, 300, 3000, 61 << 10, 1028, 20}
			i := 0
			b := w.a.bulk(c.total, func() int { i++; return sizes[i%len(sizes)] })
			if !w.run(2*c.most, b.arrived) {
				t.Fatalf("%d of %d bytes in %v: %+v", w.b.bytes, b.bytes, w.now.Sub(start), w.b.s.Counts())
			}
			took := w.now.Sub(start)
			t.Logf("%d bytes in %v, %.2f MB/s, %.3f overhead; %+v, %+v", b.bytes, took.Round(ms), float64(b.bytes)/took.Seconds()/1e6,
				float64(w.a.sent)/float64(b.bytes)-1, w.a.s.State(w.now), w.a.s.Counts())
			if b.sum != w.b.sum {
				t.Error("something else arrived than was sent")
			}
			if took > c.most {
				t.Errorf("took %v", took)
			}
			w.run(10*time.Second, nil)
			if held := w.a.s.Held(); held != 0 {
				t.Errorf("%d bytes are still on their way", held)
			}
			if n := buf.InUse(); n != lent {
				t.Errorf("%d buffers are still lent", n-lent)
			}
			if c.scene.forge > 0 && w.b.s.Counts().Forged == 0 || c.scene.dup > 0 && w.b.s.Counts().Duplicates == 0 {
				t.Errorf("%+v", w.b.s.Counts())
			}
			w.end()
		})
	}
}

// TestRebinding: a sender's or a receiver's address changes in the middle of a transfer, its
// port or all of it; what is sent to the old one is gone. Nothing is lost, and the pause is short.
func TestRebinding(t *testing.T) {
	for _, who := range []string{"sender", "receiver"} {
		for _, to := range []string{"23.0.0.9:99", "port"} {
			t.Run(who+", "+to, func(t *testing.T) {
				w := newWorld(t, 2, scene{rate: 6e6, delay: 50 * ms, queue: 1e5}, nil)
				total, after := int(20e6), time.Second
				if raceEnabled {
					total, after = 3e6, 400*ms
				}
				b := w.a.bulk(total, fixed(1028))
				w.run(after, nil)
				w.b.pause = 0
				moved := w.now
				n := w.a
				if who == "receiver" {
					n = w.b
				}
				if to == "port" {
					n.at = netip.AddrPortFrom(n.at.Addr(), 9999)
				} else {
					n.at = netip.MustParseAddrPort(to)
				}
				if !w.run(20*time.Second, b.arrived) {
					t.Fatalf("%d of %d bytes", w.b.bytes, b.bytes)
				}
				t.Logf("pause %v, all after %v", w.b.pause, w.now.Sub(moved))
				if w.b.pause > 2*time.Second || b.sum != w.b.sum {
					t.Errorf("a pause of %v", w.b.pause)
				}
				// What was lost with the old address is no congestion of the new path.
				if took := w.now.Sub(moved); took > 8*time.Second {
					t.Errorf("the rest of 20 MB at 6 MB/s took %v", took)
				}
				if got := n.peer.s.State(w.now).Remote; got != n.at {
					t.Errorf("the peer believes it at %v", got)
				}
				w.end()
			})
		}
	}
}

// TestRedirection: who copies packets with another source address moves no session, and
// has no more sent to that address than three times what he sent.
func TestRedirection(t *testing.T) {
	w := newWorld(t, 3, scene{rate: 6e6, delay: 20 * ms, queue: 1e5}, nil)
	elsewhere := netip.MustParseAddrPort("23.0.0.77:7")
	in, out := 0, 0
	n := 0
	w.tap = func(from *node, to netip.AddrPort, d []byte) bool {
		if to == elsewhere {
			out += len(d)
			return false
		}
		if n++; from == w.a && n%20 == 0 { // it arrives before the genuine one
			in += len(d)
			c := append([]byte(nil), d...)
			w.push(w.now.Add(15*ms), func() { w.b.arrive(c, elsewhere, w.b.at, false) })
		}
		return true
	}
	b := w.a.bulk(2e6, fixed(1028))
	if !w.run(10*time.Second, b.arrived) || b.sum != w.b.sum {
		t.Fatalf("%d of %d bytes", w.b.bytes, b.bytes)
	}
	if c := w.b.s.Counts(); c.Moved != 0 || c.NotMoved == 0 || out == 0 || out > 3*in {
		t.Errorf("%d bytes in, %d out; %+v", in, out, c)
	}
	w.end()
}

// TestSmallRedirection: one small packet from elsewhere, and none from the peer's address any more,
// is answered there with three times its bytes at most, however long nothing else comes.
func TestSmallRedirection(t *testing.T) {
	w := newWorld(t, 12, scene{delay: 10 * ms}, nil)
	w.run(time.Second, nil)
	elsewhere, out := netip.MustParseAddrPort("23.0.0.77:7"), 0
	w.tap = func(from *node, to netip.AddrPort, d []byte) bool {
		if to == elsewhere {
			out += len(d)
		}
		return from == w.b && to != elsewhere // of Alice's nothing arrives
	}
	payload := ssu2.AppendPadding(nil, 21)
	if !w.b.speak(payload, elsewhere) {
		t.Fatal("the packet is not taken")
	}
	w.b.flush()
	w.run(10*time.Second, nil)
	if in := overhead + len(payload); out == 0 || out > 3*in {
		t.Errorf("%d bytes for %d", out, in)
	}
	if c := w.b.s.Counts(); c.Moved != 0 || c.NotMoved != 1 {
		t.Errorf("%+v", c)
	}
	w.end()
}

// TestUrgent: urgent messages overtake bulk that waits.
func TestUrgent(t *testing.T) {
	w := newWorld(t, 4, scene{rate: 1.25e6, delay: 20 * ms, queue: 1e6}, nil)
	w.a.bulk(1<<30, fixed(1028))
	w.run(5*time.Second, nil)
	for range 300 { // more than the window
		w.a.s.Send(w.message(1<<30, 1028), Bulk)
	}
	sent := w.now
	w.a.s.Send(w.message(77777777, 500), Urgent)
	w.a.flush()
	if !w.run(time.Second, func() bool { return w.b.got[77777777] > 0 }) || w.now.Sub(sent) > 60*ms {
		t.Errorf("an urgent message took %v", w.now.Sub(sent))
	}
	w.end()
}

// TestFarewell: both sides know of the end, also where farewells are lost, and are gone soon.
func TestFarewell(t *testing.T) {
	for _, loss := range []float64{0, 0.5, 1} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			w := newWorld(t, 5, scene{delay: 20 * ms}, nil)
			b := w.a.bulk(1e5, fixed(1028))
			w.run(time.Second, b.arrived)
			w.a.scene.loss, w.b.scene.loss = loss, loss
			w.a.s.Close(w.now, 3)
			w.a.flush()
			w.run(20*time.Second, func() bool { return w.a.s.Gone() && (w.b.s.Gone() || loss == 1) })
			if !w.a.s.Gone() || w.a.s.Ended() == nil {
				t.Error("the one that closes is not gone")
			}
			if loss < 1 && w.b.s.Ended() == nil {
				t.Error("the other has not heard of it")
			}
			if err := w.a.s.Send(w.message(1, 10), Bulk); err != ErrOver {
				t.Error(err)
			}
			w.end()
		})
	}
}

// TestLastWord: what was sealed while the session stood ends it at the peer, whatever was sent meanwhile.
func TestLastWord(t *testing.T) {
	for _, more := range []bool{false, true} {
		w := newWorld(t, 5, scene{delay: 20 * ms}, nil)
		b := w.a.bulk(1e5, fixed(1028))
		w.run(time.Second, b.arrived)
		word := bytes.Clone(w.a.s.LastWord())
		if more {
			b = w.a.bulk(1e6, fixed(1028))
			if !w.run(20*time.Second, b.arrived) {
				t.Fatal("what was sent after it does not arrive")
			}
			if !bytes.Equal(word, w.a.s.LastWord()) {
				t.Fatal("two packets with one number")
			}
		}
		if !w.b.s.Handle(w.now, word, w.a.at, false) {
			t.Fatal("it is not the peer's")
		}
		var why *ssu2.TerminationError
		if !errors.As(w.b.s.Ended(), &why) || !why.Remote || !w.b.s.Gone() {
			t.Errorf("%v, gone: %v", w.b.s.Ended(), w.b.s.Gone())
		}
		w.end()
	}
}

// TestSilence: a peer that has gone without a word is noticed.
func TestSilence(t *testing.T) {
	w := newWorld(t, 6, scene{delay: 20 * ms}, nil)
	b := w.a.bulk(1e5, fixed(1028))
	w.run(time.Second, b.arrived)
	w.a.scene.loss = 1
	w.a.s.Send(w.message(99999, 1000), Bulk)
	w.a.flush()
	w.run(5*time.Second, nil)
	if s := w.a.s.State(w.now).Silence; s < 4*time.Second {
		t.Errorf("silent for %v", s)
	}
	w.run(30*time.Second, func() bool { return w.a.s.Ended() != nil })
	if w.a.s.Ended() == nil {
		t.Error("it goes on")
	}
	w.end()
}

// TestQuiet: two sessions without anything to say are silent.
func TestQuiet(t *testing.T) {
	w := newWorld(t, 7, scene{delay: 20 * ms}, nil)
	b := w.a.bulk(1e5, fixed(1028))
	w.run(time.Second, b.arrived)
	w.run(10*time.Second, nil)
	n := w.a.datagram + w.b.datagram
	w.run(10*time.Minute, nil)
	if more := w.a.datagram + w.b.datagram - n; more > 0 {
		t.Errorf("%d datagrams about nothing", more)
	}
	if !w.a.s.Deadline().IsZero() || !w.b.s.Deadline().IsZero() {
		t.Error("there is still something due")
	}
	w.a.s.Ping()
	w.a.flush()
	w.run(time.Second, nil)
	if w.a.s.State(w.now).Silence != 0 {
		t.Error("a ping was not answered")
	}
	w.end()
}

// TestConfirmedAgain: Alice's Session Confirmed that comes again is acknowledged again, now
// and then, and for a while.
func TestConfirmedAgain(t *testing.T) {
	w := newWorld(t, 12, scene{delay: 20 * ms}, nil)
	w.tap = func(*node, netip.AddrPort, []byte) bool { return false } // the acknowledgement is lost
	w.run(time.Second, nil)
	before := w.b.datagram
	for range 100 {
		w.b.arrive(make([]byte, 800), w.a.at, w.b.at, false)
		w.b.arrive(make([]byte, 80), w.a.at, w.b.at, false)
	}
	if n := w.b.datagram - before; n != 1 {
		t.Errorf("%d answers", n)
	}
	w.run(20*time.Second, nil)
	before = w.b.datagram
	w.b.arrive(make([]byte, 800), w.a.at, w.b.at, false)
	if n := w.b.datagram - before; n != 0 {
		t.Errorf("%d answers long after", n)
	}
	w.end()
}

// TestEven: what is sent at once is of few sizes, so that the system can be given it at once, and
// its sizes are others the next time.
func TestEven(t *testing.T) {
	w := newWorld(t, 1, scene{rate: 1e9, delay: ms, queue: 1e7}, nil)
	sizes := make(map[time.Time][]int)
	w.tap = func(from *node, _ netip.AddrPort, datagram []byte) bool {
		if from == w.a {
			sizes[w.now] = append(sizes[w.now], len(datagram))
		}
		return true
	}
	b := w.a.bulk(2e6, func() int { return 1028 })
	if !w.run(time.Minute, b.arrived) {
		t.Fatal("it does not arrive")
	}
	datagrams, runs, seen := 0, 0, make(map[int]bool)
	for _, of := range sizes {
		if len(of) < 4 {
			continue
		}
		for i, n := range of {
			if datagrams++; i == 0 || n != of[i-1] {
				runs++
			}
			seen[n] = true
		}
	}
	if datagrams < 1000 || datagrams < 4*runs {
		t.Errorf("%d datagrams in %d runs of one size", datagrams, runs)
	}
	if len(seen) < 8 {
		t.Errorf("%d different sizes", len(seen))
	}
}
