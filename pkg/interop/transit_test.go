//go:build linux

package interop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
)

// TestTransit lets i2pd routers build tunnels through ours and send through them.
func TestTransit(t *testing.T) {
	ctx := gate(t, 6*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}, Floodfills: 2})
	c := startRouter(t, ctx, n, RouterConfig{Name: "c"})
	hash, err := c.Hash()
	if err != nil {
		t.Fatal(err)
	}
	awaitKnown(t, ctx, n)
	_, before, err := c.Transit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Both releases as the creator, ours as the only hop, and so in turn as
	// gateway and endpoint; then ours between two i2pd hops.
	first, err := n.I2PD[0].Hash()
	if err != nil {
		t.Fatal(err)
	}
	for _, peers := range []string{hash, first + "," + hash, hash + "," + first} {
		for _, pair := range [][2]int{{1, 2}, {2, 3}} {
			options := TunnelOptions(1+strings.Count(peers, ","), 2)
			options["explicitPeers"] = peers
			s, end, err := SAMPair(ctx, n.I2PD[pair[0]], n.I2PD[pair[1]], options, Serve)
			if err != nil {
				t.Fatalf("through %s: %v", peers, err)
			}
			// i2pd is known to crash where SAM sessions come and go quickly, so
			// all of them stay open to the end.
			defer end()
			m, err := n.Measure(ctx, s, 5, 2e6)
			if err != nil {
				t.Fatalf("through %s: %v", peers, err)
			}
			t.Logf("from %s to %s with %d hops: %v", n.I2PD[pair[1]].Name, n.I2PD[pair[0]].Name, 1+strings.Count(peers, ","), m)
		}
	}
	count, after, err := c.Transit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("transit tunnels %d (status: %d), bytes %d before and %d after", count, status.Tunnels.Transit, before, after)
	if count == 0 || status.Tunnels.Transit == 0 || after-before < 6*2*2*2e6 {
		t.Error("want transit tunnels, and more than 48 MB through them")
	}
}

// TestKilledHop kills a hop of a tunnel that carries a transfer; the transfer has to complete.
func TestKilledHop(t *testing.T) {
	ctx := gate(t, 8*time.Minute)
	n := mixed(t, ctx)
	a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true})
	b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true})
	connect, end := joined(t, ctx, a, b)
	killed := make(chan error, 1)
	started, start := false, time.Now()
	err := DownloadWatched(ctx, connect, bulk, func(got int64) {
		if !started && got > bulk/4 {
			started = true
			go func() { killed <- killBusiestHop(t, ctx, n, a, control.Inbound) }()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	t.Logf("20 MB with a hop killed after 5: %v", time.Since(start).Round(100*time.Millisecond))
	if err := Upload(ctx, connect, bulk/4); err != nil {
		t.Fatal(err)
	}
	end()
}

// killBusiestHop kills a hop of the client tunnel that has carried most in this direction.
func killBusiestHop(t *testing.T, ctx context.Context, n *Network, r *Router, dir control.Direction) error {
	ts, err := r.Tunnels(ctx)
	if err != nil {
		return err
	}
	ts = slices.DeleteFunc(ts, func(tun control.Tunnel) bool {
		return tun.Kind != "client" || tun.Direction != dir || len(tun.Hops) == 0
	})
	if len(ts) == 0 {
		return fmt.Errorf("%s lists no client tunnel %s", r.Name, dir)
	}
	busiest := slices.MaxFunc(ts, func(x, y control.Tunnel) int { return int(int64(x.Bytes) - int64(y.Bytes)) })
	victim := n.ByHash(busiest.Hops[len(busiest.Hops)-1])
	if victim == nil {
		return fmt.Errorf("hop %s is no running i2pd router", busiest.Hops[0])
	}
	t.Logf("killing %s, hop of a tunnel that has carried %d bytes", victim.Name, busiest.Bytes)
	victim.Kill()
	return nil
}

// awaitKnown waits until every i2pd knows all others and one router of ours.
func awaitKnown(t *testing.T, ctx context.Context, n *Network) {
	t.Helper()
	err := Await(ctx, time.Minute, "every i2pd knows our router", func(ctx context.Context) error {
		for _, r := range n.I2PD {
			if cs, err := r.Counters(ctx); err != nil || cs.Routers <= len(n.I2PD) {
				return fmt.Errorf("%s knows %d routers: %v", r.Name, cs.Routers, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
