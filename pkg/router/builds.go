package router

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// build is a tunnel of ours whose hops have not all answered yet.
type build struct {
	*tunnel.Build
	pool    *pool
	ref     uint64 // the policy's name for the tunnel
	started time.Time
	reply   way    // how its reply must come
	asks    []*ask // of each pair of neighbours
}

// launch asks hops to become a tunnel. It reports false when there are not
// enough of them, or no way to ask.
func (ps *pools) launch(pl *pool, ref uint64, length int) bool {
	if length == 0 {
		return ps.established(ps.zeroHopTunnel(pl, ref))
	}
	infos := ps.choosePath(pl, length)
	if len(infos) < length {
		return false
	}
	hops := make([]tunnel.Hop, len(infos))
	for i, ri := range infos {
		static, ok := ri.EncryptionKey()
		if !ok {
			return false
		}
		hops[i] = tunnel.Hop{Router: ri.Hash(), Static: static}
	}
	carrier := ps.carrier(pl)
	if carrier == nil {
		return false
	}
	cfg := tunnel.Config{Inbound: pl.inbound, Hops: hops, Us: ps.cfg.Hash, Rand: ps.rand, Budget: ps.budget, Counts: &ps.ends, Long: needsLong(infos)}
	if !pl.inbound {
		cfg.Reply = tunnel.ReplyTo{Gateway: carrier.gateway, Tunnel: carrier.gatewayID}
	}
	b, err := tunnel.NewBuild(ps.now, cfg)
	if err != nil {
		ps.cfg.Log.Warn("tunnel build not made", "error", err)
		return false
	}
	// The last hop of an inbound tunnel takes us for the next one. The endpoint
	// of an outbound one sends its reply into the tunnel that we named.
	made := &build{Build: b, pool: pl, ref: ref, started: ps.now, reply: way{peer: hops[length-1].Router}}
	if !pl.inbound {
		made.reply = way{tunnel: carrier}
	}
	pl.party.expected.builds[b.ReplyID()] = made
	if key, ok := b.ReplyGarlic(); ok {
		carrier.pool.party.expected.seal(ps.now, key.Tag, key.Key, carrier)
	}
	if !ps.sendBuild(made, infos[0], carrier) {
		delete(pl.party.expected.builds, b.ReplyID())
		return false
	}
	made.asks = ps.asked.note(ps.now, ps.asked.pairs(infos, pl.inbound))
	return true
}

// needsLong reports whether a hop is too old for short records (0.9.51).
func needsLong(infos []*routerinfo.RouterInfo) bool {
	for _, ri := range infos {
		if !ri.VersionAtLeast(0, 9, 51) {
			return true
		}
	}
	return false
}

// carrier is the tunnel of the other direction that a build needs: its request
// leaves, or its reply comes, through it. A destination without one borrows
// the router's. Where all of the router's fail as well, its own builds go as
// those of a router without tunnels do: sent into tunnels that lead nowhere,
// none would ever replace them. A destination's wait until there are others.
func (ps *pools) carrier(pl *pool) *ownTunnel {
	opposite := func(p *party) *pool {
		if pl.inbound {
			return p.out
		}
		return p.in
	}
	both := [...]*party{pl.party, ps.self}
	for _, p := range both {
		if t := ps.draw(ps.undoubted(opposite(p).usable(ps.now, true))); t != nil {
			return t
		}
	}
	// Which of those work nobody knows: any may.
	var any []*ownTunnel
	for _, p := range both {
		any = append(any, opposite(p).usable(ps.now, false)...)
	}
	working := slices.ContainsFunc(any, func(t *ownTunnel) bool { return !t.failing })
	if t := ps.draw(any); t != nil && working {
		return t
	}
	if pl.party != ps.self {
		return nil // straight from us, the hop that sees it would know whose it is
	}
	return opposite(ps.self).last
}

// sendBuild sends the request of an outbound tunnel straight to its first hop,
// that of an inbound one through the carrier, sealed for the gateway so that
// the carrier's endpoint does not see it.
func (ps *pools) sendBuild(b *build, first *routerinfo.RouterInfo, carrier *ownTunnel) bool {
	m := b.Message()
	if !b.Inbound() || carrier.zeroHop() {
		ps.sendOr(first.Hash(), m, func() { ps.unsent(b) })
		return true
	}
	if carrier.out.EndRouter() != first.Hash() && m.Type == i2np.ShortTunnelBuildType {
		sealed, err := ps.garlicTo(first, m)
		m.Release()
		if err != nil {
			ps.cfg.Log.Debug("tunnel build not sealed", "error", err)
			return false
		}
		m = sealed
	}
	ps.outbound(carrier, toRouter(first.Hash()), m)
	return true
}

// unsent gives up on a build that nobody has received.
func (ps *pools) unsent(b *build) {
	if waiting := b.pool.party.expected.builds; waiting[b.ReplyID()] == b {
		delete(waiting, b.ReplyID())
		ps.asked.withdraw(b.asks)
		ps.failed(b)
	}
}

