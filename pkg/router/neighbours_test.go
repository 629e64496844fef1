package router

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// javaLimits drops the build requests that Java's routers drop: more than 7 in
// 110 s of one previous hop, and those of more than 4 tunnels in 220 s with
// the same router before or after. Each router counts in windows of its own.
type javaLimits struct {
	m               *mesh
	us              i2p.Hash // has no limits
	requests, takes map[[2]i2p.Hash]*windowCount
	asked, dropped  int
}

type windowCount struct {
	window int64
	n      int
}

func newJavaLimits(m *mesh, us i2p.Hash) *javaLimits {
	l := &javaLimits{m: m, us: us, requests: map[[2]i2p.Hash]*windowCount{}, takes: map[[2]i2p.Hash]*windowCount{}}
	m.drop = l.drop
	return l
}

// exceeds counts one more, in a window whose beginning depends on the router.
func (l *javaLimits) exceeds(counts map[[2]i2p.Hash]*windowCount, router, of i2p.Hash, every time.Duration, limit int) bool {
	c := counts[[2]i2p.Hash{router, of}]
	if c == nil {
		c = &windowCount{}
		counts[[2]i2p.Hash{router, of}] = c
	}
	phase := every * time.Duration(router[0]) / 256
	if w := int64((l.m.now.Sub(meshStart) + phase) / every); w != c.window {
		*c = windowCount{window: w}
	}
	c.n++
	return c.n > limit
}

func (l *javaLimits) drop(from, to i2p.Hash, m i2np.Message) bool {
	if m.Type != i2np.ShortTunnelBuildType && m.Type != i2np.VariableTunnelBuildType {
		return false
	}
	l.asked++
	over := false
	if from != l.us {
		over = l.exceeds(l.takes, from, to, 220*time.Second, 4) // as its next hop
	}
	if to != l.us {
		over = over || l.exceeds(l.requests, to, from, 110*time.Second, 7) || l.exceeds(l.takes, to, from, 220*time.Second, 4)
	}
	if over {
		l.dropped++
	}
	return over
}

// javaMesh is a router of ours, number 0, among n-1 that have Java's limits
// and build tunnels too, with no regard to the limits of others.
func javaMesh(t *testing.T, seed byte, n int) (*mesh, *javaLimits) {
	m := newSeededMesh(t, seed, n, nil)
	for _, r := range m.routers[1:] {
		r.paths.asked.share = 1 << 20
	}
	return m, newJavaLimits(m, m.routers[0].cfg.Hash)
}

// standing counts the tunnels of the way that has fewer.
func (p *party) standing(now time.Time) int {
	return min(len(p.in.usable(now, true)), len(p.out.usable(now, true)))
}

func (m *mesh) openDestination(r *Router, s Shape) *party {
	return r.OpenTunnels(TunnelsConfig{Name: "destination", Inbound: s, Outbound: s, Deliver: func(_ uint32, msg i2np.Message) { msg.Release() }}).p
}

// TestJavaLimits: among few routers that bound what a neighbour may ask, and
// that take no heed of that themselves, our builds are spread and paced, and few
// come to nothing. With hops chosen anyhow, 510 and 24 expired.
func TestJavaLimits(t *testing.T) {
	for _, c := range []struct {
		routers int
		expired uint64 // of all builds of ours, at most
	}{{6, 300}, {9, 20}} {
		var expired uint64
		for seed := range byte(5) {
			if racing && seed > 0 {
				break // the race detector is slow, and one network shows it as much
			}
			m, l := javaMesh(t, 1+seed, c.routers)
			r := m.routers[0]
			m.run(130*time.Second, nil)
			d, opened := m.openDestination(r, Shape{Hops: 2, Quantity: 3}), m.now
			first, all := 5*time.Minute, 5*time.Minute
			for m.now.Sub(opened) < 5*time.Minute {
				m.run(100*time.Millisecond, nil)
				passed := m.now.Sub(opened)
				if d.standing(m.now) > 0 {
					first = min(first, passed)
				}
				if d.standing(m.now) >= 3 && r.parties.self.standing(m.now) >= 2 {
					all = min(all, passed)
				}
			}
			t.Logf("%d routers: the first tunnels after %v, all after %v; of %d requests %d were dropped, %d of our builds expired",
				c.routers, first, all, l.asked, l.dropped, r.counts.BuildsExpired)
			expired += r.counts.BuildsExpired
			if first == 5*time.Minute {
				t.Errorf("%d routers: no tunnels", c.routers)
			}
		}
		if expired > c.expired {
			t.Errorf("%d routers: %d builds expired, expected %d at most", c.routers, expired, c.expired)
		}
	}
}

