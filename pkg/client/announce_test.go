package client

import (
	"context"
	"io"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// TestPushedLeaseSet: a destination that only receives, and whose tunnels have
// been replaced, says so by itself: its peer could find no way to it.
func TestPushedLeaseSet(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, in := connected(t, ctx, a, b)
		defer out.Close()
		defer in.Close()
		io.WriteString(out, "go")
		if _, err := io.ReadFull(in, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // all is acknowledged
		e.lose(a)                    // a's tunnel fails, and b writes into it
		io.WriteString(in, "the answer")
		time.Sleep(20 * time.Second)
		e.move(a, i2p.HashOf([]byte("another gateway")))
		begun := time.Now()
		out.SetDeadline(begun.Add(30 * time.Second))
		got := make([]byte, len("the answer"))
		if _, err := io.ReadFull(out, got); err != nil || string(got) != "the answer" {
			t.Errorf("%q, %v", got, err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("the peer learned of the new tunnel after %v", took)
		}
	})
}

// TestNothingToPush: a destination whose lease set has run out, and that gets
// no other, does not send messages with nothing in them to those who should have it.
func TestNothingToPush(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		out, in := connected(t, ctx, a, b)
		defer out.Close()
		defer in.Close()
		time.Sleep(5 * time.Minute)
		gateway := i2p.HashOf([]byte("another gateway"))
		e.move(b, gateway)
		io.WriteString(in, "from there")
		if _, err := io.ReadFull(out, make([]byte, len("from there"))); err != nil {
			t.Fatal(err)
		}
		e.change(a, i2p.Hash{}, TunnelState{Outbound: []uint32{1}})
		time.Sleep(6 * time.Minute) // longer than a's leases last
		io.WriteString(out, "said last")
		if _, err := io.ReadFull(in, make([]byte, len("said last"))); err != nil {
			t.Fatal(err)
		}
		sent := func() int { return e.sent(gateway) }
		before := sent()
		if before == 0 {
			t.Fatal("a does not know where b is")
		}
		a.look(func(now time.Time) {
			a.remotes[b.own.hash].sentSet = 0 // as after a stall
			a.pushBy(now)
		})
		time.Sleep(10 * time.Second)
		if n := sent() - before; n > 10 {
			t.Errorf("%d messages in 10 s", n)
		}
	})
}
