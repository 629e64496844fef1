package router

import (
	"maps"
	"math"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// paths chooses whom to go through: the hops of a tunnel that is to be built,
// and the tunnel to use of those that stand. It avoids routers that seem to have
// gone, and those that were asked for much of late.
type paths struct {
	*core
	parties *parties
	asked   neighbours
	doubts  doubts
	hidden  time.Time // when we published no address, the last time that it mattered
}

func newPaths(c *core, ps *parties) *paths {
	return &paths{core: c, parties: ps, asked: newNeighbours(c.cfg.Hash), doubts: make(doubts)}
}

// pathDraws is how many paths are drawn at most to find one whose neighbours
// were asked for little.
const pathDraws = 8

// Between two builds that most likely ask too much there is a pause, for pools
// that have a tunnel and for others: the bound may begin anew at any time.
const (
	patientProbe = 10 * time.Second
	urgentProbe  = time.Second
)

// choose draws hops for a tunnel, in the order of message flow, whose
// neighbours have been asked for the least of late. It returns none where all
// have had their share and drop what exceeds it: then the pool waits, and tries
// it now and then, more often where it has no tunnel that lasts. What all other tunnels of the pool go through
// the new one does not, if it can: no router that goes takes them all along. answers tells that the last of them
// sends the reply to us, and into no tunnel.
func (pt *paths) choose(d *direction, n int, answers bool) (best []*routerinfo.RouterInfo) {
	var least strain
	doubtful, _ := pt.doubts.above(pt.now, 0)
	avoid, common := make(map[i2p.Hash]struct{}), pt.common(d)
	for i := range pathDraws {
		hops := pt.hops(d, n, answers, avoid)
		if len(hops) < n {
			return hops
		}
		pairs := pt.asked.pairs(hops, d.inbound)
		s := pt.asked.weigh(pt.now, pairs)
		s.doubtful = slices.ContainsFunc(hops, func(ri *routerinfo.RouterInfo) bool {
			_, doubted := doubtful[ri.Hash()]
			return doubted
		})
		for _, ri := range hops {
			if slices.Contains(common, ri.Hash()) {
				s.common++
			}
		}
		if s.over == 0 && s.common == 0 && (i == 0 || !s.doubtful) {
			return hops
		}
		if best == nil || s.less(least) {
			best, least = hops, s
		}
		for _, h := range common {
			avoid[h] = struct{}{}
		}
		avoid[pt.asked.worst(pt.now, pairs).other(pt.cfg.Hash, pt.rand.Nonzero32())] = struct{}{}
	}
	if lasts := pt.lasts(d); least.lost || least.held && lasts {
		pause := patientProbe
		if !lasts {
			pause = urgentProbe
		}
		if pt.now.Sub(pt.asked.probed) < pause {
			return nil
		}
		pt.asked.probed = pt.now
	}
	return best
}

// common are the hops that all tunnels of a direction have which last. Where there are none, those that are being built
// are likely to be the first.
func (pt *paths) common(d *direction) (hops []i2p.Hash) {
	tunnels := 0
	through := make(map[i2p.Hash]int)
	for _, t := range pt.undoubted(d.tunnels()) {
		if t.Failing() || t.Due(pt.now) {
			continue
		}
		tunnels++
		for _, h := range t.hops {
			through[h]++
		}
	}
	if tunnels == 0 {
		for _, t := range d.party.pool.Builds(d.inbound) {
			if t.build == nil {
				continue
			}
			tunnels++
			for _, h := range t.build.Hops() {
				through[h.Router]++
			}
		}
	}
	for h, n := range through {
		if n == tunnels {
			hops = append(hops, h)
		}
	}
	return hops
}

// shuns reports whether a router has no way to us but a session that stands: there is none, and we publish no
// address of a family in which it has one.
func (pt *paths) shuns(ri *routerinfo.RouterInfo) bool {
	own := pt.own()
	return own.Flags&profile.Summarize(ri).Flags&(profile.IPv4|profile.IPv6) == 0 && !pt.cfg.Transport.Connected(ri.Hash())
}

// own is what others know of us.
func (pt *paths) own() (s profile.Summary) {
	if ri := pt.db.Router(pt.cfg.Hash); ri != nil {
		s = profile.Summarize(ri)
	}
	return s
}

// hops selects routers for a tunnel, in the order of message flow. The hop
// next to us is one that we can dial. As long as others do not know how to reach us, who answers us is one
// to whom there is a session, if any is: peer tests need routers that have none. Those to avoid are taken only for
// want of others.
func (pt *paths) hops(d *direction, n int, answers bool, avoid map[i2p.Hash]struct{}) []*routerinfo.RouterInfo {
	c := profile.Constraints{
		Use:        profile.Client,
		Exclude:    map[i2p.Hash]struct{}{pt.cfg.Hash: {}},
		Avoid:      avoid,
		SamePrefix: pt.cfg.Testnet,
		Next:       pt.cfg.Transport.Dials,
	}
	c.Self = pt.own() // who watches our network would watch such a hop too
	if d.party == pt.parties.self {
		c.Use = profile.Exploratory
	}
	last := d.inbound // the hop next to us: the same routers are it in both directions
	var hops []*routerinfo.RouterInfo
	if answers && pt.unknown(c.Self) {
		met := c
		met.Next = func(ri *routerinfo.RouterInfo) bool { return pt.cfg.Transport.Connected(ri.Hash()) }
		if hops = pt.leastDoubtful(n, met); len(hops) == n {
			c, last = met, true
		}
	}
	if len(hops) < n {
		hops = pt.leastDoubtful(n, c)
	}
	profile.Order(d.party.order, hops, c.Next)
	if last {
		slices.Reverse(hops)
	}
	return hops
}

// newsTime is how long after an address is published first others may go by a RouterInfo that has none.
const newsTime = 5 * time.Minute

// unknown reports whether others most likely do not know how to reach us: we are finding out ourselves, or
// did a moment ago.
func (pt *paths) unknown(own profile.Summary) bool {
	if own.Flags&profile.Addressed != 0 {
		return !pt.hidden.IsZero() && pt.now.Sub(pt.hidden) < newsTime
	}
	pt.hidden = pt.now
	return pt.cfg.Transport.Testing()
}

// leastDoubtful selects n hops: where there are too few that nothing is known
// against, those that failed least. What c avoids is avoided too.
func (pt *paths) leastDoubtful(n int, c profile.Constraints) []*routerinfo.RouterInfo {
	avoid := c.Avoid
	for limit := 0; ; limit = 2*limit + 1 {
		doubted, most := pt.doubts.above(pt.now, limit)
		c.Avoid = maps.Clone(doubted)
		maps.Copy(c.Avoid, avoid)
		hops := pt.peers.Select(pt.now, pt.db, n, c)
		if limit >= most || !slices.ContainsFunc(hops, func(ri *routerinfo.RouterInfo) bool {
			_, bad := doubted[ri.Hash()]
			return bad
		}) {
			return hops
		}
	}
}

// fewRouters is how many make a network so small that hops are hard to spread.
const fewRouters = 32

// noteTransit counts a tunnel of others through us with ours: those next to us
// do as well. Among many routers our own seldom meet at one, and nobody shall
// steer them by what he sends through us.
func (pt *paths) noteTransit(from i2p.Hash, req *tunnel.Request) {
	if pt.db.Len() > fewRouters {
		return
	}
	var pairs []pair
	if req.Role != tunnel.RoleGateway {
		pairs = append(pairs, pairOf(from, pt.cfg.Hash))
	}
	if req.Role != tunnel.RoleEndpoint {
		pairs = append(pairs, pairOf(pt.cfg.Hash, req.NextRouter))
	}
	for _, a := range pt.asked.note(pt.now, pairs) {
		a.outcome = answered
	}
}

// best is the tunnel to use now: of those that work, one at random, so that a
// bad one does not stop everything. The router itself falls back on a tunnel
// without hops until it has others.
func (pt *paths) best(d *direction) *ownTunnel {
	working := d.usable(pt.now, true)
	for _, ts := range [...][]*ownTunnel{pt.undoubted(working), working, d.usable(pt.now, false)} {
		if t := pt.draw(ts); t != nil {
			return t
		}
	}
	return d.last
}

// carrier is the tunnel of the other direction that a build needs: its request
// leaves, or its reply comes, through it. A destination without one borrows
// the router's. Where all of the router's fail as well, its own builds go as
// those of a router without tunnels do: sent into tunnels that lead nowhere,
// none would ever replace them. A destination's wait until there are others: the
// gateway of an inbound tunnel, which its lease set names, and the endpoint of an
// outbound one, which sees where its messages go, would learn whose it is.
func (pt *paths) carrier(d *direction) *ownTunnel {
	self := pt.parties.self
	both := [...]*direction{d.opposite(d.party), d.opposite(self)}
	for _, o := range both {
		if t := pt.leastFailed(pt.undoubted(pt.hiding(d, o.usable(pt.now, true)))); t != nil {
			return t
		}
	}
	// Which of those work nobody knows. Any may: but a hop that has gone is in more of the tunnels that
	// failed than those are who were beside it.
	var any []*ownTunnel
	for _, o := range both {
		any = append(any, pt.hiding(d, o.usable(pt.now, false))...)
	}
	working := slices.ContainsFunc(any, func(t *ownTunnel) bool { return !t.Failing() })
	t := pt.leastFailed(any)
	if pt.rand.Below(guess) == 0 {
		t = pt.draw(any)
	}
	if t != nil && working {
		return t
	}
	if d.party != self {
		return nil
	}
	return d.opposite(self).last
}

// leastFailed is one of the tunnels of which the worst hop has failed less often than that of the others. A build that waits
// for a reply counts as a failure: where a tunnel leads nowhere, not all builds shall have gone there.
func (pt *paths) leastFailed(ts []*ownTunnel) *ownTunnel {
	var least []*ownTunnel
	fewest := math.MaxInt
	for _, t := range ts {
		n := pt.doubts.worst(pt.now, t.hops) + t.awaits
		if n < fewest {
			fewest, least = n, nil
		}
		if n == fewest {
			least = append(least, t)
		}
	}
	return pt.draw(least)
}

// hiding are the tunnels that hide whose build goes through them. A destination's
// needs hops, even where the other of its ways has none. Only where the router's
// own tunnels are to have none, by its settings, nobody is to be hidden.
func (pt *paths) hiding(d *direction, ts []*ownTunnel) []*ownTunnel {
	self := pt.parties.self
	if d.party == self || d.opposite(self).shape().Hops == 0 {
		return ts
	}
	return slices.DeleteFunc(slices.Clone(ts), (*ownTunnel).zeroHop)
}

func (pt *paths) draw(ts []*ownTunnel) *ownTunnel {
	if len(ts) == 0 {
		return nil
	}
	return ts[pt.rand.Below(len(ts))]
}

// guess: of so many builds for which all tunnels are in doubt, one goes through any of them.
const guess = 4

// undoubted are the tunnels without a hop that seems to have gone.
func (pt *paths) undoubted(ts []*ownTunnel) []*ownTunnel {
	return slices.DeleteFunc(slices.Clone(ts), func(t *ownTunnel) bool { return pt.doubts.holds(pt.now, t.hops) })
}

// lastMoments is how long before the end of its last tunnel a pool asks for
// another whatever it takes.
const lastMoments = 30 * time.Second

// lasts reports whether a tunnel of the pool works and does so for a while.
func (pt *paths) lasts(d *direction) bool {
	return slices.ContainsFunc(pt.undoubted(d.tunnels()), func(t *ownTunnel) bool {
		return !t.Failing() && t.Expires().Sub(pt.now) > lastMoments
	})
}

// doubt notes that one of some hops seems to have gone. All tunnels through
// them are tested now.
func (pt *paths) doubt(hops []i2p.Hash) {
	fresh := slices.DeleteFunc(slices.Clone(hops), func(h i2p.Hash) bool { return pt.now.Before(pt.doubts[h].until) })
	for _, h := range hops {
		pt.doubts.add(pt.now, h)
	}
	for _, p := range pt.parties.list {
		for _, t := range p.tunnels() {
			if slices.ContainsFunc(t.hops, func(h i2p.Hash) bool { return slices.Contains(fresh, h) }) {
				p.pool.Recheck(pt.now, t)
			}
		}
	}
}
