//go:build linux

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/ssu2"
)

// TestEmissary: among emissary routers, which speak SSU2 alone and are the only ones with its
// hybrids beside ours, sessions that they dial, and that we do, have the hybrid that the router which is dialled
// publishes, or none; and a stream of 20 MB each way goes through tunnels whose hops all are
// emissary's.
func TestEmissary(t *testing.T) {
	if os.Getenv("I2P_EMISSARY") != "1" {
		t.Skip("runs against real emissary routers: use scripts/emissary")
	}
	for _, c := range []struct{ name, theirs, ours, want string }{
		{"ML-KEM-768", "4,3", "ML-KEM-768", "ML-KEM-768"},
		{"ML-KEM-512", "3", "ML-KEM-512", "ML-KEM-512"},
		{"they have none", "", "ML-KEM-768", ""},
		{"we have none", "4", "none", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := gate(t, 15*time.Minute)
			n, err := NewEmissaryNetwork(ctx, EmissaryConfig{Routers: 4, Hybrid: c.theirs, Log: os.Getenv("I2P_EMISSARY_LOG")})
			if err != nil {
				t.Fatal(err)
			}
			endWith(t, n)
			settings := fmt.Sprintf("[ssu2]\nenabled = true\nhybrid = %q\n", c.ours)
			floodfill, err := n.StartRouter(RouterConfig{Name: "floodfill", Alone: true, NoTransit: true, Floodfill: true, TOML: settings})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := floodfill.AwaitSocket(ctx); err != nil {
				t.Fatal(err)
			}
			err = Await(ctx, 20*time.Second, "the floodfill publishes SSU2", func(context.Context) error {
				info, err := floodfill.RouterInfo()
				if err == nil && !bytes.Contains(info, []byte("SSU2")) {
					err = errors.New("not yet")
				}
				return err
			})
			if err == nil {
				err = n.StartEmissary()
			}
			if err != nil {
				t.Fatal(err)
			}
			a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true, TOML: settings})
			b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true, TOML: settings})
			emissaryPeers(t, ctx, n, c.want, a, b, floodfill)
			connect, end := joined(t, ctx, a, b)
			exchange(t, ctx, n, connect)
			end()
		})
	}
}

// emissaryPeers waits for sessions with all emissary routers, dialled by us and by them, and
// looks at what they depend on.
func emissaryPeers(t *testing.T, ctx context.Context, n *Network, want string, routers ...*Router) {
	t.Helper()
	theirs := map[string]bool{}
	for _, r := range n.Emissary {
		hash, err := r.Hash()
		if err != nil {
			t.Fatal(err)
		}
		theirs[hash] = true
	}
	err := Await(ctx, 2*time.Minute, "sessions of both directions", func(ctx context.Context) error {
		seen := map[control.Direction]int{}
		for _, r := range routers {
			out, err := r.Tool(ctx, "i2p-router", "peers", "--json")
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(out)) {
				var p control.Peer
				if err := json.Unmarshal([]byte(line), &p); err != nil {
					return err
				}
				if !theirs[p.Router] {
					continue
				}
				seen[p.Direction]++
				if p.Hybrid != want || p.Transport != "SSU2" {
					t.Errorf("a session of %s over %s, %s, is of hybrid %q, want %q", r.Name, p.Transport, p.Direction, p.Hybrid, want)
				}
			}
		}
		if seen[control.Inbound] == 0 || seen[control.Outbound] == 0 || seen[control.Inbound]+seen[control.Outbound] < len(theirs) {
			return fmt.Errorf("%v", seen)
		}
		t.Logf("sessions: %v", seen)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestEmissaryVectors has handshakes with emissary by the engine alone, of each hybrid, and keeps
// them in docs/vectors with UPDATE_VECTORS=1.
func TestEmissaryVectors(t *testing.T) {
	if os.Getenv("I2P_EMISSARY") != "1" {
		t.Skip("runs against real emissary routers: use scripts/emissary")
	}
	for pq, kind := range map[string]kem.Kind{"3": kem.MLKEM512, "4": kem.MLKEM768} {
		t.Run(kind.String(), func(t *testing.T) {
			ctx := gate(t, 3*time.Minute)
			n, err := NewEmissaryNetwork(ctx, EmissaryConfig{Routers: 1, Hybrid: pq})
			if err != nil {
				t.Fatal(err)
			}
			endWith(t, n)
			if err := n.StartEmissary(); err != nil {
				t.Fatal(err)
			}
			alice := newSSU2Router(t, n, 0, nil)
			alice.renew(kind, 0)
			target, err := targetOf(n.Emissary[0])
			if err != nil {
				t.Fatal(err)
			}
			var s *ssu2Session
			err = Await(ctx, time.Minute, "a session", func(ctx context.Context) error {
				if err := alice.dial(target, 0); err != nil {
					return err
				}
				s, err = alice.awaitSession(ctx, true)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if s.Hybrid != kind {
				t.Errorf("of hybrid %v", s.Hybrid)
			}
			s.message(storeOf(alice.info, 0, i2p.Hash{}))
			if err := alice.await(ctx, "an acknowledgement", func(e any) bool {
				a, ok := e.(ssu2Arrival)
				return ok && a.block.Type == ssu2.BlockAck
			}); err != nil {
				t.Fatal(err)
			}
			alice.save(t, "emissary 0.4", strings.ToLower(strings.ReplaceAll(kind.String(), "-", "")))
		})
	}
}
