package ssu2link

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/simnet"
)

// TestLimit: one peer has more to be sent to it than the limit of bandwidth lets out. What
// comes in is read as without a limit, another peer gets its part of it soon, and no more
// goes out than the limit says.
func TestLimit(t *testing.T) {
	const rate, trip = 32 << 10, 5 * time.Millisecond
	simulate(t, simnet.Link{Latency: trip}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		other := netip.MustParseAddr("23.0.0.3")
		a := newNode(t, 21, net.Host(hosts[0]), netip.AddrPortFrom(hosts[0], 7000), nil).start(t, hosts[0])
		b := newNode(t, 22, net.Host(hosts[1]), netip.AddrPortFrom(hosts[1], 7000), nil).start(t, hosts[1])
		c := newNode(t, 23, net.Host(other), netip.AddrPortFrom(other, 7000), nil).start(t, other)
		transfer(t, a, b, 1000, 1000, time.Minute)
		transfer(t, a, c, 1000, 1000, time.Minute)
		a.SetBandwidth(0, rate)
		begun, before := time.Now(), a.Stats().Traffic.BytesOut
		go func() {
			for id := uint32(1 << 20); ctx.Err() == nil; wait(time.Millisecond) {
				id = fill(a, b, id)
			}
		}()
		// one sends a message, and tells how long it takes.
		one := func(from, to *node, id uint32) time.Duration {
			sent, had := time.Now(), to.has()
			if err := from.Send(to.info.Load(), message(i2np.DatabaseSearchReplyType, id, 200)); err != nil {
				t.Fatal(err)
			}
			for to.has() == had && time.Since(sent) < 10*time.Second {
				wait(100 * time.Microsecond)
			}
			return time.Since(sent)
		}
		time.Sleep(2 * time.Second) // the queue is full
		for i := range uint32(20) {
			if took := one(c, a, 1<<28+i); took > trip+time.Millisecond {
				t.Errorf("a message from another peer took %v", took)
			}
			if took := one(a, c, 1<<28+i); took > 600*time.Millisecond {
				t.Errorf("a message to another peer took %v", took)
			}
		}
		took, out := time.Since(begun), int(a.Stats().Traffic.BytesOut-before)
		t.Logf("%d bytes out in %v", out, took)
		if most := rate*took.Seconds() + rate; float64(out) > most || float64(out) < 0.8*rate*took.Seconds() {
			t.Errorf("%d bytes in %v, expected %d a second", out, took, rate)
		}
		cancel()
		synctest.Wait()
		a.SetBandwidth(0, 0)
		for _, n := range []*node{a, b, c} {
			n.halt(t)
		}
	})
}
