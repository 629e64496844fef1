//go:build linux

package interop

import (
	"testing"
	"time"
)

// TestSSU2Router: among i2pd routers that speak SSU2 and nothing else, ours build tunnels and carry a
// stream, over sessions of both directions.
func TestSSU2Router(t *testing.T) {
	ctx := gate(t, 4*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}, SSU2Only: true})
	if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
		t.Fatal(err)
	}
	a := startRouter(t, ctx, n, RouterConfig{Name: "a", TOML: ssu2Alone})
	b := startRouter(t, ctx, n, RouterConfig{Name: "b", TOML: ssu2Alone})
	connect, end := joined(t, ctx, a, b)
	exchange(t, ctx, n, connect)
	end()
}
