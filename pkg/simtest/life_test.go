package simtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/tunnel"
)

// dial opens a stream to another destination.
func dial(t *testing.T, from, to server.Destination, patience time.Duration) server.Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := from.Dial(ctx, to.Destination(), 80)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clientTunnels lists the tunnels of a node's destinations by their ids.
func clientTunnels(n *node.Node) map[uint32][]string {
	out := map[uint32][]string{}
	for _, c := range n.Tunnels() {
		if c.Kind == "client" {
			out[c.ID] = c.Hops
		}
	}
	return out
}

// TestLife: one stream carries data for as long as it takes every tunnel to
// be replaced. Not a byte is lost, and no byte waits long.
func TestLife(t *testing.T) {
	long(t)
	simulate(t, worldConfig{routers: 24, seed: 5}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		a, b := open(t, w.nodes[22], 3, 2), open(t, w.nodes[23], 3, 2)
		defer serve(t, b)()
		ready(t, b, time.Minute)
		s := dial(t, a, b, time.Minute)
		defer s.Close()
		first := clientTunnels(w.nodes[22])

		h := sha256.New()
		var worst time.Duration
		for begun, i := time.Now(), uint64(0); time.Since(begun) < tunnel.Lifetime+2*time.Minute; i++ {
			piece := content(i, 8<<10)
			h.Write(piece)
			at := time.Now()
			s.SetWriteDeadline(at.Add(time.Minute))
			if _, err := s.Write(piece); err != nil {
				t.Fatalf("after %v: %v", time.Since(begun), err)
			}
			worst = max(worst, time.Since(at))
			time.Sleep(2 * time.Second)
		}
		for id := range clientTunnels(w.nodes[22]) {
			if first[id] != nil {
				t.Errorf("tunnel %d has outlived its time", id)
			}
		}
		s.SetReadDeadline(time.Now().Add(time.Minute))
		at := time.Now()
		if err := finish(s, [32]byte(h.Sum(nil))); err != nil {
			t.Fatal(err)
		}
		t.Logf("the slowest write took %v, the answer %v", worst, time.Since(at))
		for i, n := range w.nodes {
			st := n.Status()
			if st.Tunnels.ExploratoryIn == 0 || st.Tunnels.ExploratoryOut == 0 {
				t.Errorf("router %d has no exploratory tunnels any more: %+v, builds %+v", i, st.Tunnels, st.Builds)
			}
		}
	})
}

// TestIsolatedHop: a router that carries a stream is cut off from everybody in
// mid-transfer. The stream finds another way.
func TestIsolatedHop(t *testing.T) {
	seeds := []uint64{6, 103} // the hop carries the data, and the acknowledgements
	for _, seed := range seeds[:samples(len(seeds))] {
		isolatedHop(t, seed)
	}
}

func isolatedHop(t *testing.T, seed uint64) {
	simulate(t, worldConfig{routers: 24, seed: seed}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		a, b := open(t, w.nodes[22], 2, 2), open(t, w.nodes[23], 2, 2)
		defer serve(t, b)()
		ready(t, b, time.Minute)
		s := dial(t, a, b, time.Minute)
		defer s.Close()
		s.SetDeadline(time.Now().Add(5 * time.Minute))
		data := content(7, 8<<20)
		begun := time.Now()
		sent := make(chan error, 1)
		go func() {
			_, err := s.Write(data)
			sent <- err
		}()
		time.Sleep(3 * time.Second)
		hop := w.busiest(t, 22)
		select {
		case err := <-sent:
			t.Fatalf("all was written before the hop was cut off: %v", err)
		default:
		}
		w.net.Isolate(hop)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if err := finish(s, sha256.Sum256(data)); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		if took > 40*time.Second {
			t.Errorf("it took %v: the stream found no other way for long", took)
		}
		t.Logf("8 MiB took %v", took)
	})
}

// busiest finds the router that has carried the most for the destinations of
// router from, other than the last two, where the destinations are.
func (w *world) busiest(t *testing.T, from int) netip.Addr {
	t.Helper()
	carried := map[string]uint64{}
	for _, c := range w.nodes[from].Tunnels() {
		if c.Kind == "client" && c.Direction == control.Outbound {
			for _, h := range c.Hops {
				carried[h] += c.Messages
			}
		}
	}
	best, most := -1, uint64(0)
	for i, n := range w.nodes[:len(w.nodes)-2] {
		if k := carried[n.Status().Router]; k > most {
			best, most = i, k
		}
	}
	if best < 0 {
		t.Fatal("no tunnel carries anything")
	}
	t.Logf("router %d carried %d messages", best, most)
	return w.addrs[best]
}

// TestPartition: the network falls into two halves for three minutes and comes
// together again. Each half goes on by itself, and once the lease sets have been
// renewed a stream from one to the other works again.
func TestPartition(t *testing.T) {
	long(t)
	simulate(t, worldConfig{routers: 20, seed: 1}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		a, b, c := open(t, w.nodes[16], 2, 2), open(t, w.nodes[17], 2, 2), open(t, w.nodes[18], 2, 2)
		defer serve(t, b)()
		defer serve(t, c)()
		ready(t, b, time.Minute)
		ready(t, c, time.Minute)
		try := func(to server.Destination, patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			return transfer(ctx, a, to, content(9, 20<<10))
		}
		if err := errors.Join(try(b, time.Minute), try(c, time.Minute)); err != nil {
			t.Fatal(err)
		}
		halves(w.addrs, w.net.Cut)
		time.Sleep(3 * time.Minute)
		if err := try(c, 2*time.Minute); err != nil {
			t.Errorf("within a half of the network: %v", err)
		}
		if err := try(b, 20*time.Second); err == nil {
			t.Error("a stream crossed the partition")
		}
		halves(w.addrs, w.net.Mend)
		time.Sleep(tunnel.Lifetime) // the floodfills of a's half know leases of before until then
		if err := errors.Join(try(b, 2*time.Minute), try(c, time.Minute)); err != nil {
			t.Errorf("after the partition: %v", err)
		}
	})
}

// halves does something to each pair of hosts of which one is odd and the other even.
func halves(addrs []netip.Addr, do func(a, b netip.Addr)) {
	for i := 0; i < len(addrs); i += 2 {
		for j := 1; j < len(addrs); j += 2 {
			do(addrs[i], addrs[j])
		}
	}
}
