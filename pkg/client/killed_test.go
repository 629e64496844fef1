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
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// kill ends a client as a crash does: nobody hears of it.
func (e *ether) kill(c *Client, end context.CancelFunc) {
	e.mu.Lock()
	if e.killed == nil {
		e.killed = map[i2p.Hash]bool{}
	}
	for gateway, o := range e.clients {
		if o == c {
			e.killed[gateway] = true
		}
	}
	e.mu.Unlock()
	end()
}

// lives runs one life of the destination that has the keys of seed 3, as an echo service.
func (e *ether) lives(t *testing.T, ctx context.Context, running *sync.WaitGroup, seed byte, env env.Env) (c *Client, end context.CancelFunc) {
	t.Helper()
	env.Rand = draw.From(rand.NewChaCha8([32]byte{10 + seed}))
	c = e.with(t, seed, Config{Env: env, Keys: mustKeys(t, 3), Options: options.Default()})
	ctx, end = context.WithCancel(ctx)
	running.Go(func() { c.Run(ctx) })
	l, err := c.Listen(7)
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { echoes(ctx, l) })
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return c, end
}

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
				victim, end := e.lives(t, ctx, &running, 3, env.Env{})
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
				again, _ := e.lives(t, ctx, &running, 4, env.Env{})
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
			victim, end := e.lives(t, ctx, &running, 3, env.Env{Now: func() time.Time { return time.Now().Add(behind) }})
			before := e.stored(victim)
			e.kill(victim, end)
			again, _ := e.lives(t, ctx, &running, 4, env.Env{})
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
