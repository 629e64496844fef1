package client

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
)

// stored is the lease set that a client's floodfill has.
func (e *ether) stored(c *Client) leaseset.Set {
	e.mu.Lock()
	defer e.mu.Unlock()
	set, _ := e.sets[c.Destination().Hash()].(leaseset.Set)
	return set
}

// TestResume: a destination that comes back soon goes on as if nothing had
// been; one that comes back later publishes the lease set again that it took
// back, and peers that have the old one reach it at once.
func TestResume(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		b.look(func(time.Time) { b.cfg.Resumable = true })
		echo(t, a, b, 1000)
		first := e.stored(b).Published()

		b.Retire()
		time.Sleep(withdrawAfter / 2)
		resume(t, b)
		echo(t, a, b, 1000)
		if e.stored(b).Published() != first {
			t.Error("a short absence changed the lease set")
		}

		b.Retire()
		time.Sleep(2 * withdrawAfter)
		taken := e.stored(b)
		if taken.Published() <= first || taken.Expires() > i2p.DateOf(time.Now().Add(withdrawnLife)) {
			t.Errorf("published %v, ends %v: not taken back", taken.Published().Time(), taken.Expires().Time())
		}
		var known *remote
		a.look(func(time.Time) {
			known = a.remotes[b.own.hash]
			a.forget(known)
		})
		if _, err := a.Dial(t.Context(), b.Destination(), 7); !errors.Is(err, ErrTakenBack) {
			t.Errorf("dialled what was taken back: %v", err)
		}
		a.look(func(time.Time) { a.remotes[known.hash], a.byStatic[known.static()] = known, known })
		time.Sleep(2 * farewell)
		if _, err := b.Listen(7); err == nil {
			t.Error("a retired destination listens")
		}
		resume(t, b)
		begun := time.Now()
		echo(t, a, b, 1000)
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("a peer with the old lease set waited for %v", took)
		}
		if set := e.stored(b); set.Published() <= taken.Published() || len(set.Leases()) == 0 {
			t.Errorf("published %v with %d leases", set.Published().Time(), len(set.Leases()))
		}

		b.Retire()
		time.Sleep(dormancy + time.Second)
		if b.Resume(options.Default()) {
			t.Error("resumed after its end")
		}
	})
}

// resume has a client listen and echo again.
func resume(t *testing.T, c *Client) {
	t.Helper()
	if !c.Resume(options.Default()) {
		t.Fatal("not resumed")
	}
	if c.Resume(options.Default()) {
		t.Error("resumed twice")
	}
	l, err := c.Listen(7)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	go echoes(t.Context(), l)
}

// TestLeave: a destination that goes while it has a user takes its lease set back at once, and opens
// no streams; those that are open may end. Then it ends by itself, and without them soon.
func TestLeave(t *testing.T) {
	for name, streams := range map[string]bool{"with a stream": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			pair(t, func(t *testing.T, e *ether, a, b *Client) {
				b.look(func(time.Time) { b.cfg.Resumable = true })
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				echo(t, a, b, 1000) // it lingers
				out, in := connected(t, ctx, a, b)
				if !streams {
					out.Abort()
				}
				before := e.stored(b).Published()
				b.Leave()
				time.Sleep(time.Second)
				if set := e.stored(b); set.Published() <= before || set.Expires() > i2p.DateOf(time.Now().Add(withdrawnLife)) {
					t.Errorf("published %v, ends %v: not taken back", set.Published().Time(), set.Expires().Time())
				}
				if runs := b.look(func(time.Time) {}); runs != streams {
					t.Fatalf("it still runs: %v", runs)
				}
				if !streams {
					return
				}
				if b.Resume(options.Default()) {
					t.Error("it came back")
				}
				if _, err := b.Dial(ctx, a.Destination(), 7); err == nil {
					t.Error("it opened a stream")
				}
				go func() {
					io.WriteString(out, "the last words")
					out.Close()
				}()
				if got, err := io.ReadAll(in); err != nil || string(got) != "the last words" {
					t.Errorf("%q, %v", got, err)
				}
				in.Close()
				if err := out.Wait(ctx); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if b.look(func(time.Time) {}) {
					t.Error("it does not end")
				}
			})
		})
	}
}

