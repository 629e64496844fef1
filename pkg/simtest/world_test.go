// Package simtest runs networks of whole routers in simulated time: the same
// node, transport and streams as on the Internet, over simnet, in a
// testing/synctest bubble.
package simtest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/simnet/nat"
	"i2ptoolkit/pkg/transport"
)

// today is when a simulation begins: a bubble's clock starts in the year 2000,
// and I2P's dates do not go back that far.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// worldConfig describes a simulated network of routers.
type worldConfig struct {
	routers int
	seed    uint64
	link    func(from, to netip.Addr) simnet.Link // nil is spread
	observe func(simnet.Delivery)
	adjust  func(i int, s *config.Config)
	drivers func(i int, host netip.Addr) []transport.Driver // beside NTCP2; nil: none
	place   func(i int) (outer netip.Addr, home nat.Kind)   // nil: all in one network, and none at home
}

// world is a simulated network that runs.
type world struct {
	net   *simnet.Net
	nodes []*node.Node
	addrs []netip.Addr
	ended []chan struct{} // closed when node i has
}

const port = 9111

// long is said first by simulations that last for minutes under the race detector and go through
// no code that the others do not: it looks at what the routers do, and they do the same in all.
// scripts/test has the whole package run again without it.
func long(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("left to the run without the race detector")
	}
}

// samples is how many of n like simulations are run: for the detector one does.
func samples(n int) int {
	if raceEnabled {
		return 1
	}
	return n
}

// simulate starts the routers, tells each of all others, runs f, and stops
// them. At the end every buffer must have been released; that no goroutine is
// left is what synctest.Test sees to.
func simulate(t *testing.T, cfg worldConfig, f func(t *testing.T, w *world)) {
	t.Helper()
	buftest.NoLeak(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today))
		if cfg.link == nil {
			cfg.link = spread
		}
		w := &world{net: simnet.New(simnet.Config{Seed: cfg.seed, Link: cfg.link, Observe: cfg.observe})}
		ctx, cancel := context.WithCancel(t.Context())
		var network, routers sync.WaitGroup
		network.Go(func() { w.net.Run(ctx) })
		defer network.Wait()
		defer cancel()
		for i := range cfg.routers {
			w.add(t, cfg, i)
		}
		for i, n := range w.nodes {
			routers.Go(func() {
				defer close(w.ended[i])
				if err := n.Run(t.Context()); err != nil {
					t.Errorf("router %d: %v", i, err)
				}
			})
		}
		defer routers.Wait()
		defer func() {
			for _, n := range w.nodes {
				n.StopNow()
			}
		}()
		if w.introduce(t) {
			f(t, w)
		}
	})
}

// add makes router i.
func (w *world) add(t *testing.T, cfg worldConfig, i int) {
	addr, home := netip.AddrFrom4([4]byte{10, 0, byte(i / 200), byte(1 + i%200)}), nat.Kind(0)
	if cfg.place != nil {
		addr, home = cfg.place(i)
	}
	s := config.Default()
	s.NetID, s.Testnet, s.LogLevel = 99, true, "warn"
	s.Hosts = []string{addr.String()}
	s.NTCP2.Listen = []string{netip.AddrPortFrom(addr, port).String()}
	s.NTCP2.Hybrid = kem.None.String() // encapsulation draws from the system: two runs would differ
	s.SSU2.Hybrid = s.NTCP2.Hybrid
	s.SSU2.Enabled = false // the tests of it say so
	s.Floodfill = i < max(3, cfg.routers/10)
	inner := addr
	if home != 0 {
		inner = w.settle(i, addr, home)
		s.Hosts, s.NTCP2.Listen = nil, []string{netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()}
	}
	if cfg.adjust != nil {
		cfg.adjust(i, &s)
	}
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], cfg.seed)
	binary.BigEndian.PutUint64(seed[8:], uint64(i))
	var drivers []transport.Driver
	if cfg.drivers != nil {
		drivers = cfg.drivers(i, addr)
	}
	n, err := node.New(node.Config{
		Settings: s, Network: w.net.Host(inner), Drivers: drivers, Rand: rand.NewChaCha8(seed), Gather: gather,
	})
	if err != nil {
		t.Fatalf("router %d: %v", i, err)
	}
	w.nodes = append(w.nodes, n)
	w.addrs = append(w.addrs, addr)
	w.ended = append(w.ended, make(chan struct{}))
}

// settle puts the host of router i behind a box, and gives its address there.
func (w *world) settle(i int, outer netip.Addr, home nat.Kind) netip.Addr {
	inner := netip.AddrFrom4([4]byte{192, 168, byte(i / 200), byte(1 + i%200)})
	if home == nat.Firewall {
		inner = outer
	}
	w.net.Behind(inner, nat.New(nat.Config{Kind: home, Outer: outer}))
	return inner
}

// slots is how many nanoseconds a round of the loops takes. It is prime, so
// that a timer that one loop sets hardly ever fires in another's slot.
const slots = 1009

// mostLoops is how many of them are for loops.
const mostLoops = 200

// gather gives each loop of a router an instant of its own in every round. It
// waits for that instant, and as the clock of a bubble stands still while
// anybody works, all others are at rest when it returns.
//
// Who does one thing, and not again and again, has a turn of its own behind those of the loops,
// in one round of many.
func gather(loop int) {
	if loop >= env.FirstTurn {
		turn := loop - env.FirstTurn
		loop = mostLoops + turn%(slots-1-mostLoops)
		defer time.Sleep(time.Duration(turn/(slots-1-mostLoops)) * slots)
	}
	wait := (time.Duration(loop) - time.Duration(time.Now().UnixNano()%slots) + slots) % slots
	if wait == 0 {
		wait = slots
	}
	time.Sleep(wait)
}

// step takes a test that a router has woken out of that router's instant: what
// it does next, it does while all of them are at rest.
func step() { gather(slots - 1) }

// spread gives every pair of hosts a latency of its own from 20 to 80 ms.
func spread(from, to netip.Addr) simnet.Link {
	a, b := from.As4(), to.As4()
	x := uint32(a[2])*200 + uint32(a[3])
	y := uint32(b[2])*200 + uint32(b[3])
	mixed := (x + y + x*y*2654435761) >> 7 % 60 // the same both ways
	return simnet.Link{Latency: time.Duration(20+mixed) * time.Millisecond, Jitter: 3 * time.Millisecond}
}

// introduce tells every router of all others.
func (w *world) introduce(t *testing.T) bool {
	time.Sleep(time.Second) // their own beginnings first, so that the order is the same each time
	var infos []*routerinfo.RouterInfo
	for i, n := range w.nodes {
		ri, err := n.Info(t.Context())
		if err != nil {
			t.Errorf("router %d: %v", i, err)
			return false
		}
		infos = append(infos, ri)
	}
	for _, n := range w.nodes {
		n.Learn(infos)
	}
	return true
}

// awaitTunnels waits until all routers have exploratory tunnels.
func (w *world) awaitTunnels(t *testing.T, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	late := 0
	for i, n := range w.nodes {
		if err := n.Wait(ctx, control.WaitTunnels); err != nil {
			late++
			t.Logf("router %d: %+v", i, n.Status().Builds)
		}
	}
	if late > 0 {
		t.Fatalf("%d of %d routers have no tunnels after %v", late, len(w.nodes), patience)
	}
	t.Logf("%d routers have tunnels after %v", len(w.nodes), time.Since(begun))
}
