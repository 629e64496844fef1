//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// TestDialsFar: streams to a destination of i2pd's over hosts that are 200 ms away from each other and lose 2 % of what they send: 50 of them, each from
// a destination of its own, while one of the hops is gone; and eight at once from one. i2pd takes no more than five messages in
// a second that begin a session. It is one of the long list: I2P_DIALS_FAR=1 scripts/interop -run TestDialsFar
func TestDialsFar(t *testing.T) {
	askedFor(t, "I2P_DIALS_FAR", "minutes")
	ctx := gate(t, 14*time.Minute)
	site := newWAN(t)
	line := wan.Distance(50 * time.Millisecond)
	n := network(t, ctx, NetworkConfig{Releases: sids(6), Floodfills: 3, Ends: 1, Far: &Far{WAN: site, First: 1, Up: line, Down: line}})
	if _, err := startOurs(ctx, n, 1, 0, farDoors); err != nil {
		t.Fatal(err)
	}
	options := TunnelOptions(1, 2)
	theirs, err := samSession(ctx, n.I2PD[5].ns, n.I2PD[5].SAM(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	const atOnce = 8
	serving, stop := context.WithCancel(ctx)
	var servers sync.WaitGroup
	defer servers.Wait()
	defer stop()
	for range atOnce {
		servers.Go(func() {
			for serving.Err() == nil {
				c, err := theirs.Accept(serving, func() {})
				if err != nil {
					time.Sleep(pollEvery)
					continue
				}
				Serve(c)
				c.Close()
			}
		})
	}
	ours := func() (*SAMSession, error) {
		return samSession(ctx, n.Routers[0].ns, fmt.Sprintf("127.0.0.1:%d", portSAM), options)
	}
	said := func(from *SAMSession) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		begun := time.Now()
		s, err := from.Connect(ctx, theirs.Destination)
		if err != nil {
			return 0, err
		}
		defer s.Close()
		if _, err = Ping(ctx, s); err != nil {
			return 0, err
		}
		return time.Since(begun), nil
	}
	tell := func(what string, took []time.Duration, failed error) {
		slices.Sort(took)
		if len(took) == 0 {
			t.Errorf("%s: none: %v", what, failed)
			return
		}
		at := func(share float64) float64 { return took[int(share*float64(len(took)-1))].Seconds() }
		t.Logf("%s: %d answered, after %.1f s in the median, 80 %% after %.1f s, 95 %% after %.1f s, the last after %.1f s; %v",
			what, len(took), at(0.5), at(0.8), at(0.95), at(1), failed)
	}

	lossy := line
	lossy.Loss = 0.02
	site.Set(lossy, line)
	var took []time.Duration
	var failed error
	for i := range 50 {
		from, err := ours()
		if err != nil {
			t.Error(err)
			continue
		}
		gone := 1 + 3 + i%2 // no floodfill
		site.Cut(gone)
		d, err := said(from)
		site.Heal(gone)
		from.Close()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		took = append(took, d)
	}
	tell("one by one while a hop is gone", took, failed)

	for range 3 {
		from, err := ours()
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		took, failed = nil, nil
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				d, err := said(from)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = errors.Join(failed, err)
				} else {
					took = append(took, d)
				}
			})
		}
		all.Wait()
		from.Close()
		tell("eight at once", took, failed)
	}
}
