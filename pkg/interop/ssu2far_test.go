//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// TestSSU2Far sends 20 MB each way over SSU2 alone, between ours over hops of i2pd 2.56 and 2.59,
// through lines of 200 ms there and back of which one packet in twenty is lost and one in four
// overtaken, over each family: what comes is what was sent.
func TestSSU2Far(t *testing.T) {
	if os.Getenv("I2P_SSU2_LONG") != "1" {
		t.Skip("takes up to an hour: I2P_SSU2_LONG=1 I2P_INTEROP_LIMIT=1h")
	}
	ctx := gate(t, 59*time.Minute)
	if err := wan.Missing(); err != nil {
		t.Skip("SKIPPED: no wide-area network: ", err)
	}
	for _, v6 := range []bool{false, true} {
		t.Run(family(v6), func(t *testing.T) {
			t.Parallel() // what they wait for is the lines
			site := startSite(t, ctx)
			line := wan.Distance(site.delay)
			n, open, err := farOurs(ctx, NetworkConfig{
				Releases: []Release{Sid, Trixie, Sid, Trixie}, Floodfills: 3, SSU2Only: true, IPv6: v6,
				Far: &Far{WAN: site.wan, First: 1, Up: line, Down: line},
			}, 2, 0, ssu2Alone)
			if n != nil {
				site.groups = append(site.groups, &farGroup{kind: "SSU2", first: 1, net: n, open: open})
			}
			if err != nil {
				t.Fatal(err)
			}
			var streams []*farStream
			for _, hops := range []int{2, 3} {
				s, err := site.groups[0].stream(ctx, hops)
				if err != nil {
					t.Fatal(err)
				}
				defer s.end()
				streams = append(streams, s)
			}
			site.lines(func(s *wan.Settings) { s.Loss, s.Reorder = 0.05, 0.25 })
			var all sync.WaitGroup
			for i, s := range streams {
				all.Go(func() {
					if err := bothWays(t, ctx, 2+i, s); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

// bothWays sends 20 MB, and has as much sent.
func bothWays(t *testing.T, ctx context.Context, hops int, s Stream) error {
	for _, way := range []struct {
		name string
		send func(context.Context, Stream, int) error
	}{{"up", Upload}, {"down", Download}} {
		begun := time.Now()
		if err := way.send(ctx, s, bulk); err != nil {
			return fmt.Errorf("%d hops, %s: %w", hops, way.name, err)
		}
		t.Logf("%d hops, 20 MB %s in %v", hops, way.name, time.Since(begun).Round(time.Second))
	}
	return nil
}
