//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
)

// TestSilence: over SSU2 alone, after five minutes in which nothing was said over a stream, what is said then
// is answered at once.
func TestSilence(t *testing.T) {
	overSSU2(t, afterSilence)
}

// TestComeback: over SSU2 alone nothing tells a router that a peer was killed, until that is back. A stream goes on
// soon after the hop that carries it was killed and started again; and a router of ours that was killed, or ended in
// order, has tunnels soon after its start, and is reached.
func TestComeback(t *testing.T) {
	overSSU2(t, func(t *testing.T, ctx context.Context, g *farGroup) {
		ours := g.net.Routers[len(g.net.Routers)-2:]
		limit := 10 * time.Second
		if len(g.net.I2PD) > 0 { // which has nobody told that it was killed
			limit *= 4
		}
		afterKill(t, ctx, g, ours[0], limit)
		afterOurs(t, ctx, ours[0], ours[1], "was killed", ours[1].Restart)
		afterOurs(t, ctx, ours[0], ours[1], "was ended", func() error {
			if !ours[1].Stop(10 * time.Second) {
				t.Errorf("%s does not end", ours[1].Name)
			}
			return ours[1].Restart()
		})
	})
}

// overSSU2 runs f in networks that speak SSU2 alone: on loopback and over 200 ms, with hops of i2pd's and of ours.
func overSSU2(t *testing.T, f func(*testing.T, context.Context, *farGroup)) {
	t.Helper()
	if os.Getenv("I2P_SSU2_LONG") != "1" {
		t.Skip("takes up to a quarter of an hour: I2P_SSU2_LONG=1")
	}
	if err := wan.Missing(); err != nil {
		t.Skip("SKIPPED: no wide-area network: ", err)
	}
	ctx := gate(t, 25*time.Minute)
	for _, far := range []bool{false, true} {
		for _, i2pd := range []bool{true, false} {
			name := map[bool]string{true: "hops of i2pd", false: "hops of ours"}[i2pd] + map[bool]string{true: ", 200 ms", false: ", loopback"}[far]
			t.Run(name, func(t *testing.T) {
				t.Parallel() // most of it is waiting
				cfg, ours, floodfills := NetworkConfig{}, farHosts, 3
				if i2pd {
					cfg, ours, floodfills = NetworkConfig{Releases: sids(farHosts - 2), Floodfills: 3, SSU2Only: true}, 2, 0
				}
				site := startSite(t, ctx)
				if far {
					line := wan.Distance(site.delay)
					cfg.Far = &Far{WAN: site.wan, First: 1, Up: line, Down: line}
				}
				n, open, err := farOurs(ctx, cfg, ours, floodfills, ssu2Alone)
				g := &farGroup{kind: "SSU2", first: 1, net: n, open: open}
				if n != nil {
					site.groups = append(site.groups, g)
				}
				if err != nil {
					t.Fatal(err)
				}
				f(t, ctx, g)
			})
		}
	}
}

// afterSilence says nothing over a stream for five minutes.
func afterSilence(t *testing.T, ctx context.Context, g *farGroup) {
	s, err := g.stream(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	select {
	case <-time.After(5 * time.Minute):
	case <-ctx.Done():
	}
	first, err := Ping(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	next, err := Ping(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after five minutes of silence an answer takes %v, and the next %v", first.Round(time.Millisecond), next.Round(time.Millisecond))
	if first > 3*time.Second {
		t.Errorf("%v", first)
	}
}

// afterKill kills the hop that carries a stream, and starts it again.
func afterKill(t *testing.T, ctx context.Context, g *farGroup, to *Router, limit time.Duration) {
	f, end, err := farDrip(ctx, g, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	name, restart, err := carrier(ctx, g.net, to)
	if err == nil {
		err = restart()
	}
	if err != nil {
		t.Fatal(err)
	}
	silence, err := f.settled(ctx)
	t.Logf("%s was killed and started again: the longest silence was %.1f s", name, silence)
	if err != nil || silence > limit.Seconds() {
		t.Errorf("%.1f s, %v", silence, err)
	}
}

// afterOurs starts a router again; another opens a stream to it.
func afterOurs(t *testing.T, ctx context.Context, from, r *Router, how string, restart func() error) {
	if err := restart(); err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitTunnels(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	tunnels := time.Since(r.Started)
	_, end, err := oursPair(ctx, from, r, 1, farTunnels, Serve)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	t.Logf("%s %s: it has tunnels %v after its start, and the first byte of a stream has come back after %v",
		r.Name, how, tunnels.Round(10*time.Millisecond), time.Since(r.Started).Round(10*time.Millisecond))
	if tunnels > 5*time.Second {
		t.Errorf("tunnels after %v", tunnels)
	}
}

// carrier is the router next to ours in the inbound tunnel that has carried most, and what kills it
// and starts it again.
func carrier(ctx context.Context, n *Network, r *Router) (name string, restart func() error, err error) {
	ts, err := r.Tunnels(ctx)
	if err != nil {
		return "", nil, err
	}
	ts = slices.DeleteFunc(ts, func(tun control.Tunnel) bool {
		return tun.Kind != "client" || tun.Direction != control.Inbound || len(tun.Hops) == 0
	})
	if len(ts) == 0 {
		return "", nil, fmt.Errorf("%s lists no inbound client tunnel", r.Name)
	}
	busiest := slices.MaxFunc(ts, func(x, y control.Tunnel) int { return int(int64(x.Bytes) - int64(y.Bytes)) })
	hash := busiest.Hops[len(busiest.Hops)-1]
	if hop := n.ByHash(hash); hop != nil {
		return hop.Name, func() error { hop.Kill(); return hop.Start() }, nil
	}
	for _, o := range n.Routers {
		if h, err := o.Hash(); err == nil && h == hash {
			return o.Name, o.Restart, nil
		}
	}
	return "", nil, fmt.Errorf("hop %s is no router of this network", hash)
}