// echoes answers each stream with what comes.
func echoes(ctx context.Context, l *sockets.Listener) {
	for {
		s, err := l.AcceptStream(ctx)
		if err != nil {
			return
		}
		go func() {
			io.Copy(s, s)
			s.Close()
		}()
	}
}

// TestDialOneWhoLeft: who dials a destination just after its user has left gets
// no answer. He is told once the lease set was taken back, unless there is
// another user by then.
func TestDialOneWhoLeft(t *testing.T) {
	for name, back := range map[string]bool{"for good": false, "and came back": true} {
		t.Run(name, func(t *testing.T) {
			pair(t, func(t *testing.T, e *ether, a, b *Client) {
				b.look(func(time.Time) { b.cfg.Resumable = true })
				echo(t, a, b, 1000)
				b.Retire()
				begun := time.Now()
				dialled := make(chan error)
				go func() {
					_, err := a.Dial(t.Context(), b.Destination(), 7)
					dialled <- err
				}()
				if back {
					time.Sleep(withdrawAfter + 5*time.Second)
					resume(t, b)
				}
				if err := <-dialled; back && err != nil || !back && !errors.Is(err, ErrTakenBack) {
					t.Error(err)
				}
				if took := time.Since(begun); took > withdrawAfter+2*lookupPatience {
					t.Errorf("after %v", took)
				} else {
					t.Logf("after %v", took)
				}
				a.look(func(time.Time) {
					if len(a.dials) > 0 {
						t.Errorf("%d dials left", len(a.dials))
					}
				})
			})
		})
	}
}

// TestOldSetOfOneWhoLeft: where a lease set is known to have been taken back, a
// floodfill that still has the one before does not bring its owner back.
func TestOldSetOfOneWhoLeft(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		b.look(func(time.Time) { b.cfg.Resumable = true })
		echo(t, a, b, 1000)
		old := e.stored(b)
		b.Retire()
		time.Sleep(withdrawAfter + time.Second)
		taken := e.stored(b)
		a.look(func(now time.Time) { a.learn(now, taken) })
		e.mu.Lock()
		e.sets[old.Hash()] = old
		e.mu.Unlock()
		if _, err := a.Lookup(t.Context(), old.Hash()); !errors.Is(err, ErrTakenBack) {
			t.Fatalf("looked up: %v", err) // to dial would go on and on
		}
		if _, err := a.Dial(t.Context(), b.Destination(), 7); !errors.Is(err, ErrTakenBack) {
			t.Errorf("dialled: %v", err)
		}
	})
}

