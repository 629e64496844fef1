package simtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/control/server"
)

// TestTrace runs the same small network several times: every byte on every
// link comes at the same nanosecond. The network has streams both ways, two
// destinations in one router, a link that is cut and a router that is gone
// for a while.
func TestTrace(t *testing.T) {
	run := func(seed uint64) (*journal, [32]byte) {
		log := &journal{}
		var trace [32]byte
		simulate(t, worldConfig{routers: 12, seed: seed, observe: log.observe}, func(t *testing.T, w *world) {
			w.awaitTunnels(t, time.Minute)
			a, b, c := open(t, w.nodes[10], 2, 2), open(t, w.nodes[11], 2, 2), open(t, w.nodes[10], 1, 2)
			defer serve(t, a)()
			defer serve(t, b)()
			ready(t, a, time.Minute)
			ready(t, b, time.Minute)
			ready(t, c, time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for i, pair := range [][2]server.Destination{{a, b}, {b, a}, {c, b}, {c, a}} {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond) // at the same instant nobody is first
					if err := transfer(ctx, pair[0], pair[1], content(seed, 100<<10)); err != nil {
						t.Errorf("seed %d, transfer %d: %v", seed, i, err)
					}
				})
			}
			time.Sleep(500 * time.Millisecond)
			w.net.Cut(w.addrs[0], w.addrs[10])
			w.net.Isolate(w.addrs[5])
			time.Sleep(30 * time.Second)
			w.net.Mend(w.addrs[0], w.addrs[10])
			w.net.Rejoin(w.addrs[5])
			wg.Wait()
			time.Sleep(2 * time.Minute)
			trace = w.net.Trace()
		})
		return log, trace
	}
	const seed = 106 // with it two streams are opened, and two links stall, at the same instant
	first, trace := run(seed)
	for range samples(2) {
		if log, again := run(seed); again != trace {
			t.Errorf("%d deliveries with hash %x, and then %d with %x", len(first.lines), trace[:4], len(log.lines), again[:4])
			first.compare(t, log)
		}
	}
	if _, other := run(seed + 1); other == trace {
		t.Error("another seed gave the same trace")
	}
	t.Logf("%d deliveries in each run", len(first.lines))
}

// TestHundred: a network of a hundred routers builds tunnels and carries
// streams between destinations that have never met.
func TestHundred(t *testing.T) {
	simulate(t, worldConfig{routers: many, seed: 3}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, 3*time.Minute)
		const pairs = 8
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var from, to []server.Destination
		for i := range pairs {
			from = append(from, open(t, w.nodes[many-1-i], 3, 2))
			to = append(to, open(t, w.nodes[many-1-pairs-i], 3, 2))
			defer serve(t, to[i])()
		}
		for _, c := range to {
			ready(t, c, time.Minute)
		}
		begun := time.Now()
		errs := make([]error, pairs)
		var wg sync.WaitGroup
		for i := range pairs {
			wg.Go(func() { errs[i] = transfer(ctx, from[i], to[i], content(uint64(i), 256<<10)) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		t.Logf("%d streams of 256 KiB over six hops took %v; %+v", pairs, time.Since(begun), w.net.Stats())
		built := 0
		for _, n := range w.nodes {
			built += int(n.Status().Builds.Accepted)
		}
		t.Logf("%d tunnels were built", built)
	})
}
