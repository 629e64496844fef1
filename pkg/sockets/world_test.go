package sockets_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
)

// world joins hosts with a latency.
type world struct {
	t       testing.TB
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	latency time.Duration

	mu    sync.Mutex
	hosts map[i2p.Hash]*owner
	cut   bool // nothing arrives any more
}

// owner is the goroutine that a Host belongs to.
type owner struct {
	*sockets.Host
	*mailbox.Box[[]byte]
	before func() // what is done before something that arrives is seen to; the owner's
}

func (o *owner) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		o.Take()
		now := time.Now()
		o.Collect(now)
		o.Each(func(p []byte) {
			if o.before != nil {
				o.before()
			}
			o.Handle(now, p)
		})
		o.Flush(now)
		wait := time.Hour
		if at := o.Deadline(); !at.IsZero() {
			wait = time.Until(at)
		}
		timer.Reset(deadline.Rest(wait))
		select {
		case <-ctx.Done():
			o.Shutdown(time.Now())
			o.Box.Close()
			return
		case <-o.Ready():
		case <-timer.C:
		}
	}
}

func (o *owner) deliver(payloads [][]byte) {
	for _, p := range payloads {
		o.Post(p)
	}
}

func newWorld(t testing.TB, latency time.Duration) *world {
	w := &world{t: t, latency: latency, hosts: make(map[i2p.Hash]*owner)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

func keys(t testing.TB, seed byte) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) host(seed byte, cfg sockets.Config) (*sockets.Host, i2p.Destination) {
	w.t.Helper()
	cfg.Keys = keys(w.t, seed)
	cfg.Rand = draw.From(rand.NewChaCha8([32]byte{seed, 1}))
	o := &owner{Box: mailbox.New(mailbox.Config[[]byte]{Limit: 1 << 20})}
	cfg.Send, cfg.Loop = w.send, o.Box
	h, err := sockets.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	o.Host = h
	w.mu.Lock()
	w.hosts[cfg.Keys.Destination().Hash()] = o
	w.mu.Unlock()
	w.running.Go(func() { o.run(w.ctx) })
	return h, cfg.Keys.Destination()
}

func (w *world) send(to i2p.Hash, payloads []*buf.Buf) {
	w.mu.Lock()
	h, cut := w.hosts[to], w.cut
	w.mu.Unlock()
	var copies [][]byte
	for _, p := range payloads {
		copies = append(copies, bytes.Clone(p.Bytes()))
		p.Release()
	}
	if h == nil || cut {
		return
	}
	if w.latency == 0 {
		h.deliver(copies)
		return
	}
	time.AfterFunc(w.latency, func() { h.deliver(copies) })
}

// cutOff has nothing arrive any more.
func (w *world) cutOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

func (w *world) end() {
	w.stop()
	w.running.Wait()
}

// pair is two hosts and a stream between them.
func (w *world) pair(t *testing.T) (a, b *sockets.Conn, ha, hb *sockets.Host) {
	t.Helper()
	ha, _ = w.host(1, sockets.Config{})
	hb, to := w.host(2, sockets.Config{})
	l, err := hb.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = ha.Dial(w.ctx, to, 80); err != nil {
		t.Fatal(err)
	}
	if b, err = l.AcceptStream(w.ctx); err != nil {
		t.Fatal(err)
	}
	return a, b, ha, hb
}

// ownerOf is the goroutine of a Host.
func (w *world) ownerOf(h *sockets.Host) *owner {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hosts[h.Addr().(sockets.Addr).Destination.Hash()]
}

// streamsOf is how many streams a Host has.
func (w *world) streamsOf(h *sockets.Host) (n int) {
	w.ownerOf(h).Do(func() { n = h.Stats().Streams })
	return n
}

func in(t *testing.T, latency time.Duration, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, latency)
		f(t, w)
		w.end()
	})
}
