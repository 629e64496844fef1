package sockets_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

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

// TestCloseRightAfterReading: who has read all may close at once, also while the Host looks at
// what was written before.
func TestCloseRightAfterReading(t *testing.T) {
	in(t, time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{})
		l, err := hb.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			a, err := ha.Dial(w.ctx, to, 80)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				a.Write(make([]byte, 5000))
				a.CloseWrite()
			}()
			b, err := l.AcceptStream(w.ctx)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(b, b)
			b.Close()
			if got, err := io.ReadAll(a); len(got) != 5000 || err != nil {
				t.Fatalf("%d, %v", len(got), err)
			}
			a.Close()
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

// TestResetBeforeSent: to reset what has closed its direction already is no end in good order
// where something was written that the engine has not even seen.
func TestResetBeforeSent(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, ha, _ := w.pair(t)
		b.CloseWrite()
		if _, err := io.ReadAll(a); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		o := w.ownerOf(ha)
		o.Do(func() { o.before = func() { a.Write([]byte("x")) } })
		b.Abort()
		if err := a.Wait(t.Context()); !errors.Is(err, streaming.ErrReset) {
			t.Error(err)
		}
	})
}

// TestBreakOffTwice: what was broken off stays so, whatever is said later.
func TestBreakOffTwice(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		const size = 300000 // more than the engine takes at once
		a.Write(make([]byte, size))
		a.BreakOff()
		a.BreakOff()
		a.CloseWrite()
		a.Close()
		a.BreakOff()
		if got, err := io.ReadAll(b); len(got) != size || !errors.Is(err, streaming.ErrReset) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestBreakOffEarly: a stream may be broken off before its peer has answered.
func TestBreakOffEarly(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{})
		l, err := hb.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range []string{"", "hello"} {
			a, err := ha.DialWith(w.ctx, to, sockets.Options{Early: true})
			if err != nil {
				t.Fatal(err)
			}
			a.Write([]byte(data))
			a.BreakOff()
			b, err := l.AcceptStream(w.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); string(got) != data || !errors.Is(err, streaming.ErrReset) {
				t.Errorf("%d, %v", len(got), err)
			}
			if err := a.Wait(t.Context()); !errors.Is(err, streaming.ErrAborted) {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if n := w.streamsOf(ha) + w.streamsOf(hb); n != 0 {
			t.Errorf("%d streams left", n)
		}
	})
}

// TestBreakOffAfterTheEnd: a peer that has closed its direction reads what is broken off.
func TestBreakOffAfterTheEnd(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, ha, hb := w.pair(t)
		b.CloseWrite()
		if _, err := io.ReadAll(a); err != nil {
			t.Error(err)
		}
		const size = 300000
		a.Write(make([]byte, size))
		a.BreakOff()
		a.Close()
		if got, err := io.ReadAll(b); len(got) != size || !errors.Is(err, streaming.ErrReset) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := a.Wait(t.Context()); !errors.Is(err, streaming.ErrAborted) {
			t.Error(err)
		}
		if n := w.streamsOf(ha) + w.streamsOf(hb); n != 0 {
			t.Errorf("%d streams left", n)
		}
	})
}

// TestBreakOffLast: a peer that has gone does not keep what was broken off for long.
func TestBreakOffLast(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, _, _, _ := w.pair(t)
		w.cutOff()
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
		w.cutOff()
		a.Write([]byte("hello?"))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, streaming.ErrTimeout) {
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

// TestCloseBeforeAllWasRead: what was written before Close arrives, whether the peer's words were not read before, or come
// later; and then the peer sees that it was not heard.
func TestCloseBeforeAllWasRead(t *testing.T) {
	for _, later := range []bool{false, true} {
		in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
			a, b, ha, hb := w.pair(t)
			data := bytes.Repeat([]byte("0123456789"), 30000)
			if !later {
				a.Write([]byte("unread"))
				time.Sleep(time.Second)
			}
			b.Write(data)
			b.Close()
			if later {
				time.Sleep(time.Millisecond)
				a.Write([]byte("unread"))
			}
			got, err := io.ReadAll(a)
			if !bytes.Equal(got, data) || !later && !errors.Is(err, streaming.ErrReset) {
				t.Errorf("later %t: %d bytes, %v", later, len(got), err)
			}
			if err := a.Wait(t.Context()); !errors.Is(err, streaming.ErrReset) {
				t.Errorf("later %t: %v", later, err)
			}
			time.Sleep(time.Minute)
			if n := w.streamsOf(ha) + w.streamsOf(hb); n != 0 {
				t.Errorf("%d streams left", n)
			}
		})
	}
}

// TestBreakOffAfterCloseWrite: the peer reads the end, and then sees that it is not heard any more.
func TestBreakOffAfterCloseWrite(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		for _, pause := range []time.Duration{0, time.Millisecond, time.Second} {
			a, b, _, _ := w.pair(t)
			data := bytes.Repeat([]byte("0123456789"), 30000)
			b.Write(data)
			b.CloseWrite()
			time.Sleep(pause)
			b.BreakOff()
			b.Close()
			if got, err := io.ReadAll(a); !bytes.Equal(got, data) || err != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			a.Wait(t.Context())
			if _, err := a.Write([]byte("x")); !errors.Is(err, streaming.ErrReset) {
				t.Error(err)
			}
		}
	})
}

// TestCloseBoth: two who talk and do not listen do not wait for each other for long.
func TestCloseBoth(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		a, b, _, _ := w.pair(t)
		begun := time.Now()
		for _, c := range []*sockets.Conn{a, b} {
			c.Write([]byte("unheard"))
			c.Close()
		}
		for _, c := range []*sockets.Conn{a, b} {
			if err := c.Wait(t.Context()); err == nil {
				t.Error("it was not heard")
			}
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
