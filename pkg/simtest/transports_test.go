package simtest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/transport"
)

// TestSecondTransport: a transport that nothing but this package knows carries a
// stream between routers that both speak it, over a network that loses datagrams.
// With the others they speak NTCP2.
func TestSecondTransport(t *testing.T) {
	const speakers = 4 // of the routers, the last ones
	const routers = 12
	speaks := func(i int) bool { return i >= routers-speakers }
	cfg := worldConfig{
		routers: routers, seed: 5,
		link: func(from, to netip.Addr) simnet.Link {
			l := spread(from, to)
			l.Loss = 0.01
			return l
		},
		drivers: func(i int, host netip.Addr) (out []transport.Driver) {
			if speaks(i) {
				out = append(out, newToy(netip.AddrPortFrom(host, port+1)))
			}
			return out
		},
	}
	simulate(t, cfg, func(t *testing.T, w *world) {
		events := w.nodes[routers-1].Events(t.Context())
		w.awaitTunnels(t, time.Minute)
		from, to := open(t, w.nodes[routers-2], 0, 1), open(t, w.nodes[routers-1], 0, 1)
		defer serve(t, to)()
		ready(t, to, time.Minute)
		ready(t, from, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		const size = 300 << 10
		if err := transfer(ctx, from, to, content(5, size)); err != nil {
			t.Fatal(err)
		}

		expectTransports(t, w, func(i, j int) string {
			if speaks(i) && speaks(j) {
				return toyStyle
			}
			return "NTCP2"
		})
		all := w.nodes[routers-1].Transports()
		if len(all) != 2 || all[0].Name != "NTCP2" || all[1].Name != toyStyle {
			t.Fatalf("transports %+v", all)
		}
		if ntcp2, toy := all[0], all[1]; ntcp2.Sessions == 0 || toy.Sessions == 0 || toy.BytesIn < size ||
			toy.Counters["datagrams"] == 0 || len(toy.Published) != 1 || len(toy.Listen) != 1 {
			t.Errorf("transports %+v", all)
		}
		seen := make(map[string]bool)
		for len(events) > 0 {
			if e := <-events; e.Event == "peer_up" {
				seen[e.Transport] = true
			}
		}
		if !seen["NTCP2"] || !seen[toyStyle] {
			t.Errorf("peers came by %v", seen)
		}
		if w.net.Stats().Lost == 0 {
			t.Error("no datagram was lost: the test tests less than it says")
		}
	})
}

// expectTransports looks by which transport the routers speak with each other.
func expectTransports(t *testing.T, w *world, want func(i, j int) string) {
	t.Helper()
	of := make(map[string]int)
	for i := range w.nodes {
		ri, err := w.nodes[i].Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		of[ri.Hash().String()] = i
	}
	for i, n := range w.nodes {
		for _, p := range n.Peers() {
			if j := of[p.Router]; p.Transport != want(i, j) {
				t.Errorf("router %d speaks %s with %d, expected %s", i, p.Transport, j, want(i, j))
			}
		}
	}
}
