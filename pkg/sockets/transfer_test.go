package sockets_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"i2ptoolkit/pkg/sockets"
)

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
