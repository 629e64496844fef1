//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"i2ptoolkit/pkg/processors"
)

// benchRow is one of the networks that TestBench alternates.
type benchRow struct {
	name string
	run  func(context.Context, *testing.T, int) (benchResult, error)
}

// benchResult is what one network gave in one round. RSS and start are of the
// kind of router that stands at the ends.
type benchResult struct {
	Measurement
	rss   float64 // MB, idle with tunnels, median of the routers
	start time.Duration
}

// TestBench measures streams over three hops each way in networks of six
// routers, one after the other in each round: i2pd between i2pd, ours between
// i2pd, ours between ours. Only scripts/bench runs it.
func TestBench(t *testing.T) {
	if os.Getenv("I2P_BENCH_ROUNDS") == "" {
		t.Skip("measures for minutes: use scripts/bench")
	}
	rounds := setting(t, "I2P_BENCH_ROUNDS", strconv.Atoi)
	mb := setting(t, "I2P_BENCH_MB", decimal)
	kind := benchKind{settings: ntcp2Alone}
	if os.Getenv("I2P_BENCH_SSU2") != "" {
		kind = benchKind{ssu2: true, settings: ssu2Alone}
	}
	rows := []benchRow{
		{"i2pd between i2pd", kind.i2pd},
		{"ours between i2pd", kind.oursBetweenI2PD},
		{"ours between ours", kind.ours},
	}
	defer processors.Follow()() // what measures is to leave the processors to what is measured
	results := make([][]benchResult, len(rows))
	for round := range rounds {
		for i, row := range rows {
			ctx := gate(t, 6*time.Minute)
			r, err := row.run(ctx, t, int(mb*1e6))
			if err != nil {
				t.Errorf("%s, round %d: %v", row.name, round+1, err)
				continue
			}
			t.Logf("round %d, %s: %v, idle RSS %.1f MB, start %v", round+1, row.name, r.Measurement, r.rss, r.start.Round(time.Millisecond))
			results[i] = append(results[i], r)
		}
	}
	var names []string
	for _, row := range rows {
		names = append(names, row.name)
	}
	fmt.Print(medians(names, "i2pd", benchColumns, results))
}

// benchColumns are the figures of the table.
var benchColumns = []figure[benchResult]{
	{"RTT ms", "%.2f", func(r benchResult) float64 { return r.RTT.Seconds() * 1000 }},
	{"MB/s up", "%.2f", func(r benchResult) float64 { return r.Up }},
	{"MB/s down", "%.2f", func(r benchResult) float64 { return r.Down }},
	{"CPU ms/MB", "%.1f", func(r benchResult) float64 { return r.CPU }},
	{"idle RSS MB", "%.1f", func(r benchResult) float64 { return r.rss }},
	{"start ms", "%.1f", func(r benchResult) float64 { return r.start.Seconds() * 1000 }},
}

const (
	benchPings = 50
	benchHops  = 3 // each way
)

// withNetwork runs f in a network that ends with it: the next one is to have the machine for itself.
func withNetwork(ctx context.Context, t *testing.T, cfg NetworkConfig, f func(*Network) (benchResult, error)) (r benchResult, err error) {
	n, err := NewNetwork(ctx, cfg)
	if err != nil {
		return r, err
	}
	r, err = f(n)
	if err != nil {
		t.Log(n.Logs(10))
	}
	if e := n.Close(); err == nil {
		err = e
	}
	return r, err
}

func sids(count int) []Release {
	var rs []Release
	for range count {
		rs = append(rs, Sid)
	}
	return rs
}

// benchKind is what all routers of the networks speak: NTCP2, or SSU2 alone.
type benchKind struct {
	ssu2     bool
	settings string // of ours
}

// Settings of ours, with one transport.
const (
	ssu2Alone  = "[ntcp2]\nenabled = false\n"
	ntcp2Alone = "[ssu2]\nenabled = false\n"
)

