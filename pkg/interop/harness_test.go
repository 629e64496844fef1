//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// gate skips a test unless it was asked for, and bounds it.
func gate(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	if os.Getenv("I2P_INTEROP") != "1" {
		t.Skip("runs against real i2pd routers: use scripts/interop")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// setting is a number that the script of a benchmark gives.
func setting[N int | float64](t *testing.T, name string, parse func(string) (N, error)) N {
	t.Helper()
	v, err := parse(os.Getenv(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func decimal(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

// network starts a network, which ends with the test; a failed test shows its logs.
func network(t *testing.T, ctx context.Context, cfg NetworkConfig) *Network {
	t.Helper()
	n, err := NewNetwork(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, n)
	return n
}

// endWith closes a network at the end of the test; a failed one shows its logs.
func endWith(t *testing.T, n *Network) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(n.Logs(25))
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestHarness proves the harness itself, with i2pd alone: a stream through two
// hops each way between i2pd 2.59 and i2pd 2.59, over hops of both versions.
func TestHarness(t *testing.T) {
	ctx := gate(t, 10*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Trixie, Sid, Sid}, Floodfills: 2, WebPort: webPort})
	page := servePage(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	s, end, err := SAMPair(ctx, n.I2PD[0], n.I2PD[3], TunnelOptions(2, 2), Serve)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	t.Logf("first stream %v after the start", time.Since(n.T0).Round(100*time.Millisecond))
	exchange(t, ctx, n, s)
	var transit int64
	for _, r := range n.I2PD {
		c, err := r.Counters(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, RSS %.1f MB, console after %v", r.Name, c, float64(r.RSS())/1e6, r.Answered.Round(time.Millisecond))
		transit += c.Transit
	}
	if transit < 2*bulk*4 { // two hops at each end
		t.Errorf("the routers forwarded %d bytes for one another, want at least four times the data", transit)
	}
	t.Run("web", func(t *testing.T) { i2pdWeb(t, n, page) })
	t.Run("explicit hop", func(t *testing.T) { i2pdExplicitHop(t, n) })
	t.Run("soak", func(t *testing.T) {
		looks := 0
		soak(t, gate(t, time.Minute), s, 5*time.Second, func() { looks++ })
		if looks == 0 {
			t.Error("nobody looked")
		}
	})
	t.Run("killed hop", func(t *testing.T) { i2pdKilledHop(t, n, s) })
}

// i2pdWeb gets the page of router 0's server tunnel from another router.
func i2pdWeb(t *testing.T, n *Network, page string) {
	ctx := gate(t, 2*time.Minute)
	session, err := n.I2PD[4].SAMSession(ctx, TunnelOptions(2, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	b32, err := n.I2PD[0].WebB32()
	if err != nil {
		t.Fatal(err)
	}
	err = Await(ctx, 100*time.Second, "i2pd gets the page", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		dest, err := session.Lookup(ctx, b32)
		if err != nil {
			return err
		}
		c, err := session.Connect(ctx, dest)
		if err != nil {
			return err
		}
		defer c.Close()
		defer bound(ctx, c)()
		got, err := getPage(c, b32)
		if err == nil && got != page {
			err = fmt.Errorf("%d bytes: %.200q", len(got), got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// i2pdExplicitHop sends through one chosen hop, and sees it in that hop's console.
func i2pdExplicitHop(t *testing.T, n *Network) {
	ctx := gate(t, 2*time.Minute)
	hop := n.I2PD[2]
	hash, err := hop.Hash()
	if err != nil {
		t.Fatal(err)
	}
	before, err := hop.Counters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	options := TunnelOptions(1, 2)
	options["explicitPeers"] = hash
	s, end, err := SAMPair(ctx, n.I2PD[0], n.I2PD[3], options, Serve)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if err := Upload(ctx, s, 2e6); err != nil {
		t.Fatal(err)
	}
	after, err := hop.Counters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d := after.Transit - before.Transit; d < 2*2e6 {
		t.Errorf("2 MB through %s at both ends: it forwarded %d bytes", hop.Name, d)
	}
}

// i2pdKilledHop kills the router that forwards most in the middle of a
// transfer. i2pd 2.59 has been seen not to recover from that within four
// minutes, so what is asked for is only that the harness does its part.
func i2pdKilledHop(t *testing.T, n *Network, s Stream) {
	ctx := gate(t, 45*time.Second)
	counters := func() (all []Counters) {
		for _, r := range n.I2PD {
			c, err := r.Counters(ctx)
			if err != nil {
				t.Error(err)
			}
			all = append(all, c)
		}
		return all
	}
	before := counters()
	killed := make(chan struct{})
	started := false
	start := time.Now()
	err := DownloadWatched(ctx, s, bulk, func(got int64) {
		if started || got < bulk/4 {
			return
		}
		started = true
		go func() {
			defer close(killed)
			victim, most := 1, int64(0)
			for i, c := range counters() {
				if d := c.Transit - before[i].Transit; i != 0 && i != 3 && d > most {
					victim, most = i, d
				}
			}
			t.Logf("killing %s, which has forwarded %d bytes", n.I2PD[victim].Name, most)
			n.I2PD[victim].Kill()
		}()
	})
	if !started {
		t.Fatalf("the transfer failed before the hop was killed: %v", err)
	}
	<-killed
	t.Logf("i2pd's 20 MB with a hop killed after 5: %v after %v", err, time.Since(start).Round(100*time.Millisecond))
	if got := len(n.Processes()); got != len(n.I2PD)-1 {
		t.Errorf("%d routers run, want one less than %d", got, len(n.I2PD))
	}
}

// askedFor skips a test of the long list, unless the environment asks for it.
func askedFor(t *testing.T, name, takes string) {
	t.Helper()
	if os.Getenv(name) == "" {
		t.Skipf("takes %s: %s=1 asks for it", takes, name)
	}
}
