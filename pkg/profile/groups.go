package profile

import (
	"cmp"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

const (
	regroupInterval = 45 * time.Second
	fastPeers       = 30 // peer selection, "Group Size Limits"
	capacityPeers   = 75 //
)

// groups are the peers that hops are chosen from before others, best first: those
// of high capacity take part in tunnels more than others, and of these the fast
// ones answer soonest.
type groups struct {
	highCapacity, fast []i2p.Hash
	formed             bool
	at                 int64 // Unix seconds
}

// member is a peer that may be of a group.
type member struct {
	peer            i2p.Hash
	capacity, speed float64
}

// due tells whether the groups are too old to choose from.
func (g *groups) due(now int64) bool {
	return !g.formed || now < g.at || now-g.at >= int64(regroupInterval/time.Second)
}

// form makes the groups anew.
func (g *groups) form(now int64, all []member) {
	g.formed, g.at = true, now
	slices.SortFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.capacity, a.capacity), a.peer.Compare(b.peer))
	})
	all = all[:min(len(all), capacityPeers)]
	g.highCapacity = hashes(g.highCapacity, all)
	slices.SortFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.speed, a.speed), cmp.Compare(b.capacity, a.capacity), a.peer.Compare(b.peer))
	})
	g.fast = hashes(g.fast, all[:min(len(all), fastPeers)])
}

// hashes names members, in the place of an older list.
func hashes(list []i2p.Hash, members []member) []i2p.Hash {
	list = list[:0]
	for _, m := range members {
		list = append(list, m.peer)
	}
	return list
}

// of is the group that a use draws on.
func (g *groups) of(use Use) []i2p.Hash {
	if use == Client {
		return g.fast
	}
	return g.highCapacity
}

const strangerHalfLife = 10 * time.Minute

// strangers is how often routers that have carried nothing yet, when they are asked
// to be hops, turn out to be of use: they refuse, as only a living router does, or a
// message comes through. Agreeing alone costs a fake nothing. In a network full of
// fakes the rate falls, and selection turns to those known.
type strangers struct {
	useful, asked float64 // faded to the second of at
	at            int64
}

func (s *strangers) add(now int64, asked, useful float64) {
	if now > s.at {
		f := faded(now-s.at, strangerHalfLife)
		s.useful, s.asked, s.at = s.useful*f, s.asked*f, now
	}
	s.useful += useful
	s.asked += asked
}

// rate estimates how many of them are of use; 0.5 where little is known.
func (s *strangers) rate() float64 { return (4 + s.useful) / (8 + s.asked) }
