package sockets_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// TestUnreadGivesWay: what was left unread is gone once another stream needs its memory, and
// whoever reads then is told so; also where the peer had closed before.
func TestUnreadGivesWay(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{Engine: streaming.Config{
			ReceiveBuffer: 256 << 10, Limits: streaming.Limits{Memory: 1 << 20, Streams: 64},
		}})
		l, err := hb.Listen(1)
		if err != nil {
			t.Fatal(err)
		}
		var unread []*sockets.Conn
		for range 8 {
			c, err := ha.Dial(w.ctx, to, 1)
			if err != nil {
				t.Fatal(err)
			}
			r, err := l.AcceptStream(w.ctx)
			if err != nil {
				t.Fatal(err)
			}
			unread = append(unread, r)
			c.Write(make([]byte, 120<<10))
			c.Close()
			time.Sleep(time.Second)
		}
		time.Sleep(30 * time.Second) // they have ended
		c, err := ha.Dial(w.ctx, to, 1)
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.AcceptStream(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c.Write(make([]byte, 4<<20))
			c.Close()
		}()
		if n, err := io.Copy(io.Discard, r); n != 4<<20 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		lost := 0
		for i, r := range unread {
			n, err := io.Copy(io.Discard, r)
			switch {
			case err == nil && n == 120<<10:
			case errors.Is(err, streaming.ErrUnread) && n == 0:
				lost++
			default:
				t.Errorf("stream %d: %d bytes, %v", i, n, err)
			}
		}
		if lost == 0 {
			t.Error("none gave way")
		}
	})
}

// TestUnreadWriteGivesWay: what is passed on to somebody who does not take it was not read. It
// counts, and is given up for others, with the write that waits for him.
func TestUnreadWriteGivesWay(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{Engine: streaming.Config{
			ReceiveBuffer: 256 << 10, Limits: streaming.Limits{Memory: 1 << 20, Streams: 64},
		}})
		l, err := hb.Listen(1)
		if err != nil {
			t.Fatal(err)
		}
		stream := func() (c, r *sockets.Conn) {
			c, err := ha.Dial(w.ctx, to, 1)
			if err != nil {
				t.Fatal(err)
			}
			if r, err = l.AcceptStream(w.ctx); err != nil {
				t.Fatal(err)
			}
			return c, r
		}
		const count = 40
		ended := make(chan error, count)
		for range count {
			c, r := stream()
			near, far := net.Pipe() // far is not read
			defer far.Close()
			defer near.Close()
			go func() {
				_, err := io.Copy(near, r)
				r.Close()
				ended <- err
			}()
			c.Write(make([]byte, 30<<10)) // one piece, or a few
			c.Close()
			time.Sleep(time.Second)
		}
		c, r := stream()
		go func() {
			c.Write(make([]byte, 4<<20))
			c.Close()
		}()
		if n, err := io.Copy(io.Discard, r); n != 4<<20 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		synctest.Wait()
		if len(ended) == 0 {
			t.Fatal("no write was given up")
		}
		for range len(ended) {
			if err := <-ended; !errors.Is(err, streaming.ErrUnread) {
				t.Error(err)
			}
		}
	})
}
