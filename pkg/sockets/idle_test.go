package sockets_test

import (
	"io"
	"testing"
	"time"

	"i2ptoolkit/pkg/sockets"
)

// source is a reader that tells how much it is asked for, and gives what it is told to.
type source struct {
	asked, give chan int
}

func (s source) Read(p []byte) (int, error) {
	s.asked <- len(p)
	n, more := <-s.give
	if !more {
		return 0, io.EOF
	}
	return min(n, len(p)), nil
}

// TestIdleTakesLittle: a stream that waits for what it may send keeps little memory for it, also
// where it has sent much; and what comes in bulk is read in large pieces.
func TestIdleTakesLittle(t *testing.T) {
	in(t, 20*time.Millisecond, func(t *testing.T, w *world) {
		ha, _ := w.host(1, sockets.Config{})
		hb, to := w.host(2, sockets.Config{})
		l, err := hb.Listen(1)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ha.Dial(w.ctx, to, 1)
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.AcceptStream(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, r)
		s := source{make(chan int), make(chan int)}
		ended := make(chan error, 1)
		go func() {
			_, err := c.ReadFrom(s)
			ended <- err
		}()
		const little, much, all = 2 << 10, 32 << 10, 1 << 20
		for i, step := range []struct{ asked, give int }{
			{little, 100}, {little, 100}, {little, all}, {much, all}, {much, 20 << 10}, {little, all}, {much, 1}, {little, 1},
		} {
			if n := <-s.asked; n != step.asked {
				t.Errorf("read %d: %d bytes are asked for, want %d", i, n, step.asked)
			}
			s.give <- step.give
		}
		<-s.asked
		close(s.give)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		c.Close()
	})
}
