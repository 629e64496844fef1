//go:build linux

package interop

import (
	"context"
	"os"
	"testing"
	"time"
)

// TestSoak keeps one stream alive over two generations of tunnels. Only scripts/soak runs it.
func TestSoak(t *testing.T) {
	if os.Getenv("I2P_SOAK") == "" {
		t.Skip("takes 25 minutes: use scripts/soak")
	}
	length, err := time.ParseDuration(os.Getenv("I2P_SOAK"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := gate(t, length+10*time.Minute)
	n := mixed(t, ctx)
	a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true})
	b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true})
	connect, end := joined(t, ctx, a, b)
	ids := map[uint32]bool{}
	soak(t, ctx, connect, length, func() {
		ts, err := a.Tunnels(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, tun := range ts {
			if tun.Kind == "client" {
				ids[tun.ID] = true
			}
		}
	})
	t.Logf("%d client tunnels were seen at %s; RSS %d and %d MB", len(ids), a.Name, a.RSS()>>20, b.RSS()>>20)
	end()
}

// soak pings once a second, and moves 100 kB each way once a minute, when it also calls look.
func soak(t *testing.T, ctx context.Context, s Stream, length time.Duration, look func()) {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var all []time.Duration
	var worst time.Duration
	lastBulk := time.Time{}
	for time.Since(start) < length {
		d, err := Ping(ctx, s)
		if err != nil {
			t.Fatalf("after %v: %v", time.Since(start).Round(time.Second), err)
		}
		all, worst = append(all, d), max(worst, d)
		if time.Since(lastBulk) >= time.Minute {
			lastBulk = time.Now()
			if err := Upload(ctx, s, 100e3); err != nil {
				t.Fatalf("after %v: %v", time.Since(start).Round(time.Second), err)
			}
			if err := Download(ctx, s, 100e3); err != nil {
				t.Fatalf("after %v: %v", time.Since(start).Round(time.Second), err)
			}
			look()
			t.Logf("%v: RTT median %v, worst %v", time.Since(start).Round(time.Second), Median(all).Round(time.Millisecond), worst.Round(time.Millisecond))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}
