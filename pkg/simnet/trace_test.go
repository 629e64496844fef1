package simnet

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// gossip runs a crowd of hosts that write to one another all at once, and returns the trace.
func gossip(t *testing.T, seed uint64) (trace [32]byte) {
	const hosts, rounds = 12, 8
	cfg := Config{Seed: seed, Window: 4096, Uplink: func(netip.Addr) int { return 1e6 }, Link: func(from, to netip.Addr) Link {
		return Link{Latency: 5 * time.Millisecond, Jitter: 2 * time.Millisecond, Bandwidth: 1e5, Loss: 0.1}
	}}
	simulate(t, cfg, func(t *testing.T, n *Net) {
		addr := func(i int) netip.AddrPort {
			return netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:99", i+1))
		}
		var wg sync.WaitGroup
		for i := range hosts {
			h := n.Host(addr(i).Addr())
			l, err := h.Listen(t.Context(), addr(i))
			if err != nil {
				t.Fatal(err)
			}
			p, err := h.ListenPacket(t.Context(), addr(i))
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() { echoStreams(&wg, l) })
			wg.Go(func() { echoHalves(p) })
			for j := range hosts {
				wg.Go(func() {
					c, err := h.DialContext(t.Context(), addr(j))
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					r := rand.New(rand.NewPCG(uint64(i), uint64(j)))
					for k := range rounds {
						size := r.IntN(3000) + 1
						c.Write(bytes.Repeat([]byte{byte(k)}, size))
						if j == (i+1)%hosts {
							p.WriteTo(make([]byte, size%1500), net.UDPAddrFromAddrPort(addr(j)))
						}
						if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
							t.Error(err)
						}
						time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
					}
				})
			}
			defer l.Close()
			defer p.Close()
		}
		time.Sleep(time.Minute)
		n.Settle()
		trace = n.Trace()
	})
	return trace
}

// echoStreams sends back what comes over a listener's streams.
func echoStreams(wg *sync.WaitGroup, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			io.Copy(c, c)
			c.Close()
		})
	}
}

// echoHalves sends back half of each datagram.
func echoHalves(p net.PacketConn) {
	b := make([]byte, 2048)
	for {
		k, from, err := p.ReadFrom(b)
		if err != nil {
			return
		}
		if k > 2 {
			p.WriteTo(b[:k/2], from)
		}
	}
}

func TestTraceIsDeterministic(t *testing.T) {
	first := gossip(t, 1)
	for range 4 {
		if again := gossip(t, 1); again != first {
			t.Fatalf("the same seed gave two traces: %x and %x", first, again)
		}
	}
	if other := gossip(t, 2); other == first {
		t.Error("another seed gave the same trace")
	}
}
