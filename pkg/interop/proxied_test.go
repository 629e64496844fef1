//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestProxied: a router of ours that sends all its datagrams through Dante's SOCKS5 server reaches i2pd
// routers that speak SSU2 and nothing else, and carries a stream through them; they see the server alone.
func TestProxied(t *testing.T) {
	binary := os.Getenv("I2P_DANTED")
	if binary == "" {
		t.Skip("needs Dante, of Debian's package dante-server: I2P_DANTED=/usr/sbin/danted")
	}
	ctx := gate(t, 5*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}, SSU2Only: true})
	if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
		t.Fatal(err)
	}
	place, err := n.place()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(n.Dir, "danted.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, `logoutput: stderr
internal: %[1]v port = 1080
external: %[1]v
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: root
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 command: udpassociate udpreply }
`, place.addr), 0o600); err != nil {
		t.Fatal(err)
	}
	dante, _, err := place.ns.Start(Command{
		Name: "danted", Path: binary, Args: []string{"-f", config, "-p", filepath.Join(n.Dir, "danted.pid")}, Log: filepath.Join(n.Dir, "danted.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dante.Stop(5 * time.Second) })
	a := startRouter(t, ctx, n, RouterConfig{Name: "a", TOML: "[ssu2]\nenabled = true\n"})
	p := startRouter(t, ctx, n, RouterConfig{
		Name: "proxied", Finds: true, TOML: fmt.Sprintf("[ntcp2]\nenabled = false\n[ssu2]\nenabled = true\nproxy = \"socks5://%v:1080\"\n", place.addr),
	})
	connect, end := joined(t, ctx, a, p)
	exchange(t, ctx, n, connect)
	seenAt(t, ctx, n, p, place.addr.String())
	end()
}

// seenAt looks at where the sessions of i2pd with a router come from, as its consoles say it.
func seenAt(t *testing.T, ctx context.Context, n *Network, who *Router, want string) {
	t.Helper()
	hash, err := who.Hash()
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(regexp.QuoteMeta(hash[:4]) + `: ([0-9.]+):`)
	sessions := 0
	for _, r := range n.I2PD {
		page, err := r.ConsolePage(ctx, "/?page=transports")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range listed.FindAllStringSubmatch(page, -1) {
			if sessions++; m[1] != want {
				t.Errorf("%s sees it at %s, not at %s", r.Name, m[1], want)
			}
		}
	}
	if t.Logf("%d sessions from %s", sessions, want); sessions == 0 {
		t.Error("no sessions")
	}
}
