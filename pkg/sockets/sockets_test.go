package sockets_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
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
}

func (o *owner) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		o.Take()
		now := time.Now()
		o.Collect(now)
		o.Each(func(p []byte) { o.Handle(now, p) })
		o.Flush(now)
		wait := time.Hour
		if at := o.Deadline(); !at.IsZero() {
			wait = time.Until(at)
		}
		timer.Reset(wait)
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

func in(t *testing.T, latency time.Duration, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, latency)
		f(t, w)
		w.end()
	})
}

func TestBothWays(t *testing.T) {
	in(t, 30*time.Millisecond, func(t *testing.T, w *world) {
		a, b, ha, _ := w.pair(t)
		if got := b.LocalAddr().(sockets.Addr).Port; got != 80 {
			t.Errorf("port %d", got)
		}
		if a.RemoteAddr().String() != b.LocalAddr().String() {
			t.Errorf("%s dialled, %s accepted", a.RemoteAddr(), b.LocalAddr())
		}
		const size = 3 << 20
		var wg sync.WaitGroup
		for i, ends := range [][2]*sockets.Conn{{a, b}, {b, a}} {
			var want, got [32]byte
			wg.Add(2)
			go func() {
				defer wg.Done()
				data := make([]byte, size)
				rand.NewChaCha8([32]byte{9, byte(i)}).Read(data)
				want = sha256.Sum256(data)
				if i == 0 {
					if n, err := ends[0].Write(data); n != size || err != nil {
						t.Error(n, err)
					}
				} else if n, err := ends[0].ReadFrom(io.MultiReader(bytes.NewReader(data[:100]), iotest.HalfReader(bytes.NewReader(data[100:])))); n != size || err != nil {
					t.Error(n, err)
				}
				if err := ends[0].CloseWrite(); err != nil {
					t.Error(err)
				}
			}()
			go func() {
				defer wg.Done()
				h := sha256.New()
				var n int64
				var err error
				if i == 0 {
					n, err = io.Copy(h, ends[1]) // WriteTo
				} else {
					n, err = io.Copy(h, struct{ io.Reader }{ends[1]})
				}
				if n != size || err != nil {
					t.Errorf("%d bytes, %v", n, err)
				}
				h.Sum(got[:0])
			}()
			defer func() {
				if want != got {
					t.Errorf("direction %d: other bytes arrived", i)
				}
			}()
		}
		wg.Wait()
		if s := a.Stats(); s.Sent != size {
			t.Errorf("%+v", s)
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		if err := ha.Drain(w.ctx); err != nil {
			t.Error(err)
		}
		if n := w.streamsOf(ha); n != 0 {
			t.Errorf("%d streams left", n)
		}
	})
}

func TestDeadlines(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		start := time.Now()
		check := func(err error, after time.Duration) {
			t.Helper()
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%v", err)
			}
			if d := time.Since(start); d != after {
				t.Errorf("after %v, not %v", d, after)
			}
		}
		a.SetReadDeadline(start.Add(time.Second))
		_, err := a.Read(make([]byte, 1))
		check(err, time.Second)
		_, err = a.Read(make([]byte, 1))
		check(err, time.Second)
		a.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { a.SetReadDeadline(time.Now()) })
		_, err = a.Read(make([]byte, 1))
		check(err, 2*time.Second)
		a.SetReadDeadline(time.Time{})

		b.Write([]byte("x"))
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		start = time.Now()
		a.SetWriteDeadline(start.Add(3 * time.Second))
		n, err := a.Write(make([]byte, 64<<20)) // nobody reads
		check(err, 3*time.Second)
		if n < 1<<20 || n > 8<<20 {
			t.Errorf("%d bytes were taken", n)
		}
	})
}

func TestDialContext(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		nobody := keys(t, 7).Destination()
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		defer cancel()
		if _, err := ha.Dial(ctx, nobody, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		start := time.Now()
		if _, err := ha.Dial(w.ctx, nobody, 1); !errors.Is(err, streaming.ErrTimeout) {
			t.Error(err)
		}
		if d := time.Since(start); d < time.Minute || d > 5*time.Minute {
			t.Errorf("gave up after %v", d)
		}
		if n := w.streamsOf(ha); n != 0 {
			t.Errorf("%d streams left", n)
		}
	})
}

func TestRefused(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{Engine: streaming.Config{Limits: streaming.Limits{Reset: true}}, Backlog: 2})
		start := time.Now()
		if _, err := ha.Dial(w.ctx, to, 5); !errors.Is(err, streaming.ErrReset) || time.Since(start) > time.Second {
			t.Errorf("no listener: %v after %v", err, time.Since(start))
		}
		l, err := hb.Listen(5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hb.Listen(5); !errors.Is(err, sockets.ErrListening) {
			t.Error(err)
		}
		var conns []*sockets.Conn
		for range 2 {
			c, err := ha.Dial(w.ctx, to, 5)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		if _, err := ha.Dial(w.ctx, to, 5); !errors.Is(err, streaming.ErrReset) {
			t.Errorf("backlog: %v", err)
		}
		l.Close()
		for _, c := range conns {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, streaming.ErrReset) {
				t.Error(err)
			}
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestEarlyDataTravelsWithTheSYN(t *testing.T) {
	in(t, 100*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{})
		l, err := hb.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		a, err := ha.DialWith(w.ctx, to, sockets.Options{Port: 80, Early: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("GET")); err != nil {
			t.Fatal(err)
		}
		b, err := l.AcceptStream(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, err := b.Read(buf); string(buf[:n]) != "GET" || err != nil {
			t.Error(n, err)
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("after %v", d)
		}
	})
}

func TestCloseWithUnreadDataResets(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		a.Write([]byte("unread"))
		time.Sleep(time.Second)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, streaming.ErrReset) {
			t.Error(err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, streaming.ErrReset) {
			t.Error(err)
		}
	})
}

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		data := bytes.Repeat([]byte("0123456789"), 30000)
		if _, err := a.Write(data); err != nil {
			t.Error(err)
		}
		a.Close()
		got, err := io.ReadAll(b)
		if !bytes.Equal(got, data) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		b.Close()
	})
}

