package ssu2link

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/ssu2"
)

// yard is a network in simulated time with two routers that have a session, and somebody
// whose datagrams come from where he likes, and who sees what goes back there.
type yard struct {
	t    *testing.T
	net  *simnet.Net
	a, b *node
	to   netip.AddrPort // b
	line *simnet.PacketConn
	rand *rand.Rand

	mu        sync.Mutex
	overheard [][]byte // from a to b
	in, out   map[netip.Addr]int
	answers   map[netip.AddrPort][]byte // the last one
}

func inYard(t *testing.T, f func(*yard)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)))
		hosts := [3]netip.Addr{netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.0.2"), netip.MustParseAddr("24.0.0.1")}
		y := &yard{
			t: t, rand: rand.New(rand.NewPCG(1, 2)), to: netip.AddrPortFrom(hosts[1], 7000),
			in: map[netip.Addr]int{}, out: map[netip.Addr]int{}, answers: map[netip.AddrPort][]byte{},
		}
		y.net = simnet.New(simnet.Config{
			Seed: 7, Queue: 1 << 16, Observe: y.observe,
			Link: func(netip.Addr, netip.Addr) simnet.Link { return simnet.Link{Latency: 10 * time.Millisecond} },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { y.net.Run(ctx) })
		y.a = newNode(t, 5, y.net.Host(hosts[0]), netip.AddrPortFrom(hosts[0], 7000), nil).start(t, hosts[0])
		y.b = newNode(t, 6, y.net.Host(hosts[1]), y.to, nil).start(t, hosts[1])
		line, err := y.net.Host(hosts[2]).ListenPacket(ctx, netip.AddrPortFrom(hosts[2], 7000))
		if err != nil {
			t.Fatal(err)
		}
		y.line = line.(*simnet.PacketConn)
		transfer(t, y.a, y.b, 1<<16, 1028, time.Minute)
		f(y)
		y.a.halt(t)
		y.b.halt(t)
		line.Close()
		cancel()
		wg.Wait()
	})
}

func (y *yard) observe(d simnet.Delivery) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case d.Dst == y.to:
		y.out[d.Src.Addr()] += len(d.Data)
		if d.Src.Addr() == netip.MustParseAddr("23.0.0.1") && len(y.overheard) < 1000 {
			y.overheard = append(y.overheard, slices.Clone(d.Data))
		}
	case d.Src == y.to:
		y.in[d.Dst.Addr()] += len(d.Data)
		y.answers[d.Dst] = slices.Clone(d.Data)
	}
}

// attack sends so many datagrams, some in each millisecond, while the session carries what
// it carried without it.
func (y *yard) attack(count int, datagram func(i int) (from netip.AddrPort, b []byte)) {
	y.t.Helper()
	const each = 20
	moved := y.b.counter("moved")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range count {
			from, b := datagram(i)
			y.line.Forge(from, y.to, b)
			if i%each == each-1 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	transfer(y.t, y.a, y.b, 1<<20, 1028, 20*time.Second)
	<-done
	time.Sleep(100 * time.Millisecond)
	if y.b.counter("moved") != moved {
		y.t.Error("the session has moved")
	}
	if !y.a.Connected(y.b.keys.Router().Hash()) || y.a.up != 1 {
		y.t.Errorf("the session has suffered: %s", show(y.a))
	}
}

// silent reports what went to an address, of which nothing may.
func (y *yard) silent(what string, at netip.AddrPort) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if n := y.in[at.Addr()]; n > 0 {
		y.t.Errorf("%s: %d bytes in answer", what, n)
	}
}

func (n *node) counter(name string) uint64 {
	for _, c := range n.driver.Counters() {
		if c.Name == name {
			return c.Value
		}
	}
	panic("no counter " + name)
}

var stranger = netip.MustParseAddrPort("25.1.2.3:4567")

