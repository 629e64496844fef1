package ntcp2link

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// loopback makes two nodes on 127.0.0.1.
func loopback(tb testing.TB, deliver func(i2p.Hash, i2np.Message)) (a, b *node) {
	tb.Helper()
	return onLoopback(tb, 1, nil), onLoopback(tb, 2, func(c *settings) {
		if deliver != nil {
			c.Events.Deliver = deliver
		}
	})
}

// onLoopback makes a node on 127.0.0.1.
func onLoopback(tb testing.TB, seed byte, change func(*settings)) *node {
	tb.Helper()
	l, err := transport.Internet{}.Listen(tb.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		tb.Fatal(err)
	}
	return newNode(tb, nil, seed, func(c *settings) {
		c.listenOn(l)
		if change != nil {
			change(c)
		}
	}).start(tb)
}

// The whole way over real TCP, with the leak checks. On a busy machine messages
// may wait too long and be dropped: it sends until enough have arrived.
func TestLoopback(t *testing.T) {
	buftest.NoLeak(t)
	var got atomic.Int64
	all := make(chan struct{})
	const count = 5000
	late := time.After(time.Minute)
	a, b := loopback(t, func(_ i2p.Hash, m i2np.Message) {
		m.Release()
		if got.Add(1) == count {
			close(all)
		}
	})
	for enough := false; !enough; {
		for a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028)) != nil {
			runtime.Gosched()
		}
		select {
		case <-all:
			enough = true
		case <-late:
			t.Fatalf("%d of %d messages arrived: %+v", got.Load(), count, a.Stats())
		default:
		}
	}
	a.halt(t)
	b.halt(t)
}

// BenchmarkSession sends tunnel messages over one loopback session, with a
// window of them under way. Both ends are in this process: cpu-ns/op is
// sending and receiving one message.
func BenchmarkSession(b *testing.B) {
	for _, window := range []int{1, 16, 300} {
		b.Run(fmt.Sprintf("window%d", window), func(b *testing.B) {
			slots := make(chan struct{}, window)
			x, y := loopback(b, func(_ i2p.Hash, m i2np.Message) { m.Release(); <-slots })
			to := y.info.Load()
			expires := i2p.DateOf(time.Now().Add(10 * time.Minute))
			send := func(n int) {
				for range n {
					slots <- struct{}{}
					o := buf.Get(1028)
					if err := x.Send(to, i2np.Message{Type: i2np.TunnelDataType, Expiration: expires, Body: o.Bytes(), Owner: o}); err != nil {
						b.Fatal(err)
					}
				}
				for range window { // until all have arrived
					slots <- struct{}{}
				}
				for range window {
					<-slots
				}
			}
			send(1)
			b.SetBytes(1028)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime()
			send(b.N)
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}
