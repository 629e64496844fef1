package router

import (
	"errors"
	"slices"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// builds are the tunnels of ours whose hops have not all answered yet.
type builds struct {
	*core
	parties *parties
	paths   *paths
	ends    *ends
	waiting map[awaited]*build
}

// build is how one of them is asked for.
type build struct {
	*tunnel.Build
	tunnel *ownTunnel
	by     *ownTunnel // through which the request or the reply goes
	reply  awaited
	infos  []*routerinfo.RouterInfo // of the hops
	asks   []*ask                   // of each pair of neighbours
	held   bool                     // it is not asked for yet: the last hop has to be met
}

func newBuilds(c *core, parties *parties, paths *paths, ends *ends) *builds {
	return &builds{core: c, parties: parties, paths: paths, ends: ends, waiting: make(map[awaited]*build)}
}

// start asks hops to become a tunnel. It reports false when there are not
// enough of them, or no way to ask: those next to us know us in any case, but
// who stands farther learns no more than which tunnel carried the request, or is to
// carry the reply.
func (bs *builds) start(t *ownTunnel) bool {
	d := t.direction()
	carrier := bs.paths.carrier(d)
	if bs.parties.hold(d, carrier == nil); carrier == nil {
		bs.counts.BuildsHeld++
		return false
	}
	answers := d.inbound || carrier.zeroHop()
	infos := bs.paths.choose(d, t.Hops(), answers)
	if len(infos) < t.Hops() {
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
	cfg := tunnel.Config{
		Inbound: d.inbound, Hops: hops, Us: bs.cfg.Hash, Rand: bs.rand,
		Budget: bs.ends.budget, Counts: &bs.endpoints, Long: needsLong(infos),
	}
	if !d.inbound {
		cfg.Reply = tunnel.ReplyTo{Gateway: carrier.gateway, Tunnel: carrier.gatewayID}
	}
	made, err := tunnel.NewBuild(bs.now, cfg)
	if err != nil {
		bs.cfg.Log.Warn("tunnel build not made", "error", err)
		return false
	}
	// The last hop of an inbound tunnel takes us for the next one. The endpoint
	// of an outbound one sends its reply into the tunnel that we named.
	b := &build{Build: made, tunnel: t, reply: awaited{made.ReplyID(), way{tunnel: carrier}}, infos: infos}
	if d.inbound {
		b.reply.way = way{peer: b.last().Hash()}
	}
	if key, ok := made.ReplyGarlic(); ok {
		carrier.party.expected.seal(bs.now, key.Tag, key.Key, carrier, i2p.Hash{})
	}
	t.build, bs.waiting[b.reply] = b, b
	b.through(carrier)
	if b.held = answers && bs.paths.shuns(b.last()); b.held {
		err = bs.cfg.Transport.Dial(b.last())
	}
	if err != nil || !b.held && !bs.ask(b, carrier) {
		bs.forget(t)
		return false
	}
	return true
}

// through notes the carrier.
func (b *build) through(carrier *ownTunnel) {
	if b.by != nil {
		b.by.awaits--
	}
	b.by = carrier
	carrier.awaits++
}

func (b *build) last() *routerinfo.RouterInfo { return b.infos[len(b.infos)-1] }

// ask sends the request.
func (bs *builds) ask(b *build, carrier *ownTunnel) bool {
	if !bs.send(b, b.infos[0], carrier) {
		return false
	}
	b.asks = bs.paths.asked.note(bs.now, bs.paths.asked.pairs(b.infos, b.Inbound()))
	bs.parties.fates(b.tunnel).Asked++
	return true
}

// met asks for the tunnels whose last hop, who is to send us the reply, had no way to us: there is a session now.
func (bs *builds) met(peer i2p.Hash) {
	for _, p := range bs.parties.list {
		for _, t := range slices.Concat(p.pool.Builds(true), p.pool.Builds(false)) {
			b := t.build
			if b == nil || !b.held || b.last().Hash() != peer {
				continue
			}
			carrier := bs.paths.carrier(t.direction()) // an outbound tunnel's is named in its request, and not used now
			if carrier == nil {
				bs.unsent(b)
				continue
			}
			b.through(carrier)
			if b.held = false; !bs.ask(b, carrier) {
				bs.unsent(b)
			}
		}
	}
}

// again has builds that wait for a tunnel which seems to lead nowhere not waited for any more, as now there is one that works:
// of tunnels of the other direction, it is what they lacked.
func (bs *builds) again(carrier *ownTunnel) {
	if bs.paths.doubts.holds(bs.now, carrier.hops) || carrier.Failing() {
		return
	}
	for _, p := range bs.parties.list {
		if p != carrier.party && carrier.party != bs.parties.self {
			continue
		}
		for _, t := range p.pool.Builds(!carrier.Inbound()) {
			if b := t.build; b != nil && (b.by.Failing() || bs.paths.doubts.holds(bs.now, b.by.hops)) {
				p.pool.Overdue(t)
			}
		}
	}
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

// send sends the request of an outbound tunnel straight to its first hop,
// that of an inbound one through the carrier, sealed for the gateway so that
// the carrier's endpoint does not see it.
func (bs *builds) send(b *build, first *routerinfo.RouterInfo, carrier *ownTunnel) bool {
	m := b.Message()
	if !b.Inbound() || carrier.zeroHop() {
		bs.sendOr(first.Hash(), m, func() { bs.unsent(b) })
		return true
	}
	if carrier.out.EndRouter() != first.Hash() && m.Type == i2np.ShortTunnelBuildType {
		sealed, err := bs.garlicTo(first, m)
		m.Release()
		if err != nil {
			bs.cfg.Log.Debug("tunnel build not sealed", "error", err)
			return false
		}
		m = sealed
	}
	bs.ends.enter(carrier, toRouter(first.Hash(), m))
	return true
}

// forget waits for a tunnel's hops no more. It returns its build, or nil where
// they have all answered.
func (bs *builds) forget(t *ownTunnel) *build {
	b := t.build
	if b != nil {
		t.build = nil
		delete(bs.waiting, b.reply)
		b.by.awaits--
		if b.held {
			b.Message().Release()
		}
	}
	return b
}

// unsent gives up on a build that nobody has received.
func (bs *builds) unsent(b *build) {
	if b.tunnel.build == b {
		bs.forget(b.tunnel)
		bs.paths.asked.withdraw(b.asks)
		bs.failed(b)
	}
}

// unreachable gives up on builds for which a router is wanted that cannot be reached.
func (bs *builds) unreachable(peer i2p.Hash) {
	for _, p := range bs.parties.list {
		for _, t := range slices.Concat(p.pool.Builds(false), p.pool.Builds(true)) {
			switch b := t.build; {
			case b == nil:
			case b.held && b.last().Hash() == peer, !b.Inbound() && b.FirstHop().Router == peer:
				bs.unsent(b)
			}
		}
	}
}

func (bs *builds) failed(b *build) { b.tunnel.party.pool.BuildFailed(bs.now, b.tunnel) }

// expects reports whether a reply is waited for, in whatever way.
func (bs *builds) expects(id uint32) bool { return inAnyWay(bs.waiting, id) }

// reply handles what may be the answer to a build of ours. It borrows the
// message and reports false when it is not. A tunnel that it returns stands.
func (bs *builds) reply(w way, m i2np.Message) (made *ownTunnel, ok bool) {
	b := bs.waiting[awaited{m.ID, w}]
	if b == nil || m.Type != b.ReplyType() {
		return nil, false
	}
	bs.forget(b.tunnel)
	reply, err := b.HandleReply(m)
	if err != nil {
		bs.cfg.Log.Debug("build reply of no use", "error", err)
		bs.counts.Malformed++
		bs.failed(b)
		return nil, true
	}
	bs.paths.asked.settle(b.asks, answered)
	took := bs.now.Sub(b.tunnel.Started())
	for i, h := range b.Hops() {
		if reply.Codes[i] == tunnel.Accept {
			bs.peers.BuildAccepted(bs.now, h.Router, took)
			bs.db.Proved(h.Router)
		} else {
			bs.peers.BuildRejected(bs.now, h.Router)
		}
	}
	if !reply.Accepted {
		bs.counts.BuildsRefused++
		bs.failed(b)
		return nil, true
	}
	bs.counts.BuildsAccepted++
	bs.parties.fates(b.tunnel).Stood++
	bs.counts.BuildTook.Observe(took)
	if err := bs.finish(b); err != nil {
		bs.cfg.Log.Warn("tunnel not made", "error", err)
		bs.failed(b)
		return nil, true
	}
	return b.tunnel, true
}

// errTaken: somebody was given the id before the reply came.
var errTaken = errors.New("the tunnel's id is taken")

// finish makes our end of a tunnel that all hops have agreed to.
func (bs *builds) finish(b *build) (err error) {
	t := b.tunnel
	for _, h := range b.Hops() {
		t.hops = append(t.hops, h.Router)
	}
	bs.paths.doubts.trust(t.hops) // all have answered
	if !b.Inbound() {
		t.id = bs.ends.freeID()
		t.out, err = b.NewOutbound()
		return err
	}
	if t.id = b.ReceiveTunnel(); !bs.ends.free(t.id) {
		return errTaken
	}
	if t.in, err = b.NewInbound(); err == nil {
		t.gateway, t.gatewayID = t.in.Gateway()
	}
	return err
}

// overdue notes that a tunnel's hops have not answered in time.
func (bs *builds) overdue(t *ownTunnel) {
	b := t.build
	if b == nil {
		return
	}
	if b.held {
		bs.unsent(b)
		return
	}
	bs.counts.BuildsExpired++
	bs.paths.asked.settle(b.asks, silent)
	for _, h := range b.Hops() {
		if !bs.paths.asked.blameless(bs.now, b.asks, h.Router) {
			bs.peers.BuildExpired(bs.now, h.Router, len(b.Hops()))
		}
	}
}
