package simtest

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/simnet"
)

// dripping sends a little of every stream all the time.
func dripping(ctx context.Context, l server.Listener) {
	s, err := l.Accept(ctx)
	if err != nil {
		return
	}
	defer s.Close()
	for ctx.Err() == nil {
		s.SetWriteDeadline(time.Now().Add(5 * time.Minute))
		if _, err := s.Write([]byte("drip")); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// afar are hosts between which a round trip takes 200 ms.
func afar(_, _ netip.Addr) simnet.Link {
	return simnet.Link{Latency: 100 * time.Millisecond, Jitter: 3 * time.Millisecond}
}

// outages runs f on streams between the last two of six routers, the others of
// which are the hops; f gives the time that it took a stream to go on.
func outages(t *testing.T, seeds, hops int, limit time.Duration, f func(t *testing.T, w *world, s server.Stream) time.Duration) {
	var all []time.Duration
	for seed := range uint64(samples(seeds)) {
		cfg := worldConfig{routers: 6, seed: seed, link: afar, adjust: func(i int, s *config.Config) {
			if i >= 4 {
				s.Transit.MaxTunnels = 0
			}
		}}
		simulate(t, cfg, func(t *testing.T, w *world) {
			w.awaitTunnels(t, time.Minute)
			a, b := open(t, w.nodes[4], hops, 2), open(t, w.nodes[5], hops, 2)
			defer listen(t, b, dripping)()
			ready(t, b, time.Minute)
			s := dial(t, a, b, time.Minute)
			defer s.Close()
			if _, err := s.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			s.SetReadDeadline(time.Now().Add(10 * time.Minute))
			for begun := time.Now(); time.Since(begun) < 20*time.Second; {
				if _, err := s.Read(make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, f(t, w, s))
		})
	}
	slices.Sort(all)
	median, worst := all[len(all)/2], all[len(all)-1]
	t.Logf("median %v, worst %v of %v", median, worst, all)
	if median > limit || worst > 3*limit {
		t.Errorf("%d hops: median %v, worst %v", hops, median, worst)
	}
}

// longest is the longest pause of a stream in a while.
func longest(t *testing.T, s server.Stream, while time.Duration) (pause time.Duration) {
	t.Helper()
	begun, last := time.Now(), time.Now()
	for time.Since(begun) < while {
		if _, err := s.Read(make([]byte, 1000)); err != nil {
			t.Error(err)
			return while
		}
		pause, last = max(pause, time.Since(last)), time.Now()
	}
	return pause
}

// TestHealed: the ends of a stream are parted, each with half of the hops. Once
// that is over the stream goes on soon.
func TestHealed(t *testing.T) {
	outages(t, 6, 1, 5*time.Second, func(t *testing.T, w *world, s server.Stream) time.Duration {
		halves(w.addrs, w.net.Cut)
		time.Sleep(time.Minute)
		for {
			s.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := s.Read(make([]byte, 64<<10)); err != nil {
				break
			}
		}
		s.SetReadDeadline(time.Now().Add(5 * time.Minute))
		halves(w.addrs, w.net.Mend)
		healed := time.Now()
		if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		return time.Since(healed)
	})
}