// chooseHops selects routers for a tunnel, in the order of message flow. The
// hop next to us should have a session with us or be easy to reach. Those to
// avoid are taken only for want of others.
func (ps *pools) chooseHops(pl *pool, n int, avoid map[i2p.Hash]struct{}) []*routerinfo.RouterInfo {
	c := profile.Constraints{
		Use:        profile.Client,
		Exclude:    map[i2p.Hash]struct{}{ps.cfg.Hash: {}},
		Avoid:      avoid,
		SamePrefix: ps.cfg.Testnet,
	}
	if pl.party == ps.self {
		c.Use = profile.Exploratory
	}
	hops := ps.leastDoubtful(n, c)
	profile.Order(pl.party.order, hops)
	if pl.inbound {
		// The same routers are next to us in both directions.
		for i, j := 0, len(hops)-1; i < j; i, j = i+1, j-1 {
			hops[i], hops[j] = hops[j], hops[i]
		}
	}
	return hops
}

// leastDoubtful selects n hops: where there are too few that nothing is known
// against, those that failed least. What c avoids is avoided too.
func (ps *pools) leastDoubtful(n int, c profile.Constraints) []*routerinfo.RouterInfo {
	avoid := c.Avoid
	for limit := 0; ; limit = 2*limit + 1 {
		doubted, most := ps.doubts.above(ps.now, limit)
		c.Avoid = maps.Clone(doubted)
		maps.Copy(c.Avoid, avoid)
		hops := ps.peers.Select(ps.now, ps.db, n, c)
		if limit >= most || !slices.ContainsFunc(hops, func(ri *routerinfo.RouterInfo) bool {
			_, bad := doubted[ri.Hash()]
			return bad
		}) {
			return hops
		}
	}
}

func (ps *pools) zeroHopTunnel(pl *pool, ref uint64) *ownTunnel {
	t := &ownTunnel{pool: pl, ref: ref, id: ps.freeID(), created: ps.now, expires: ps.now.Add(tunnel.Lifetime)}
	if !pl.inbound {
		t.out = tunnel.NewOutbound(tunnel.OutboundConfig{EndRouter: ps.cfg.Hash, Rand: ps.rand})
		return t
	}
	t.gateway, t.gatewayID = ps.cfg.Hash, t.id
	t.in = tunnel.NewInbound(tunnel.InboundConfig{Gateway: ps.cfg.Hash, GatewayID: t.id, ID: t.id, Budget: ps.budget, Counts: &ps.ends})
	return t
}

// freeID draws a tunnel id that is not in use here.
func (ps *pools) freeID() uint32 {
	for {
		id := ps.rand.Nonzero32()
		if ps.inbound[id] == nil && !ps.carried(id) {
			return id
		}
	}
}

// building finds the build whose reply a message may be, for any party: what
// is asked for one may come through a tunnel that it borrowed.
func (ps *pools) building(w way, m i2np.Message) *build {
	for _, p := range ps.parties {
		if b := p.expected.builds[m.ID]; b != nil && b.reply == w && m.Type == b.ReplyType() {
			return b
		}
	}
	return nil
}

// buildReply handles what may be the answer to a build of ours. It borrows the
// message and reports false when it is not.
func (ps *pools) buildReply(w way, m i2np.Message) bool {
	b := ps.building(w, m)
	if b == nil {
		return false
	}
	delete(b.pool.party.expected.builds, m.ID)
	reply, err := b.HandleReply(m)
	if err != nil {
		ps.cfg.Log.Debug("build reply of no use", "error", err)
		ps.counts.Malformed++
		ps.failed(b)
		return true
	}
	ps.asked.settle(b.asks, answered)
	took := ps.now.Sub(b.started)
	for i, h := range b.Hops() {
		if reply.Codes[i] == tunnel.Accept {
			ps.peers.BuildAccepted(ps.now, h.Router, took)
			ps.db.Proved(h.Router)
		} else {
			ps.peers.BuildRejected(ps.now, h.Router)
		}
	}
	if !reply.Accepted {
		ps.counts.BuildsRefused++
		ps.failed(b)
		return true
	}
	ps.accepted(b)
	return true
}

func (ps *pools) accepted(b *build) {
	ps.counts.BuildsAccepted++
	ps.counts.BuildTook.Observe(ps.now.Sub(b.started))
	t := &ownTunnel{pool: b.pool, ref: b.ref, created: ps.now, expires: b.started.Add(tunnel.Lifetime), rtt: ps.now.Sub(b.started)}
	for _, h := range b.Hops() {
		t.hops = append(t.hops, h.Router)
	}
	ps.doubts.trust(t.hops) // all have answered
	var err error
	if b.Inbound() {
		t.in, err = b.NewInbound()
		t.id = b.ReceiveTunnel()
		if err == nil {
			t.gateway, t.gatewayID = t.in.Gateway()
		}
	} else {
		t.out, err = b.NewOutbound()
		t.id = ps.freeID()
	}
	if err != nil || (b.Inbound() && (ps.inbound[t.id] != nil || ps.carried(t.id))) {
		ps.cfg.Log.Warn("tunnel not made", "error", err)
		ps.failed(b)
		return
	}
	if !ps.established(t) && t.in != nil {
		t.in.Close()
	}
}