// TestCrowdedIsNotBlamed: a hop that is silent for how much it was asked for
// is not blamed, one that is silent without cause is.
func TestCrowdedIsNotBlamed(t *testing.T) {
	m := newMesh(t, 2, func(_ int, c *Config, _ *netdb.Config) {
		c.Inbound, c.Outbound = Shape{Quantity: 1}, Shape{Quantity: 1}
	})
	r, hop := m.routers[0], m.infos[1].Hash()
	m.run(time.Second, nil)
	before, _ := r.peers.Get(m.now, hop)
	if before.Expired != 0 {
		t.Fatalf("blamed before anything happened: %+v", before)
	}
	m.drop = func(_, _ i2p.Hash, msg i2np.Message) bool { return msg.Type == i2np.ShortTunnelBuildType }
	for _, a := range r.paths.asked.note(m.now, slices.Repeat([]pair{pairOf(r.cfg.Hash, hop)}, askShare)) {
		a.outcome = answered
	}
	m.openDestination(r, Shape{Hops: 1, Quantity: 1})
	m.run(15*time.Second, nil)
	after, _ := r.peers.Get(m.now, hop)
	if r.counts.BuildsExpired == 0 || after.Expired != 0 {
		t.Errorf("%d builds expired, and the hop is blamed for %v", r.counts.BuildsExpired, after.Expired)
	}
	m.run(askWindow, nil)
	if after, _ = r.peers.Get(m.now, hop); after.Expired == 0 {
		t.Errorf("%d builds expired, and the hop is never blamed", r.counts.BuildsExpired)
	}
}

// TestNeighbours: a pair's share, what is held beyond it, and what an answer
// allows.
func TestNeighbours(t *testing.T) {
	us, a, b := stranger(1), stranger(2), stranger(3)
	n, now := newNeighbours(us), meshStart
	p := []pair{pairOf(us, a)}
	if p[0] != pairOf(a, us) {
		t.Error("the order makes a difference")
	}
	for range askShare {
		if s := n.weigh(now, p); s.over != 0 || s.held {
			t.Fatalf("%+v within the share", s)
		}
		n.settle(n.note(now, p), answered)
		now = now.Add(10 * time.Second)
	}
	if s := n.weigh(now, p); s.over != 1 || s.held {
		t.Errorf("%+v, expected one more to be tried", s)
	}
	var probe []*ask
	for range probes {
		if s := n.weigh(now, p); s.held {
			t.Errorf("%+v, expected %d to be tried", s, probes)
		}
		probe = n.note(now, p)
	}
	if s := n.weigh(now, p); !s.held || s.lost {
		t.Errorf("%+v, expected to wait for an answer", s)
	}
	n.settle(probe, answered)
	n.note(now, p)
	if s := n.weigh(now, p); s.held {
		t.Error("an answer does not allow one more")
	}
	last := n.note(now, p)
	n.settle(last, silent)
	if s := n.weigh(now, p); !s.held || !s.lost {
		t.Error("silence changes nothing")
	}
	n.settle(n.note(now, p), answered)
	if s := n.weigh(now, p); s != (strain{asked: 1}) {
		t.Errorf("%+v once it has answered again", s)
	}
	for range askShare + 1 {
		last = n.note(now, p)
	}
	n.withdraw(last)
	if s := n.weigh(now, p); s.asked != askShare+1 {
		t.Errorf("%+v after one was withdrawn", s)
	}
	if s := n.weigh(now, []pair{pairOf(a, b), pairOf(us, b)}); s != (strain{}) {
		t.Errorf("other pairs have %+v", s)
	}
	now = now.Add(askWindow)
	if n.expire(now); len(n.asks) != 0 || n.weigh(now, p) != (strain{}) {
		t.Errorf("after the window %d pairs are known", len(n.asks))
	}
}

// TestBursts: several requests at once may be dropped, although a pair has not
// had its share.
func TestBursts(t *testing.T) {
	n, now, p := newNeighbours(stranger(1)), meshStart, []pair{pairOf(stranger(1), stranger(2))}
	for range burstShare {
		n.note(now, p)
	}
	if a := n.note(now, p)[0]; !a.crowded || a.over {
		t.Errorf("%+v after a burst", a)
	}
	n.expire(now.Add(askWindow))
	for range burstShare {
		n.note(now, p)
	}
	if a := n.note(now.Add(burstWindow), p)[0]; a.crowded {
		t.Errorf("%+v some time after a burst", a)
	}
}
