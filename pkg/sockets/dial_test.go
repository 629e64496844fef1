package sockets_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

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

// TestNoListener: who dials a port where nobody listens is told in one round trip, whether
// there are other listeners or none. One who comes along with the destination waits for what
// listens a moment later.
func TestNoListener(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{})
		time.AfterFunc(100*time.Millisecond, func() { hb.Listen(5) })
		if _, err := ha.Dial(w.ctx, to, 5); err != nil {
			t.Errorf("listened to a moment later: %v", err)
		}
		time.Sleep(time.Second)
		begun := time.Now()
		for range 2 {
			if _, err := ha.Dial(w.ctx, to, 6); !errors.Is(err, streaming.ErrRefused) {
				t.Error(err)
			}
			w.ownerOf(hb).Do(hb.Retire)
			w.ownerOf(hb).Do(hb.Resume) // there are no listeners now
			time.Sleep(time.Second)
		}
		if took := time.Since(begun) - 2*time.Second; took != 2*40*time.Millisecond {
			t.Errorf("told after %v", took)
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
