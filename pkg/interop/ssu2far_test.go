//go:build linux

package interop

import (
	"os"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// TestSSU2Far sends 20 MB each way over SSU2 alone, between ours over hops of i2pd 2.56 and 2.59,
// through lines of 200 ms there and back of which one packet in twenty is lost and one in four
// overtaken: what comes is what was sent.
func TestSSU2Far(t *testing.T) {
	if os.Getenv("I2P_SSU2_LONG") != "1" {
		t.Skip("takes up to an hour: I2P_SSU2_LONG=1 I2P_INTEROP_LIMIT=1h")
	}
	ctx := gate(t, 59*time.Minute)
	if err := wan.Missing(); err != nil {
		t.Skip("SKIPPED: no wide-area network: ", err)
	}
	site := startSite(t, ctx)
	line := wan.Distance(site.delay)
	n, open, err := farOurs(ctx, NetworkConfig{
		Releases: []Release{Sid, Trixie, Sid, Trixie}, Floodfills: 3, SSU2Only: true, Far: &Far{WAN: site.wan, First: 1, Up: line, Down: line},
	}, 2, 0, ssu2Alone)
	if err != nil {
		t.Fatal(err)
	}
	site.groups = append(site.groups, &farGroup{kind: "SSU2", first: 1, net: n, open: open})
	for _, hops := range []int{2, 3} {
		site.lines(nil)
		s, err := site.groups[0].stream(ctx, hops)
		if err != nil {
			t.Fatal(err)
		}
		defer s.end()
		site.lines(func(s *wan.Settings) { s.Loss, s.Reorder = 0.05, 0.25 })
		for _, way := range []struct {
			name string
			send func() error
		}{
			{"up", func() error { return Upload(ctx, s, bulk) }},
			{"down", func() error { return Download(ctx, s, bulk) }},
		} {
			begun := time.Now()
			if err := way.send(); err != nil {
				t.Fatalf("%d hops, %s: %v", hops, way.name, err)
			}
			t.Logf("%d hops, 20 MB %s in %v", hops, way.name, time.Since(begun).Round(time.Second))
		}
	}
}
