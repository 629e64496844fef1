package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/tunnel"
)

// pools keeps the tunnels of our parties: it does what their pools want done,
// and tells them what came of it.
type pools struct {
	*core
	parties *parties
	paths   *paths
	ends    *ends
	builds  *builds
	tests   *tests
	pace    *tunnel.BuildLimit
}

func newPools(c *core, parties *parties, paths *paths, ends *ends) *pools {
	pl := &pools{
		core: c, parties: parties, paths: paths, ends: ends,
		builds: newBuilds(c, parties, paths, ends),
		tests:  newTests(c, parties, paths, ends),
		pace:   tunnel.NewBuildLimit(c.cfg.Limits.BuildEvery, 0),
	}
	self := new(party)
	pl.open(self, TunnelsConfig{Name: "exploratory", Inbound: c.cfg.Inbound, Outbound: c.cfg.Outbound}, false)
	for _, d := range [...]*direction{&self.in, &self.out} {
		d.last = &ownTunnel{party: self}
		ends.zeroHop(d.last, d.inbound)
	}
	ends.open(self.in.last)
	return pl
}

// open begins to work for a party.
func (pl *pools) open(p *party, cfg TunnelsConfig, destination bool) {
	*p = party{
		cfg:      cfg,
		label:    pl.parties.label(),
		expected: newExpected(),
		segment: netdb.NewSegment(netdb.SegmentConfig{
			DB: pl.db, Rand: pl.rand, Destination: destination, Explore: !destination,
		}),
		in: direction{party: p, inbound: true}, out: direction{party: p},
	}
	pl.rand.Fill(p.order[:])
	p.pool = tunnel.NewPool(tunnel.PoolConfig{
		Inbound:      cfg.Inbound.quota(),
		Outbound:     cfg.Outbound.quota(),
		BuildTimeout: pl.cfg.Limits.BuildTimeout,
		Limit:        pl.pace, Rand: pl.rand,
	}, func() *ownTunnel { return &ownTunnel{party: p} })
	pl.parties.add(p)
}

// close gives a party's tunnels up.
func (pl *pools) close(p *party) {
	for _, t := range p.pool.Close() {
		if pl.builds.forget(t) == nil {
			pl.ends.close(t)
		}
	}
	pl.tests.forget(p)
	pl.parties.remove(p)
}

// tick does what time asks of a party's tunnels.
func (pl *pools) tick(p *party) time.Time {
	now := pl.now
	if !pl.parties.waits(p) {
		for _, a := range p.pool.Tick(now) {
			pl.act(p, a)
		}
	}
	for _, t := range p.in.tunnels() {
		t.in.Expire(now)
	}
	if pl.parties.waits(p) {
		return time.Time{}
	}
	return p.pool.Deadline(now)
}

// act does what a party's pool wants done.
func (pl *pools) act(p *party, a tunnel.Action[*ownTunnel]) {
	switch t := a.Tunnel; a.Kind {
	case tunnel.ActionBuild:
		if t.Hops() == 0 {
			pl.ends.zeroHop(t, t.Inbound())
			pl.stands(t)
		} else if !pl.builds.start(t) {
			p.pool.BuildFailed(pl.now, t)
		}
	case tunnel.ActionTimeout:
		pl.builds.overdue(t)
	case tunnel.ActionDrop:
		pl.dropped(t)
	case tunnel.ActionTest:
		if !pl.tests.start(a.Test) {
			p.pool.TestFailed(pl.now, a.Test)
		}
	case tunnel.ActionTestTimeout:
		pl.tests.lost(a.Test)
		pl.parties.changed(p)
	}
}

// buildReply handles what may be the answer to a build of ours. It borrows the
// message and reports false when it is not.
func (pl *pools) buildReply(w way, m i2np.Message) bool {
	t, ok := pl.builds.reply(w, m)
	if t != nil {
		pl.stands(t)
	}
	return ok
}

// testReturned takes a DeliveryStatus that may be a test's, and reports false
// where it is none.
func (pl *pools) testReturned(w way, id uint32) bool {
	p, changed, ok := pl.tests.returned(w, id)
	if changed {
		pl.parties.changed(p)
	}
	return ok
}

// stands takes a tunnel into use, unless its pool does not want it any more.
func (pl *pools) stands(t *ownTunnel) {
	p := t.party
	if !p.pool.Built(pl.now, t) {
		if t.in != nil {
			t.in.Close()
		}
		return
	}
	pl.ends.open(t)
	pl.builds.again(t)
	pl.event("tunnel_up", i2p.Hash{}, t.id, p.cfg.Name, "")
	pl.parties.changed(p)
}

// dropped lets go of what its pool has dropped: a tunnel or a build.
func (pl *pools) dropped(t *ownTunnel) {
	if pl.builds.forget(t) != nil {
		return
	}
	pl.ends.close(t)
	pl.event("tunnel_down", i2p.Hash{}, t.id, t.party.cfg.Name, "")
	pl.parties.changed(t.party)
}

// reshape has a party's pool keep tunnels of other shapes from now on.
func (pl *pools) reshape(p *party, in, out Shape) {
	p.cfg.Inbound, p.cfg.Outbound = in, out
	for _, t := range p.pool.Reshape(in.quota(), out.quota()) {
		pl.dropped(t)
	}
	pl.parties.changed(p)
}

// peerLost gives up the tunnels that begin next to us with a router whose
// session has ended: what is sent into them would open a new session, to a
// router that has most likely forgotten the tunnel. Those in which it is a
// farther hop are doubtful.
func (pl *pools) peerLost(peer i2p.Hash) {
	for _, p := range pl.parties.list {
		for _, t := range p.tunnels() {
			if h, ok := t.neighbour(); ok && h == peer {
				p.pool.Lost(t)
				pl.dropped(t)
			}
		}
	}
	pl.peerDoubted(peer)
}

// peerDoubted has the tunnels through a router tested now, and used after
// others until they have proved themselves.
func (pl *pools) peerDoubted(peer i2p.Hash) {
	pl.paths.doubts.add(pl.now, peer)
	for _, p := range pl.parties.list {
		doubts := false
		for _, t := range p.tunnels() {
			if slices.Contains(t.hops, peer) {
				p.pool.Doubt(pl.now, t)
				doubts = true
			}
		}
		if doubts {
			pl.parties.changed(p)
		}
	}
}

// expire forgets what is not waited for any more.
func (pl *pools) expire() {
	pl.paths.asked.expire(pl.now)
	for _, p := range pl.parties.list {
		p.expected.expire(pl.now)
	}
}
