//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEncryption: i2p-tunnel -v and i2p-lookup --leaseset tell that a stream between two destinations
// of ours is encrypted by ML-KEM-768 beside X25519, and so is one with i2pd 2.59; with i2pd 2.56, which
// knows of no ML-KEM, by X25519 alone, and with a lease set of ours that offers nothing else, or more.
func TestEncryption(t *testing.T) {
	const hybrid, plain, strong = "MLKEM768_X25519", "X25519", "MLKEM1024_X25519"
	ctx := gate(t, 5*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}, Floodfills: 2, Each: func(i int, c *I2PDConfig) {
		if i < 2 {
			c.WebPort, c.WebHops = webPort, 1
		}
	}})
	servePage(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
		t.Fatal(err)
	}
	a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true, Hops: 1})
	b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true, Hops: 1})
	for i, want := range []string{hybrid, plain} {
		b32, err := n.I2PD[i].WebB32()
		if err != nil {
			t.Fatal(err)
		}
		encrypted(t, ctx, a, versions[n.I2PD[i].Release], b32, want)
	}
	for offer, want := range map[string]string{"": hybrid, "4": plain, "6,4": hybrid, "7": strong} {
		args := []string{"-v", "--keep", "--hops", "1"}
		types := map[string][]string{"": {hybrid, plain}, "4": {plain}, "6,4": {hybrid, plain}, "7": {strong}}[offer]
		if offer != "" {
			args = append(args, "-O", "i2cp.leaseSetEncType="+offer)
		}
		listen, b32, err := b.Listen(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		if offer == "7" { // of which the other side has to know
			encrypted(t, ctx, a, "ours, which offers "+offer, b32, want, "-O", "i2cp.leaseSetEncType=7,4")
		} else {
			encrypted(t, ctx, a, "ours, which offers "+offer, b32, want)
		}
		if err := said(ctx, listen.LogFile, "encrypted by "+want+"\n"); err != nil {
			t.Errorf("the listener: %v", err)
		}
		out, err := a.Tool(ctx, "i2p-lookup", "--leaseset", b32)
		var listed []string
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == "encryption" {
				listed = append(listed, f[1])
			}
		}
		if err != nil || !slices.Equal(listed, types) {
			t.Errorf("the lease set is to have %s: %v\n%s", types, err, out)
		}
		listen.Close()
	}
}

// encrypted connects, and looks at what -v says.
func encrypted(t *testing.T, ctx context.Context, r *Router, what, b32, want string, args ...string) {
	t.Helper()
	err := Await(ctx, 90*time.Second, "a stream to "+what, func(ctx context.Context) error {
		connect, err := r.Connect(b32, append([]string{"-v", "--hops", "1", "--timeout", "20s"}, args...)...)
		if err != nil {
			return err
		}
		defer connect.Close()
		return said(ctx, connect.LogFile, "connected, encrypted by "+want+"\n")
	})
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// said waits for what a program is to say.
func said(ctx context.Context, log, text string) error {
	return Await(ctx, 25*time.Second, "a log says "+text, func(context.Context) error {
		b, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(b), text) {
			err = fmt.Errorf("it says %q", b)
		}
		return err
	})
}
