package simtest

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/simnet/nat"
)

// atHome is a network of routers that speak SSU2 alone, each in a network of its own, the second
// half of them behind NAT of each kind, or a firewall. Datagrams get lost, and overtake others.
func atHome(routers int, seed uint64) worldConfig {
	return worldConfig{
		routers: routers, seed: seed,
		adjust: func(_ int, s *config.Config) { s.NTCP2.Enabled, s.SSU2.Enabled = false, true },
		place: func(i int) (netip.Addr, nat.Kind) {
			outer := netip.AddrFrom4([4]byte{45, byte(i), 0, 1})
			if i < routers/2 {
				return outer, 0
			}
			return outer, nat.Kinds[i%len(nat.Kinds)]
		},
		link: func(from, to netip.Addr) simnet.Link {
			a, b := from.As4()[1], to.As4()[1]
			latency := 20 + (uint32(a)+uint32(b)+uint32(a)*uint32(b)*2654435761)>>7%60 // the same both ways
			return simnet.Link{
				Latency: time.Duration(latency) * time.Millisecond, Jitter: 3 * time.Millisecond,
				Loss: 0.015, Reorder: 0.02, Lag: 20 * time.Millisecond,
			}
		},
	}
}

// found is what a router behind a kind of NAT should find.
func found(kind nat.Kind) control.ReachState {
	switch kind {
	case 0, nat.FullCone:
		return control.ReachOK
	case nat.Symmetric:
		return control.ReachSymmetricNAT
	}
	return control.ReachFirewalled
}

// expectFound looks whether each router knows how others reach it, and has introducers where it
// needs them.
func (w *world) expectFound(t *testing.T, cfg worldConfig) {
	t.Helper()
	for i, n := range w.nodes {
		_, kind := cfg.place(i)
		want := found(kind)
		if all := n.Status().Reach; len(all) != 1 || all[0].State != want || want != control.ReachOK && all[0].Introducers == 0 {
			t.Errorf("router %d, %v: %+v", i, kind, all)
		}
	}
}

// builds tells, by the kind of a router's home, what became of the tunnels that it has built.
func (w *world) builds(cfg worldConfig) (by map[nat.Kind]control.BuildCounts) {
	by = map[nat.Kind]control.BuildCounts{}
	for i, n := range w.nodes {
		_, kind := cfg.place(i)
		sum, b := by[kind], n.Status().Builds
		sum.Accepted, sum.Refused, sum.Expired = sum.Accepted+b.Accepted, sum.Refused+b.Refused, sum.Expired+b.Expired
		by[kind] = sum
	}
	return by
}

// neighbours counts the sessions that stand, by the kinds of both homes: the tunnels go over these.
func (w *world) neighbours(cfg worldConfig) map[[2]string]int {
	kinds := make(map[string]nat.Kind)
	for i, n := range w.nodes {
		_, kinds[n.Status().Router] = cfg.place(i)
	}
	count := map[[2]string]int{}
	for _, n := range w.nodes {
		for _, p := range n.Peers() {
			count[[2]string{kinds[n.Status().Router].String(), kinds[p.Router].String()}]++
		}
	}
	return count
}

// TestSSU2Homes: of a hundred routers that speak SSU2 alone half are at home. Each finds by tests
// how others reach it, those that nobody can dial have themselves introduced, and all build
// tunnels and carry streams; and a second run of the seed is the same, datagram for datagram.
func TestSSU2Homes(t *testing.T) {
	long(t)
	run := func(tell bool) (log journal, trace [32]byte) {
		cfg := atHome(many, 3)
		cfg.observe = log.observe
		simulate(t, cfg, func(t *testing.T, w *world) {
			time.Sleep(time.Minute)
			w.expectFound(t, cfg)
			before := w.builds(cfg)
			w.awaitTunnels(t, 2*time.Minute)
			streamsAmong(t, w, 4, 2, 64<<10)
			trace = w.net.Trace() // what is asked of the routers now takes them time
			for kind, b := range w.builds(cfg) {
				accepted, all := b.Accepted-before[kind].Accepted, b.Accepted+b.Refused+b.Expired
				all -= before[kind].Accepted + before[kind].Refused + before[kind].Expired
				if tell {
					t.Logf("%-15s in the first minute %+v, then %d of %d tunnels built", kind, before[kind], accepted, all)
				}
				if first := before[kind]; first.Accepted < 10*(first.Expired+first.Refused) || 10*accepted < 9*all {
					t.Errorf("%v: in the first minute %+v, then %d of %d tunnels were built", kind, first, accepted, all)
				}
			}
			if tell {
				t.Logf("sessions: %v", w.neighbours(cfg))
				t.Logf("%+v", w.net.Stats())
			}
		})
		return log, trace
	}
	one, first := run(true)
	other, second := run(false)
	if first != second {
		t.Errorf("%d deliveries with hash %x, and then %d with %x", len(one.lines), first[:4], len(other.lines), second[:4])
		one.compare(t, &other)
	}
	t.Logf("%d deliveries, hash %x", len(one.lines), first[:4])
}