// established takes a tunnel into use. It reports false where its pool does not
// want it any more.
func (ps *pools) established(t *ownTunnel) bool {
	p := t.pool.party
	if !p.policy.Built(ps.now, t.ref) {
		return false
	}
	if t.in != nil {
		ps.inbound[t.id] = t
	}
	t.pool.tunnels = append(t.pool.tunnels, t)
	if h, ok := t.neighbour(); ok {
		ps.wanted.add(h, 1)
	}
	ps.event("tunnel_up", i2p.Hash{}, t.id, p.cfg.Name, "")
	ps.changed(p)
	return true
}

// neighbour is the hop next to us.
func (t *ownTunnel) neighbour() (i2p.Hash, bool) {
	switch {
	case t.zeroHop():
		return i2p.Hash{}, false
	case t.in != nil:
		return t.hops[len(t.hops)-1], true
	}
	return t.hops[0], true
}

func (ps *pools) failed(b *build) { b.pool.party.policy.BuildFailed(ps.now, b.ref) }

// pending finds a party's build by its policy's name.
func (ps *pools) pending(p *party, ref uint64) *build {
	for _, b := range p.expected.builds {
		if b.ref == ref {
			return b
		}
	}
	return nil
}

// failBuilds gives up on builds whose first hop cannot be reached.
func (ps *pools) failBuilds(peer i2p.Hash) {
	for _, p := range ps.parties {
		var over []*build
		for _, b := range p.expected.builds {
			if b.FirstHop().Router == peer && !b.Inbound() {
				over = append(over, b)
			}
		}
		slices.SortFunc(over, func(a, b *build) int { return cmp.Compare(a.ref, b.ref) })
		for _, b := range over {
			ps.unsent(b)
		}
	}
}

// act does what a pool's policy wants done.
func (ps *pools) act(p *party, a tunnel.Action) {
	pl := p.out
	if a.Inbound {
		pl = p.in
	}
	switch a.Kind {
	case tunnel.ActionBuild:
		if !ps.launch(pl, a.ID, a.Hops) {
			p.policy.BuildFailed(ps.now, a.ID)
		}
	case tunnel.ActionTimeout:
		if b := ps.pending(p, a.ID); b != nil {
			ps.counts.BuildsExpired++
			ps.asked.settle(b.asks, silent)
			for _, h := range b.Hops() {
				if !ps.asked.blameless(ps.now, b, h.Router) {
					ps.peers.BuildExpired(ps.now, h.Router, len(b.Hops()))
				}
			}
		}
	case tunnel.ActionTest:
		ps.test(p, a)
	case tunnel.ActionTestTimeout:
		ps.testTimeout(p, a.Test)
	case tunnel.ActionDrop:
		if b := ps.pending(p, a.ID); b != nil {
			delete(p.expected.builds, b.ReplyID())
			return
		}
		ps.drop(pl, a.ID)
	}
}

// drop takes a tunnel out of use.
func (ps *pools) drop(pl *pool, ref uint64) {
	for i, t := range pl.tunnels {
		if t.ref == ref {
			pl.tunnels = append(pl.tunnels[:i:i], pl.tunnels[i+1:]...)
			ps.forget(t)
			ps.event("tunnel_down", i2p.Hash{}, t.id, pl.party.cfg.Name, "")
			ps.changed(pl.party)
			return
		}
	}
}

// forget removes a tunnel from the tables and lets its buffers go.
func (ps *pools) forget(t *ownTunnel) {
	if t.in != nil {
		delete(ps.inbound, t.id)
		t.in.Close()
	}
	if h, ok := t.neighbour(); ok {
		ps.wanted.add(h, -1)
	}
}

// peerLost gives up the tunnels that begin next to us with a router whose
// session has ended: what is sent into them would open a new session, to a
// router that has most likely forgotten the tunnel. Those in which it is a
// farther hop are doubtful.
func (ps *pools) peerLost(peer i2p.Hash) {
	for _, p := range ps.parties {
		for _, pl := range []*pool{p.in, p.out} {
			for _, t := range append([]*ownTunnel(nil), pl.tunnels...) {
				if h, ok := t.neighbour(); ok && h == peer {
					p.policy.Lost(t.ref)
					ps.drop(pl, t.ref)
				}
			}
		}
	}
	ps.peerDoubted(peer)
}

// peerDoubted has the tunnels through a router tested now, and used after
// others until they have proved themselves.
func (ps *pools) peerDoubted(peer i2p.Hash) {
	ps.doubts.add(ps.now, peer)
	for _, p := range ps.parties {
		doubts := false
		for _, pl := range []*pool{p.in, p.out} {
			for _, t := range pl.tunnels {
				if slices.Contains(t.hops, peer) {
					p.policy.Doubt(ps.now, t.ref)
					t.failing, doubts = true, true
				}
			}
		}
		if doubts {
			ps.changed(p)
		}
	}
}
