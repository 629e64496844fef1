package simtest

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/simnet"
)

// overSSU2 is a network whose routers speak SSU2 alone, over ways on which datagrams are lost
// and overtake each other.
func overSSU2(routers int, seed uint64) worldConfig {
	return worldConfig{
		routers: routers, seed: seed,
		adjust: func(_ int, s *config.Config) { s.NTCP2.Enabled, s.SSU2.Enabled = false, true },
		link: func(from, to netip.Addr) simnet.Link {
			l := spread(from, to)
			l.Loss = 0.01
			return l
		},
	}
}

// TestSSU2Trace: of a seed two runs are the same, datagram for datagram.
func TestSSU2Trace(t *testing.T) {
	run := func() (log journal, trace [32]byte) {
		cfg := overSSU2(24, 3)
		cfg.observe = log.observe
		simulate(t, cfg, func(t *testing.T, w *world) {
			w.awaitTunnels(t, 3*time.Minute)
			streamsAmong(t, w, 2, 2, 32<<10)
			trace = w.net.Trace()
		})
		return log, trace
	}
	one, first := run()
	other, second := run()
	if first != second {
		t.Errorf("%d deliveries with hash %x, and then %d with %x", len(one.lines), first[:4], len(other.lines), second[:4])
		one.compare(t, &other)
	}
	t.Logf("%d deliveries, hash %x", len(one.lines), first[:4])
}

// streamsAmong has the last routers open so many streams, each to another.
func streamsAmong(t *testing.T, w *world, pairs, hops, size int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	last := len(w.nodes) - 1
	var from, to []server.Destination
	for i := range pairs {
		from = append(from, open(t, w.nodes[last-i], hops, 2))
		to = append(to, open(t, w.nodes[last-pairs-i], hops, 2))
		defer serve(t, to[i])()
	}
	for i := range pairs {
		ready(t, to[i], time.Minute)
		ready(t, from[i], time.Minute)
	}
	step()
	errs := make([]error, pairs)
	var wg sync.WaitGroup
	for i := range pairs {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond) // at the same instant nobody is first
			errs[i] = transfer(ctx, from[i], to[i], content(uint64(i), size))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	for i, n := range w.nodes {
		if all := n.Transports(); len(all) != 1 || all[0].Name != "SSU2" {
			t.Fatalf("router %d speaks %+v", i, all)
		}
	}
	if w.net.Stats().Lost == 0 {
		t.Error("no datagram was lost: the test tests less than it says")
	}
}

// TestSSU2Hundred: a hundred routers that speak SSU2 alone build tunnels and carry streams.
func TestSSU2Hundred(t *testing.T) {
	long(t)
	simulate(t, overSSU2(many, 3), func(t *testing.T, w *world) {
		w.awaitTunnels(t, 3*time.Minute)
		streamsAmong(t, w, 2, 3, 64<<10)
	})
}
