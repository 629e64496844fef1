//go:build linux

package interop

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// elgamalBulk is what each stream carries each way.
const elgamalBulk = 5_000_000

// TestElGamal: destinations that have ElGamal only, which were all of them once. Those of i2pd, of both releases, are
// reached by ours as they are opened without asking for anything, and reach those of ours that offer it, alone or
// beside X25519.
func TestElGamal(t *testing.T) {
	ctx := gate(t, 12*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}, Floodfills: 2})
	if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
		t.Fatal(err)
	}
	r := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true, Hops: 1})
	old := TunnelOptions(1, 2)
	old["i2cp.leaseSetEncType"] = "0"
	for i, release := range []string{"2.59", "2.56"} {
		peer := n.I2PD[2+i]
		t.Run("ours to i2pd "+release, func(t *testing.T) {
			ctx := gate(t, 3*time.Minute)
			session, err := peer.SAMSession(ctx, old)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			stop, err := session.serve(ctx, Serve)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			theirs, err := i2p.ParseDestinationBase64(session.Destination)
			if err != nil {
				t.Fatal(err)
			}
			connect, err := r.Connect(theirs.B32(), "--hops", "1", "--timeout", "90s")
			if err != nil {
				t.Fatal(err)
			}
			defer connect.Close()
			elgamalExchange(t, ctx, n, r, connect)
		})
		for _, types := range []string{"0", "4,0"} {
			t.Run("i2pd "+release+" to ours with "+types, func(t *testing.T) {
				ctx := gate(t, 3*time.Minute)
				listen, b32, err := r.Listen(ctx, "--hops", "1", "-O", "i2cp.leaseSetEncType="+types)
				if err != nil {
					t.Fatal(err)
				}
				defer listen.Close()
				served := serveTunnel(listen)
				session, err := peer.SAMSession(ctx, old)
				if err != nil {
					t.Fatal(err)
				}
				defer session.Close()
				s := connectSAM(t, ctx, session, b32)
				defer s.Close()
				elgamalExchange(t, ctx, n, r, s)
				s.Close()
				finish(t, ctx, listen)
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestElGamalJava is the same with Java I2P. I2P_JAVA_LONG=1 measures Java to Java beside it.
func TestElGamalJava(t *testing.T) {
	n := javaNetwork(t, JavaConfig{Routers: 4})
	ctx := gate(t, 12*time.Minute)
	if err := n.AwaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	r := startRouter(t, ctx, n, RouterConfig{Name: "a"})
	old := JavaOptions(1)
	old["i2cp.leaseSetEncType"] = "0"
	t.Run("ours to Java", func(t *testing.T) {
		server, err := n.Java[0].Streams(ctx, "", old)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Kill()
		defer serveJava(t, ctx, server, 1)()
		c, err := r.Connect(server.B32, "--hops", "1", "--timeout", "90s")
		if err != nil {
			t.Fatal(err)
		}
		elgamalExchange(t, ctx, n, r, c)
		finish(t, ctx, c)
	})
	if os.Getenv("I2P_JAVA_LONG") == "1" {
		t.Run("Java to Java", func(t *testing.T) {
			server, err := n.Java[0].Streams(ctx, "", old)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Kill()
			defer serveJava(t, ctx, server, 1)()
			client, err := n.Java[1].Streams(ctx, "", old)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Kill()
			c := connectJava(t, ctx, client, server.B32)
			defer c.Close()
			m, err := n.Measure(ctx, c, 5, elgamalBulk/5)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(m)
		})
	}
	for _, types := range []string{"0", "4,0"} {
		t.Run("Java to ours with "+types, func(t *testing.T) {
			client, err := n.Java[1].Streams(ctx, "", old)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Kill()
			listen, b32, err := r.Listen(ctx, "--hops", "1", "-O", "i2cp.leaseSetEncType="+types)
			if err != nil {
				t.Fatal(err)
			}
			defer listen.Close()
			served := serveTunnel(listen)
			c := connectJava(t, ctx, client, b32)
			defer c.Close()
			elgamalExchange(t, ctx, n, r, c)
			c.CloseWrite()
			finish(t, ctx, listen)
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// connectJava has Java connect once it finds the lease set.
func connectJava(t *testing.T, ctx context.Context, from *JavaStreams, b32 string) (c *JavaStream) {
	t.Helper()
	err := Await(ctx, 2*time.Minute, "Java connects to "+b32, func(ctx context.Context) (err error) {
		c, err = from.Connect(ctx, b32, 0, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// elgamalExchange moves bytes both ways, and checks that most messages were of ElGamal sessions that stand.
func elgamalExchange(t *testing.T, ctx context.Context, n *Network, r *Router, s Stream) {
	t.Helper()
	before := elgamalCounts(t, ctx, r)
	m, err := n.Measure(ctx, s, 5, elgamalBulk)
	if err != nil {
		t.Fatal(err)
	}
	after := elgamalCounts(t, ctx, r)
	for name := range after {
		if after[name] -= before[name]; after[name] == 0 {
			delete(after, name)
		}
	}
	t.Logf("%v; %v", m, after)
	const least = elgamalBulk / 2000
	for _, way := range []string{"sealed", "opened"} {
		existing, fresh := after[way+`_total{kind="existing"}`], after[way+`_total{kind="new"}`]
		if existing < least || fresh > existing/4 {
			t.Errorf("%s: %.0f messages of sessions that stand, %.0f of others", way, existing, fresh)
		}
	}
}

// elgamalCounts are what the router counts of ElGamal messages.
func elgamalCounts(t *testing.T, ctx context.Context, r *Router) map[string]float64 {
	t.Helper()
	out, err := r.Tool(ctx, "i2p-router", "metrics")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		for _, of := range []string{"i2p_destination_elgamal_", "i2p_destination_lost_"} {
			name, n, _ := strings.Cut(strings.TrimSpace(line), " ")
			if rest, is := strings.CutPrefix(name, of); is {
				counts[rest], _ = strconv.ParseFloat(n, 64)
			}
		}
	}
	return counts
}
