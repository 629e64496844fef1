package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// TestKilledPeer: a destination that was killed knows of no session and no stream when it
// comes back with other tunnels. Who had streams with it soon has new ones, and hears that
// the old ones are no more, whether or not he sends on them.
func TestKilledPeer(t *testing.T) {
	for name, does := range map[string]struct {
		dials, sends bool
		within       time.Duration
	}{
		"who dials anew":    {true, false, 15 * time.Second},
		"who sends on":      {false, true, 15 * time.Second},
		"who is only there": {false, false, 90*time.Second + 15*time.Second}, // a keep-alive asks
	} {
		t.Run(name, func(t *testing.T) {
			pair(t, func(t *testing.T, e *ether, a, b *Client) {
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				defer running.Wait()
				defer cancel()
				victim := e.with(t, 3, Config{Env: env.Env{Rand: draw.From(rand.NewChaCha8([32]byte{13}))}, Keys: mustKeys(t, 3), Options: b.cfg.Options})
				life, end := context.WithCancel(ctx)
				running.Go(func() { victim.Run(life) })
				serve := func(c *Client) {
					l, err := c.Listen(7)
					if err != nil {
						t.Fatal(err)
					}
					running.Go(func() { echoes(ctx, l) })
				}
				serve(victim)
				if err := victim.Ready(ctx); err != nil {
					t.Fatal(err)
				}
				streams := make([]*sockets.Conn, 40)
				for i := range streams {
					streams[i] = mustEcho(t, ctx, a, victim)
				}
				time.Sleep(time.Second)

				e.kill(victim, end)
				killed := time.Now()
				ends := make(chan error, len(streams))
				for i, s := range streams {
					running.Go(func() {
						_, err := io.Copy(io.Discard, s)
						ends <- err
					})
					if i%2 == 0 { // the others are left idle
						running.Go(func() {
							for does.sends || does.dials && i == 0 {
								if _, err := s.Write([]byte(".")); err != nil {
									return
								}
								time.Sleep(time.Second)
							}
						})
					}
				}
				time.Sleep(3 * time.Second)
				again := e.with(t, 4, Config{Env: env.Env{Rand: draw.From(rand.NewChaCha8([32]byte{14}))}, Keys: mustKeys(t, 3), Options: b.cfg.Options})
				running.Go(func() { again.Run(ctx) })
				serve(again)
				if err := again.Ready(ctx); err != nil {
					t.Fatal(err)
				}
				back := time.Now()
				if does.dials {
					mustEcho(t, ctx, a, again).Abort()
					if took := time.Since(back); took > 2*time.Second {
						t.Errorf("a new stream took %v", took)
					} else {
						t.Logf("a new stream took %v", took)
					}
				}
				for range streams {
					if err := <-ends; !errors.Is(err, streaming.ErrReset) {
						t.Errorf("a stream ended with %v", err)
					}
				}
				if took := time.Since(killed); took > does.within {
					t.Errorf("the streams ended after %v", took)
				} else {
					t.Logf("the streams ended after %v", took)
				}
			})
		})
	}
}

// TestSameSecond: a destination that was killed and comes back within the second in which its
// lease set is dated, or with a clock that is behind, has one that is newer than what floodfills
// keep of it, and is found at once.
func TestSameSecond(t *testing.T) {
	for _, behind := range []time.Duration{0, 40 * time.Second} {
		pair(t, func(t *testing.T, e *ether, a, b *Client) {
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			defer running.Wait()
			defer cancel()
			config := func(clock time.Duration) Config {
				return Config{
					Env:  env.Env{Now: func() time.Time { return time.Now().Add(clock) }, Rand: draw.From(rand.NewChaCha8([32]byte{13}))},
					Keys: mustKeys(t, 3), Options: b.cfg.Options,
				}
			}
			victim := e.with(t, 3, config(behind))
			life, end := context.WithCancel(ctx)
			running.Go(func() { victim.Run(life) })
			if err := victim.Ready(ctx); err != nil {
				t.Fatal(err)
			}
			before := e.stored(victim)
			e.kill(victim, end)
			again := e.with(t, 4, config(0))
			running.Go(func() { again.Run(ctx) })
			l, err := again.Listen(7)
			if err != nil {
				t.Fatal(err)
			}
			running.Go(func() { echoes(ctx, l) })
			if err := again.Ready(ctx); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			begun := time.Now()
			mustEcho(t, ctx, a, again).Abort()
			if took := time.Since(begun); took > time.Second {
				t.Errorf("who looks for it waits for %v", took)
			}
			if set := e.stored(again); set.Published() <= before.Published() || set.Leases()[0].Gateway == before.Leases()[0].Gateway {
				t.Errorf("published %v before, now %v", before.Published().Time(), set.Published().Time())
			}
		})
	}
}

// mustEcho is a stream over which a byte has come back.
func mustEcho(t *testing.T, ctx context.Context, a, b *Client) *sockets.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := a.Dial(ctx, b.Destination(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	s.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	s.SetReadDeadline(time.Time{})
	return s
}

// mustKeys are always the same of a seed.
func mustKeys(t *testing.T, seed byte) *i2p.PrivateKeys {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
