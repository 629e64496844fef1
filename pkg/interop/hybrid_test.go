//go:build linux

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
)

// TestHybrid: sessions with i2pd are hybrids of X25519 and ML-KEM, of each size that i2pd publishes, and
// with one that does not have any they are none; so are those that i2pd has dialled, where it was the
// first. A stream goes through them.
func TestHybrid(t *testing.T) {
	ctx := gate(t, 4*time.Minute)
	versions := []int{2, 3, 4, 5}
	n := network(t, ctx, NetworkConfig{Releases: sids(len(versions)), Each: func(i int, c *I2PDConfig) { c.NTCP2 = versions[i] }})
	a := startRouter(t, ctx, n, RouterConfig{Name: "a"})
	b := startRouter(t, ctx, n, RouterConfig{Name: "b"})
	hybrids := map[string]string{}
	for i, name := range []string{"", "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"} {
		hash, err := n.I2PD[i].Hash()
		if err != nil {
			t.Fatal(err)
		}
		hybrids[hash] = name
	}
	sessions := 0
	err := Await(ctx, 2*time.Minute, "hybrid sessions with all i2pd routers", func(ctx context.Context) error {
		sessions = 0
		for _, r := range []*Router{a, b} {
			out, err := r.Tool(ctx, "i2p-router", "peers", "--json")
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(out)) {
				var p control.Peer
				if err := json.Unmarshal([]byte(line), &p); err != nil {
					return err
				}
				want, theirs := hybrids[p.Router]
				if theirs && p.Direction == control.Inbound && want != "" {
					want = "ML-KEM-768" // what we publish
				}
				if theirs && p.Hybrid != want {
					t.Errorf("a session with %s, %s, is of hybrid %q, want %q", p.Router, p.Direction, p.Hybrid, want)
				}
				if theirs {
					sessions++
				}
			}
		}
		if sessions < 2*len(versions) {
			return fmt.Errorf("%d sessions", sessions)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	connect, end := joined(t, ctx, a, b)
	exchange(t, ctx, n, connect)
	end()
}
