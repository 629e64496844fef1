//go:build linux

package interop

import (
	"context"
	"os"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// family is one of IP's, for the names of tests.
func family(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}

// TestSSU2Alone: among i2pd 2.56 and 2.59 that speak SSU2 and nothing else, over each family, ours send 20 MB
// each way through two and three hops of i2pd's; and i2pd, of both releases, through ours as the only hop, and
// as the middle one of three.
func TestSSU2Alone(t *testing.T) {
	if os.Getenv("I2P_SSU2_LONG") != "1" {
		t.Skip("takes minutes: I2P_SSU2_LONG=1")
	}
	ctx := gate(t, 25*time.Minute)
	for _, v6 := range []bool{false, true} {
		t.Run(family(v6), func(t *testing.T) {
			cfg := NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}, SSU2Only: true, IPv6: v6}
			if v6 { // ours listens on all addresses of its host
				if err := wan.Missing(); err != nil {
					t.Skip("SKIPPED: no hosts of their own: ", err)
				}
				cfg.Far = &Far{WAN: startSite(t, ctx).wan, First: 1}
			}
			n := network(t, ctx, cfg)
			if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
				t.Fatal(err)
			}
			a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true, TOML: ssu2Alone})
			b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true, TOML: ssu2Alone})
			for _, hops := range []int{2, 3} {
				s, end, err := oursPair(ctx, a, b, hops, 2, Serve)
				if err != nil {
					t.Fatal(err)
				}
				m, err := n.Measure(ctx, s, 5, bulk)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("ours through %d hops of i2pd's: %v", hops, m)
				end()
			}
			throughOurs(t, ctx, n)
		})
	}
}

// throughOurs has i2pd send through a router of ours, over SSU2.
func throughOurs(t *testing.T, ctx context.Context, n *Network) {
	c := startRouter(t, ctx, n, RouterConfig{Name: "c", TOML: ssu2Alone})
	hash, err := c.Hash()
	if err != nil {
		t.Fatal(err)
	}
	awaitKnown(t, ctx, n)
	hop := func(i int) string {
		h, err := n.I2PD[i].Hash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, by := range []struct {
		from, to, hops int
		peers          string
	}{
		{2, 3, 1, hash}, {3, 2, 1, hash}, {2, 3, 3, hop(0) + "," + hash + "," + hop(1)}, {3, 2, 3, hop(1) + "," + hash + "," + hop(0)},
	} {
		options := TunnelOptions(by.hops, 2)
		options["explicitPeers"] = by.peers
		s, end, err := SAMPair(ctx, n.I2PD[by.to], n.I2PD[by.from], options, Serve)
		if err != nil {
			t.Fatalf("%d hops: %v", by.hops, err)
		}
		defer end() // i2pd is known to crash where SAM sessions come and go quickly
		_, before, err := c.Transit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		m, err := n.Measure(ctx, s, 5, bulk)
		if err != nil {
			t.Fatalf("%d hops: %v", by.hops, err)
		}
		_, after, err := c.Transit(ctx)
		if err != nil || after-before < 2*bulk {
			t.Errorf("%d bytes through ours: %v", after-before, err)
		}
		t.Logf("from %s to %s with %d hops, ours among them: %v", n.I2PD[by.from].Name, n.I2PD[by.to].Name, by.hops, m)
	}
}