// TestStrangers: junk, what was overheard, and that changed, from elsewhere and in the name
// of the peer: nothing is answered, and the session goes on as if there were none of it.
func TestStrangers(t *testing.T) {
	count := 4000
	if raceEnabled {
		count = 400
	}
	inYard(t, func(y *yard) {
		y.attack(count, func(int) (netip.AddrPort, []byte) {
			b := make([]byte, y.rand.IntN(1500))
			for i := range b {
				b[i] = byte(y.rand.Uint32())
			}
			return stranger, b
		})
		y.silent("junk", stranger)

		heard := func(i int) []byte {
			y.mu.Lock()
			defer y.mu.Unlock()
			return slices.Clone(y.overheard[i%len(y.overheard)])
		}
		// The first of them is of a handshake, which may be answered once: it is as if its
		// sender had sent it again.
		const handshake = 4
		peer := netip.MustParseAddrPort("23.0.0.1:7000")
		y.attack(count, func(i int) (netip.AddrPort, []byte) {
			b := heard(handshake + i%900)
			if i%4 < 2 {
				b[8] ^= 1 // of the packet's number, so that it is a new one
			}
			if i%2 == 0 {
				return stranger, b
			}
			return peer, b
		})
		y.silent("overheard", stranger)
		if d, f := y.b.counter("duplicates"), y.b.counter("forged"); d < uint64(count)/3 || f < uint64(count)/3 {
			t.Errorf("%d duplicates, %d forged", d, f)
		}
	})
}

// TestHalfOpen: handshakes that are begun, and some that are never ended, from one address
// and from thousands: to none goes more than three times of what came from there, what is
// kept is bounded, and ends; and who is honest gets in.
func TestHalfOpen(t *testing.T) {
	crowd := 6000
	if raceEnabled {
		crowd = 600
	}
	inYard(t, func(y *yard) {
		target, ok := ssu2.TargetOf(y.b.info.Load(), y.b.info.Load().SSU2()[0])
		if !ok {
			t.Fatal("no target")
		}
		random := draw.Seeded([32]byte{9})
		alice := func() *ssu2.Endpoint {
			var key [32]byte
			random.Fill(key[:])
			return ssu2.NewEndpoint(ssu2.Config{
				Static: noise.NewKeyPair(key), NetID: 99, Rand: random.Split(), Info: func() []byte { return y.a.info.Load().Bytes() },
			})
		}
		before := heapInUse()
		one := netip.MustParseAddrPort("26.0.0.1:5000")
		y.flood(target, alice, count(crowd/4), func(int) netip.AddrPort { return one })
		y.flood(target, alice, count(crowd), func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{27, byte(i >> 8), byte(i), 1}), 5000)
		})
		if grown := heapInUse() - before; grown > 16<<20 {
			t.Errorf("%d bytes are kept", grown)
		}
		y.mu.Lock()
		if len(y.answers) < crowd {
			t.Errorf("only %d of %d were answered", len(y.answers), crowd)
		}
		for at, in := range y.in {
			if out := y.out[at]; at != netip.MustParseAddr("23.0.0.1") && in > 3*out {
				t.Errorf("%d bytes for %d of %v", in, out, at)
			}
		}
		y.mu.Unlock()
		time.Sleep(20 * time.Second) // what is not ended is forgotten
		host := netip.MustParseAddr("23.0.0.3")
		c := newNode(t, 7, y.net.Host(host), netip.AddrPortFrom(host, 7000), nil).start(t, host)
		transfer(t, c, y.b, 1<<16, 1028, 10*time.Second)
		c.halt(t)
	})
}

type count int

// flood has handshakes begun at addresses, and goes on with each until it would end.
func (y *yard) flood(target ssu2.Target, alice func() *ssu2.Endpoint, n count, from func(i int) netip.AddrPort) {
	y.t.Helper()
	attackers := make([]*ssu2.Endpoint, n)
	y.attack(int(n), func(i int) (netip.AddrPort, []byte) {
		attackers[i] = alice()
		_, r, err := attackers[i].Dial(time.Now(), target)
		if err != nil {
			panic(err)
		}
		return from(i), r.Send[0].Data
	})
	y.attack(int(n), func(i int) (netip.AddrPort, []byte) {
		y.mu.Lock()
		retry := y.answers[from(i)]
		y.mu.Unlock()
		if r := attackers[i].Handle(time.Now(), y.to, slices.Clone(retry)); len(r.Send) > 0 {
			return from(i), r.Send[0].Data
		}
		return from(i), nil
	})
}

func heapInUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