// TestBreakOff: the peer reads what was written before, all of it, and then no end. Meanwhile
// the other direction goes on.
func TestBreakOff(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		data := bytes.Repeat([]byte("0123456789"), 30000)
		a.Write(data)
		a.BreakOff()
		if _, err := a.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		b.Write([]byte("answer"))
		if n, err := io.ReadFull(a, make([]byte, 6)); err != nil {
			t.Errorf("%d bytes of the answer, %v", n, err)
		}
		got, err := io.ReadAll(b)
		if !bytes.Equal(got, data) || !errors.Is(err, streaming.ErrReset) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := a.Wait(t.Context()); !errors.Is(err, streaming.ErrAborted) {
			t.Error(err)
		}
	})
}

// TestResetAfterTheEnd: who still writes to a peer that has closed, and gone, is told that it
// has gone.
func TestResetAfterTheEnd(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		b.CloseWrite()
		if _, err := io.ReadAll(a); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		b.Abort()
		time.Sleep(time.Second)
		if _, err := a.Write([]byte("x")); !errors.Is(err, streaming.ErrReset) {
			t.Errorf("Write: %v", err)
		}
	})
}

// TestBreakOffLast: a peer that has gone does not keep what was broken off for long.
func TestBreakOffLast(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, _, _, _ := w.pair(t)
		w.mu.Lock()
		w.cut = true
		w.mu.Unlock()
		a.Write([]byte("hello?"))
		a.BreakOff()
		begun := time.Now()
		if err := a.Wait(t.Context()); !errors.Is(err, streaming.ErrAborted) {
			t.Error(err)
		}
		if took := time.Since(begun); took < 50*time.Second || took > 70*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestPeerVanishes(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, _, _, _ := w.pair(t)
		w.mu.Lock()
		w.cut = true
		w.mu.Unlock()
		a.Write([]byte("hello?"))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, streaming.ErrTimeout) {
			t.Error(err)
		}
	})
}

func TestPing(t *testing.T) {
	in(t, 70*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		_, to := w.host(2, sockets.Config{})
		if d, err := ha.Ping(w.ctx, to); d != 140*time.Millisecond || err != nil {
			t.Error(d, err)
		}
		ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
		defer cancel()
		if _, err := ha.Ping(ctx, keys(t, 7).Destination()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestShutdown(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, ha, hb := w.pair(t)
		l, err := hb.Listen(9)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, f := range []func() error{
			func() error { _, err := a.Read(make([]byte, 1)); return err },
			func() error { _, err := b.Read(make([]byte, 1)); return err },
			func() error { _, err := b.Write(make([]byte, 64<<20)); return err },
			func() error { _, err := l.Accept(); return err },
		} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 3 {
					if err := f(); err != nil {
						return
					}
				}
			}()
		}
		time.Sleep(time.Second)
		w.end()
		wg.Wait()
		if _, err := ha.Dial(context.Background(), keys(t, 3).Destination(), 1); !errors.Is(err, sockets.ErrClosed) {
			t.Error(err)
		}
		if _, err := ha.Listen(4); !errors.Is(err, sockets.ErrClosed) {
			t.Error(err)
		}
		a.Stats()
	})
}

func TestManyStreams(t *testing.T) {
	in(t, 50*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{})
		l, err := hb.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					io.Copy(c, struct{ io.Reader }{c})
					c.Close()
				}()
			}
		}()
		for i := range 50 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				c, err := ha.Dial(w.ctx, to, uint16(i))
				if err != nil {
					t.Error(err)
					return
				}
				data := bytes.Repeat([]byte{byte(i)}, 20000+i)
				go func() {
					c.Write(data)
					c.CloseWrite()
				}()
				got, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("stream %d: %d bytes, %v", i, len(got), err)
				}
				c.Close()
			}()
		}
		wg.Wait()
	})
}

func BenchmarkHosts(b *testing.B) {
	w := newWorld(b, 0)
	defer w.end()
	ha, _ := w.host(1, sockets.Config{})
	hb, to := w.host(2, sockets.Config{})
	l, err := hb.Listen(0)
	if err != nil {
		b.Fatal(err)
	}
	c, err := ha.Dial(w.ctx, to, 1)
	if err != nil {
		b.Fatal(err)
	}
	s, err := l.AcceptStream(w.ctx)
	if err != nil {
		b.Fatal(err)
	}
	const piece = 1 << 20
	data, buf := make([]byte, piece), make([]byte, piece)
	b.SetBytes(piece)
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, err := c.Write(data); err != nil {
				return
			}
		}
	}()
	for range b.N {
		if _, err := io.ReadFull(s, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// streamsOf is how many streams a Host has.
func (w *world) streamsOf(h *sockets.Host) (n int) {
	w.mu.Lock()
	o := w.hosts[h.Addr().(sockets.Addr).Destination.Hash()]
	w.mu.Unlock()
	o.Do(func() { n = h.Stats().Streams })
	return n
}
