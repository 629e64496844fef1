package simtest

import (
	"context"
	"io"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
)

// TestKilledHop: of nine routers one that carries a download dies. As every
// router is a hop of many tunnels, most ways between the two destinations are
// gone at once. What lies between them has to learn of the others soon.
func TestKilledHop(t *testing.T) {
	for seed := range samples(6) {
		killedHop(t, uint64(seed))
	}
}

func killedHop(t *testing.T, seed uint64) {
	const size = 4 << 20
	cfg := worldConfig{routers: 9, seed: seed, adjust: func(i int, s *config.Config) {
		if i >= 7 {
			s.Transit.MaxTunnels = 0
		}
	}}
	simulate(t, cfg, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		a, b := open(t, w.nodes[7], 2, 3), open(t, w.nodes[8], 2, 3)
		defer offer(t, b, content(3, size))()
		ready(t, b, time.Minute)
		s := dial(t, a, b, time.Minute)
		defer s.Close()
		s.SetDeadline(time.Now().Add(5 * time.Minute))
		if _, err := s.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		var got int
		var killed, longest time.Duration
		begun, last := time.Now(), time.Now()
		buffer := make([]byte, 64<<10)
		for got < size {
			n, err := s.Read(buffer)
			got += n
			longest, last = max(longest, time.Since(last)), time.Now()
			if err != nil {
				t.Errorf("seed %d: after %d bytes and %v: %v", seed, got, time.Since(begun), err)
				return
			}
			if killed == 0 && got > size/4 {
				killed = time.Since(begun)
				w.net.Kill(w.nearest(t, 7))
			}
		}
		if longest > 15*time.Second {
			t.Errorf("seed %d: for %v nothing arrived", seed, longest)
		}
		t.Logf("seed %d: %v, killed after %v, longest pause %v", seed, time.Since(begun), killed, longest)
	})
}

// nearest is the last hop of the inbound tunnel of a router's destinations
// that has carried the most.
func (w *world) nearest(t *testing.T, of int) netip.Addr {
	t.Helper()
	var busiest control.Tunnel
	for _, c := range w.nodes[of].Tunnels() {
		if c.Kind == "client" && c.Direction == control.Inbound && c.Messages > busiest.Messages {
			busiest = c
		}
	}
	for i, n := range w.nodes {
		if len(busiest.Hops) > 0 && n.Status().Router == busiest.Hops[len(busiest.Hops)-1] {
			return w.addrs[i]
		}
	}
	t.Fatal("no tunnel carries anything")
	return netip.Addr{}
}

// offer answers the first byte of a stream with data.
func offer(t *testing.T, c server.Destination, data []byte) (stop func()) {
	t.Helper()
	return listen(t, c, func(ctx context.Context, l server.Listener) {
		s, err := l.Accept(ctx)
		if err != nil {
			return
		}
		if _, err := io.ReadFull(s, make([]byte, 1)); err == nil {
			s.Write(data)
		}
		s.CloseWrite()
		io.Copy(io.Discard, s)
		s.Close()
	})
}