// TestNobody: who cannot be there is not waited for, as one is who may just have come.
func TestNobody(t *testing.T) {
	pair(t, func(t *testing.T, _ *ether, a, _ *Client) {
		begun := time.Now()
		if _, err := a.Lookup(t.Context(), i2p.Hash{}); !errors.Is(err, netdb.ErrNobodys) {
			t.Errorf("looked up: %v", err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// TestMovedService: who has only the old lease set of a destination loses its
// SYN. It finds the new one soon.
func TestMovedService(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		state := oneTunnel(i2p.HashOf([]byte{1}))
		state.RTT = 20 * time.Millisecond
		e.change(a, state.Leases[0].Gateway, state)
		echo(t, a, b, 1000)
		time.Sleep(2 * conversation) // b does not tell a by itself any more
		old := e.stored(b).Leases()[0].Gateway
		e.move(b, i2p.HashOf([]byte("elsewhere")))
		e.mu.Lock()
		e.lost = old
		e.mu.Unlock()
		time.Sleep(time.Second)
		begun := time.Now()
		echo(t, a, b, 1000)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("a caller with the old lease set waited for %v", took)
		} else {
			t.Logf("it took %v", took)
		}
	})
}

// sealed is a record that is no Set, as an encrypted or a meta lease set is none.
type sealed struct{ leaseset.Record }

// TestNoSet: what does not say how a destination is reached is not taken for a
// lease set without leases: Dial tells at once.
func TestNoSet(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		e.mu.Lock()
		hash := b.Destination().Hash()
		e.sets[hash] = sealed{e.sets[hash]}
		e.mu.Unlock()
		begun := time.Now()
		if _, err := a.Dial(t.Context(), b.Destination(), 7); !errors.Is(err, ErrLeaseSetKind) {
			t.Errorf("error %v, want %v", err, ErrLeaseSetKind)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// TestNothingInCommon: a destination that none of our encryption types reaches is
// an error at once; so is one with an ElGamal key that is none.
func TestNothingInCommon(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		set, err := leaseset.Build2(leaseset.Build2Config{
			Keys:           b.cfg.Keys,
			EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoP256, Key: make([]byte, 64)}, {Type: i2p.CryptoElGamal, Key: make([]byte, 256)}},
			Leases:         oneTunnel(i2p.HashOf([]byte{2})).Leases,
			Published:      i2p.DateOf(time.Now()),
		})
		if err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		e.sets[set.Hash()] = set
		e.mu.Unlock()
		begun := time.Now()
		_, err = a.Dial(t.Context(), b.Destination(), 7)
		if !errors.Is(err, ErrEncryption) || !strings.Contains(err.Error(), " has P256, ElGamal, and this destination speaks ") {
			t.Error(err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// TestHandlersEnd: the handlers of one user are told that they are none any more, and the next
// one has the protocols to himself.
func TestHandlersEnd(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, _ *Client) {
		a.look(func(time.Time) { a.cfg.Resumable = true })
		told := 0
		if _, err := a.Handle(200, 5, func(datagram.Header, []byte, i2p.Hash) {}, func() { told++ }); err != nil {
			t.Fatal(err)
		}
		a.Retire()
		if _, err := a.Handle(200, 6, func(datagram.Header, []byte, i2p.Hash) {}, nil); !errors.Is(err, ErrClosed) || told != 1 {
			t.Errorf("%v, told %d times", err, told)
		}
		if !a.Resume(a.cfg.Options) {
			t.Fatal("not resumed")
		}
		for _, port := range []uint16{5, 6} {
			if _, err := a.Handle(200, port, func(datagram.Header, []byte, i2p.Hash) {}, nil); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestLost: a destination whose tunnels have gone says so, and is ready again once peers can find it by others.
func TestLost(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		soon := func(wait func(context.Context) error) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return wait(ctx)
		}
		if err := soon(a.Lost); err == nil {
			t.Error("what stands is lost")
		}
		gateway := i2p.HashOf([]byte{9})
		e.move(a, gateway)
		for n, what := range []string{"all", "inbound", "outbound", "all again"} {
			var some TunnelState
			switch what {
			case "inbound":
				some.Outbound = []uint32{1}
			case "outbound":
				some.Leases = oneTunnel(gateway).Leases
			}
			e.change(a, gateway, some)
			if err := soon(a.Lost); err != nil {
				t.Errorf("%s are gone: %v", what, err)
			}
			if soon(a.Ready) == nil || soon(a.Standing) == nil || a.Stands() {
				t.Errorf("%s are gone, and it is ready", what)
			}
			if n%2 == 0 { // else those come back that were
				gateway = i2p.HashOf([]byte{9, byte(n)})
			}
			e.move(a, gateway)
			if err := soon(a.Ready); err != nil {
				t.Errorf("%s are there again: %v", what, err)
			}
			if set := e.stored(a); set.Leases()[0].Gateway != gateway {
				t.Errorf("%s are there again, and nobody can know", what)
			}
			if soon(a.Lost) == nil {
				t.Errorf("%s are there again, and lost", what)
			}
		}
	})
}