func (k benchKind) i2pd(ctx context.Context, t *testing.T, size int) (benchResult, error) {
	return withNetwork(ctx, t, NetworkConfig{Releases: sids(6), Floodfills: 3, SSU2Only: k.ssu2}, func(n *Network) (r benchResult, err error) {
		if err := n.AwaitMesh(ctx, time.Minute, 4); err != nil {
			return r, err
		}
		s, end, err := SAMPair(ctx, n.I2PD[4], n.I2PD[5], TunnelOptions(benchHops, 2), Serve)
		if err != nil {
			return r, err
		}
		defer end()
		var rss []float64
		for _, i := range n.I2PD {
			rss = append(rss, float64(i.RSS())/1e6)
		}
		r.rss, r.start = Median(rss), n.I2PD[0].Answered
		r.Measurement, err = n.Measure(ctx, s, benchPings, size)
		return r, err
	})
}

func (k benchKind) oursBetweenI2PD(ctx context.Context, t *testing.T, size int) (benchResult, error) {
	return withNetwork(ctx, t, NetworkConfig{Releases: sids(4), Floodfills: 3, SSU2Only: k.ssu2}, func(n *Network) (benchResult, error) {
		if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
			return benchResult{}, err
		}
		return benchPair(ctx, n, 2, 0, size, k.settings)
	})
}

func (k benchKind) ours(ctx context.Context, t *testing.T, size int) (benchResult, error) {
	return withNetwork(ctx, t, NetworkConfig{}, func(n *Network) (benchResult, error) {
		return benchPair(ctx, n, 6, 3, size, k.settings)
	})
}

// startOurs starts so many routers of ours with these settings, the first ones floodfills, of which the last
// two carry nothing for others, and waits for the tunnels of all. start is the first one's time to its control socket.
func startOurs(ctx context.Context, n *Network, routers, floodfills int, settings string) (start time.Duration, err error) {
	for i := range routers {
		o, err := n.StartRouter(RouterConfig{
			Name: fmt.Sprintf("ours%d", i), Floodfill: i < floodfills, NoTransit: i >= routers-2, TOML: settings,
		})
		if err != nil {
			return 0, err
		}
		answered, err := o.AwaitSocket(ctx)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			start = answered
		}
		err = Await(ctx, 10*time.Second, o.Name+" writes its router.info", func(context.Context) error {
			_, err := o.RouterInfo()
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	for _, o := range n.Routers {
		if err := o.AwaitTunnels(ctx, time.Minute); err != nil {
			return 0, err
		}
	}
	return start, nil
}

// oursPair runs i2p-tunnel at two routers: a stream from a to b, whose end at b
// serves. It has answered once.
func oursPair(ctx context.Context, a, b *Router, hops, tunnels int, serve func(Stream) error) (s *Tunnel, end func(), err error) {
	length, quantity := strconv.Itoa(hops), strconv.Itoa(tunnels)
	listen, b32, err := b.Listen(ctx, "--hops", length, "--tunnels", quantity)
	if err != nil {
		return nil, nil, err
	}
	served := make(chan error, 1)
	go func() { served <- serve(listen) }()
	connect, err := a.Connect(b32, "--hops", length, "--tunnels", quantity, "--timeout", "90s")
	if err != nil {
		listen.Close()
		return nil, nil, err
	}
	end = func() {
		connect.Close()
		listen.Close()
		<-served
	}
	if _, err := Ping(ctx, connect); err != nil {
		err = fmt.Errorf("%w: %s", err, connect.LogTail(5))
		end()
		return nil, nil, err
	}
	return connect, end, nil
}

// benchPair starts so many routers of ours and measures a stream between the last two.
func benchPair(ctx context.Context, n *Network, routers, floodfills, size int, settings string) (r benchResult, err error) {
	if r.start, err = startOurs(ctx, n, routers, floodfills, settings); err != nil {
		return r, err
	}
	connect, end, err := oursPair(ctx, n.Routers[routers-2], n.Routers[routers-1], benchHops, 2, Serve)
	if err != nil {
		return r, err
	}
	defer end()
	var rss []float64
	for _, o := range n.Routers {
		rss = append(rss, float64(o.RSS())/1e6)
	}
	r.rss = Median(rss)
	r.Measurement, err = n.Measure(ctx, connect, benchPings, size)
	return r, err
}
