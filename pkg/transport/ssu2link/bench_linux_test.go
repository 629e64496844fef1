package ssu2link

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stream has messages sent over one session on loopback, with a window of them
// under way.
type stream struct {
	tb      testing.TB
	a, b    *node
	slots   chan struct{}
	expires i2p.Date
}

func newStream(tb testing.TB, window int) *stream {
	s := &stream{tb: tb, slots: make(chan struct{}, window), expires: i2p.DateOf(time.Now().Add(time.Hour))}
	at := netip.AddrPortFrom(loopback4, 0)
	s.a, s.b = newNode(tb, 1, transport.Internet{}, at, nil), newNode(tb, 2, transport.Internet{}, at, nil)
	s.b.sink = func(m i2np.Message) {
		m.Release()
		select {
		case <-s.slots:
		default: // it has come twice, as messages may that seemed to be lost
		}
	}
	s.a.start(tb, loopback4)
	s.b.start(tb, loopback4)
	tb.Cleanup(func() { s.a.halt(tb); s.b.halt(tb) })
	s.send(1)
	return s
}

// send returns when all have arrived.
func (s *stream) send(n int) {
	to := s.b.info.Load()
	for range n {
		s.slots <- struct{}{}
		o := buf.Get(1028)
		if err := s.a.Send(to, i2np.Message{Type: i2np.DatabaseSearchReplyType, Expiration: s.expires, Body: o.Bytes(), Owner: o}); err != nil {
			s.tb.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); len(s.slots) > 0; wait(20 * time.Microsecond) {
		if time.Now().After(end) {
			s.tb.Fatalf("%d are missing: %s", len(s.slots), show(s.a))
		}
	}
}

// BenchmarkSession is what a message costs over the system's sockets. Both ends are in this
// process: cpu-ns/op is sending and receiving one.
func BenchmarkSession(b *testing.B) {
	for _, window := range []int{1, 16, 300} {
		b.Run(fmt.Sprintf("window%d", window), func(b *testing.B) {
			s := newStream(b, window)
			b.SetBytes(1028)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime()
			s.send(b.N)
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkCrossing is what a message costs that a router passes on from one of its peers to
// another, each of which has a few of them under way. All are in this process: cpu-ns/op is sending it
// and receiving it twice.
func BenchmarkCrossing(b *testing.B) {
	for _, peers := range []int{4, 16} {
		b.Run(fmt.Sprintf("peers%d", peers), func(b *testing.B) {
			at := netip.AddrPortFrom(loopback4, 0)
			hub := newNode(b, 100, transport.Internet{}, at, nil)
			all := make([]*node, peers)
			slots := make(chan struct{}, 4*peers)
			hub.sink = func(m i2np.Message) {
				if to := int(m.ID); to >= peers || hub.Send(all[to].info.Load(), m) != nil {
					<-slots
					m.Release()
				}
			}
			hub.start(b, loopback4)
			b.Cleanup(func() { hub.halt(b) })
			for i := range all {
				all[i] = newNode(b, byte(101+i), transport.Internet{}, at, nil)
				all[i].sink = func(m i2np.Message) {
					m.Release()
					select {
					case <-slots:
					default: // it has come twice
					}
				}
				all[i].start(b, loopback4)
				b.Cleanup(func() { all[i].halt(b) })
			}
			expires := i2p.DateOf(time.Now().Add(time.Hour))
			send := func(n int) {
				for i := range n {
					slots <- struct{}{}
					o := buf.Get(1024)
					m := i2np.Message{
						Type: i2np.TunnelDataType, ID: uint32((i + 1) % peers), Expiration: expires, Body: o.Bytes(), Owner: o,
					}
					if err := all[i%peers].Send(hub.info.Load(), m); err != nil {
						b.Fatal(err)
					}
				}
				for end := time.Now().Add(20 * time.Second); len(slots) > 0; wait(20 * time.Microsecond) {
					if time.Now().After(end) {
						b.Fatalf("%d are missing: %s", len(slots), show(hub))
					}
				}
			}
			send(2 * peers)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime()
			send(b.N)
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// TestAllocations: over the system's sockets too, messages cost none.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop buffers under the detector")
	}
	const messages = 5000
	s := newStream(t, 64)
	s.send(messages)
	if n := testing.AllocsPerRun(1, func() { s.send(messages) }); n > messages/20 {
		t.Errorf("%v allocations for %d messages", n, messages)
	}
}
