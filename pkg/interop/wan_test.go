//go:build linux

package interop

import (
	"context"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// TestWAN sends over one hop each way between our routers, 200 ms apart: a
// conversation, then more than fits in a stream's first windows.
func TestWAN(t *testing.T) {
	ctx := gate(t, 3*time.Minute)
	if err := wan.Missing(); err != nil {
		t.Skip("SKIPPED: no wide-area network: ", err)
	}
	site := startSite(t, ctx, "ours")
	s, err := site.groups[0].stream(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	t.Logf("first byte %v after the start", time.Since(site.groups[0].net.T0).Round(10*time.Millisecond))
	// Where one router is the hop of both ends' tunnels, each way passes four lines.
	if rtt, err := Ping(ctx, s); err != nil || rtt < 400*time.Millisecond {
		t.Errorf("a round trip of %v over a hop each way: %v", rtt, err)
	}
	if err := chat(ctx, s, 7); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	const size = 2e6
	if err := Upload(ctx, s, size); err != nil {
		t.Fatal(err)
	}
	took, late := time.Since(start), site.wan.Late()
	t.Logf("2 MB in %v; the network was late by %v in the mean, %v at most", took.Round(10*time.Millisecond), late.Mean(), late.Max)
	// The sender and the hops are the only ones that have sent so much.
	for _, id := range append(site.groups[0].hops(), site.groups[0].initiator()) {
		up, _ := site.wan.Traffic(id)
		t.Logf("host %d sent %d bytes", id, up.Bytes)
	}
	if up, _ := site.wan.Traffic(site.groups[0].initiator()); up.Bytes < size || up.Bytes > 2*size {
		t.Errorf("the sender's host sent %d bytes for %d", up.Bytes, int(size))
	}
}

// startSite starts one network of each kind, which ends with the test.
func startSite(t *testing.T, ctx context.Context, kinds ...string) *farSite {
	t.Helper()
	site, err := newFarSite(ctx, 50*time.Millisecond, 1, 1, kinds)
	t.Cleanup(func() {
		for _, g := range site.groups {
			if t.Failed() && g.net != nil {
				t.Log(g.net.Logs(25))
			}
		}
		if err := site.close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return site
}
