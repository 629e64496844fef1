//go:build linux

package interop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// farHosts is how many hosts a group has: four hops, and the two ends of its streams.
const farHosts = 6

// opener opens a stream over tunnels of so many hops each way, whose other end
// serves; end closes it.
type opener func(ctx context.Context, hops int, serve func(Stream) error) (s Stream, end func(), err error)

// farStream is a stream of a group, from its initiator.
type farStream struct {
	Stream
	came atomic.Int64 // bytes that the other end has got
	end  func()
}

// stream opens one.
func (g *farGroup) stream(ctx context.Context, hops int) (*farStream, error) {
	f := new(farStream)
	var err error
	f.Stream, f.end, err = g.open(ctx, hops, func(s Stream) error { return Serve(counted{s, &f.came}) })
	return f, err
}

// counted counts what is read.
type counted struct {
	Stream
	came *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	c.came.Add(int64(n))
	return n, err
}

// farGroup is a private I2P network on a wide-area network. Streams go between
// its last two hosts, which carry nothing for others.
type farGroup struct {
	kind  string
	first int // its hosts are first to first+farHosts-1
	net   *Network
	open  opener
}

// hops are the hosts that are no ends.
func (g *farGroup) hops() (ids []int) {
	for i := range farHosts - 2 {
		ids = append(ids, g.first+i)
	}
	return ids
}

// initiator is the host that opens streams, acceptor the one that drips come from.
func (g *farGroup) initiator() int { return g.first + farHosts - 2 }
func (g *farGroup) acceptor() int  { return g.first + farHosts - 1 }

// half of the group has one end and half of the hops.
func (g *farGroup) half() []int { return []int{g.first, g.first + 1, g.initiator()} }

// farTunnels is how many each end has each way.
const farTunnels = 2

// farKinds are the networks that are compared, by name; base is the one to
// whose figures those of another are a ratio.
var farKinds = []struct {
	name, title, base string
	start             func(context.Context, *Far) (*Network, opener, error)
}{
	{"i2pd", "i2pd", "", func(ctx context.Context, far *Far) (*Network, opener, error) {
		return farI2PD(ctx, NetworkConfig{Releases: sids(farHosts), Floodfills: 3, Ends: 2, Far: far})
	}},
	{"ssu2", "i2pd, SSU2", "i2pd", func(ctx context.Context, far *Far) (*Network, opener, error) {
		return farI2PD(ctx, NetworkConfig{Releases: sids(farHosts), Floodfills: 3, Ends: 2, Far: far, SSU2Only: true})
	}},
	{"mixed", "ours between i2pd's hops", "i2pd", func(ctx context.Context, far *Far) (*Network, opener, error) {
		return farOurs(ctx, NetworkConfig{Releases: sids(farHosts - 2), Floodfills: 3, Far: far}, 2, 0, ntcp2Alone)
	}},
	{"ours", "ours", "i2pd", func(ctx context.Context, far *Far) (*Network, opener, error) {
		return farOurs(ctx, NetworkConfig{Far: far}, farHosts, 3, ntcp2Alone)
	}},
	{"ourssu2", "ours, SSU2", "ssu2", func(ctx context.Context, far *Far) (*Network, opener, error) {
		return farOurs(ctx, NetworkConfig{Far: far}, farHosts, 3, ssu2Alone)
	}},
}

func farI2PD(ctx context.Context, cfg NetworkConfig) (*Network, opener, error) {
	n, err := NewNetwork(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return n, func(ctx context.Context, hops int, serve func(Stream) error) (Stream, func(), error) {
		return SAMPair(ctx, n.I2PD[farHosts-1], n.I2PD[farHosts-2], TunnelOptions(hops, farTunnels), serve)
	}, n.AwaitMesh(ctx, 2*time.Minute, farHosts-2)
}

func farOurs(ctx context.Context, cfg NetworkConfig, ours, floodfills int, settings string) (*Network, opener, error) {
	n, err := NewNetwork(ctx, cfg)
	if err == nil {
		err = n.AwaitMesh(ctx, 2*time.Minute, len(cfg.Releases)-1)
	}
	if err == nil {
		_, err = startOurs(ctx, n, ours, floodfills, settings)
	}
	return n, func(ctx context.Context, hops int, serve func(Stream) error) (Stream, func(), error) {
		return oursPair(ctx, n.Routers[ours-2], n.Routers[ours-1], hops, farTunnels, serve)
	}, err
}

// farSite is a wide-area network with groups on it.
type farSite struct {
	wan    *wan.Network
	groups []*farGroup
	delay  time.Duration

	mu    sync.Mutex
	apart map[int][]int // the halves that are separated, by their group's first host
}

// newFarSite starts copies of each kind, all at once.
func newFarSite(ctx context.Context, delay time.Duration, seed uint64, copies int, kinds []string) (s *farSite, err error) {
	s = &farSite{delay: delay, apart: map[int][]int{}}
	if s.wan, err = wan.New(wan.Config{Seed: seed}); err != nil {
		return nil, err
	}
	var started []chan error
	for range copies {
		for _, k := range farKinds {
			if !slices.Contains(kinds, k.name) {
				continue
			}
			g := &farGroup{kind: k.name, first: 1 + farHosts*len(s.groups)}
			s.groups = append(s.groups, g)
			done := make(chan error, 1)
			started = append(started, done)
			go func() {
				var err error
				line := wan.Distance(delay)
				g.net, g.open, err = k.start(ctx, &Far{WAN: s.wan, First: g.first, Up: line, Down: line})
				if err != nil {
					err = fmt.Errorf("%s: %w", k.name, err)
				}
				done <- err
			}()
		}
	}
	for _, done := range started {
		if e := <-done; e != nil && err == nil {
			err = e
		}
	}
	return s, err
}

// close ends all.
func (s *farSite) close() (err error) {
	for _, g := range s.groups {
		if g.net != nil {
			if e := g.net.Close(); err == nil {
				err = e
			}
		}
	}
	if e := s.wan.Close(); err == nil {
		err = e
	}
	return err
}

// lines gives all hosts other lines.
func (s *farSite) lines(change func(*wan.Settings)) {
	line := wan.Distance(s.delay)
	up, down := line, line
	if change != nil {
		change(&up)
		down = up
		down.Loss = 0 // a path has one up line and one down line: it is to lose what was asked for
	}
	s.wan.Set(up, down)
}

// separate partitions one group and leaves the others as they are; undo heals it.
func (s *farSite) separate(g *farGroup) (undo func()) {
	change := func(f func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
		s.wan.Partition(slices.Collect(maps.Values(s.apart))...)
	}
	change(func() { s.apart[g.first] = g.half() })
	return func() { change(func() { delete(s.apart, g.first) }) }
}

// busiest is the hop that sent most in a while.
func (s *farSite) busiest(ctx context.Context, g *farGroup, while time.Duration) (busiest int) {
	sent := func(id int) uint64 {
		up, _ := s.wan.Traffic(id)
		return up.Bytes
	}
	before := map[int]uint64{}
	for _, id := range g.hops() {
		before[id] = sent(id)
	}
	select {
	case <-time.After(while):
	case <-ctx.Done():
	}
	most := uint64(0)
	for _, id := range g.hops() {
		if d := sent(id) - before[id]; d >= most {
			most, busiest = d, id
		}
	}
	return busiest
}
