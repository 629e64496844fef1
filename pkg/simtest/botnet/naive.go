package botnet

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// directory is a netDb that takes whatever comes.
type directory struct {
	of         map[i2p.Hash]*routerinfo.RouterInfo
	list       []*routerinfo.RouterInfo
	floodfills []*routerinfo.RouterInfo
}

func newDirectory() directory { return directory{of: make(map[i2p.Hash]*routerinfo.RouterInfo)} }

// learn reports whether a router is new.
func (d *directory) learn(ri *routerinfo.RouterInfo) bool {
	if d.of[ri.Hash()] != nil {
		return false
	}
	d.of[ri.Hash()] = ri
	d.list = append(d.list, ri)
	return true
}

func (d *directory) known() int { return len(d.list) }

func (d *directory) find(h i2p.Hash) *routerinfo.RouterInfo { return d.of[h] }

// closest is the floodfill closest to a key that fits.
func (d *directory) closest(now time.Time, key i2p.Hash, fits func(h i2p.Hash) bool) (best *routerinfo.RouterInfo) {
	routing := netdb.RoutingKey(key, now)
	var least i2p.Hash
	for _, ri := range d.floodfills {
		h := ri.Hash()
		if at := routing.Xor(h); (best == nil || at.Compare(least) < 0) && fits(h) {
			best, least = ri, at
		}
	}
	return best
}

// naive takes every router that it is told of, draws hops from all of them alike, and
// asks the floodfills closest to a key. It leaves out for a while whom it dialled in
// vain, and remembers nothing else of anybody.
type naive struct {
	directory
	rand    *draw.Source
	avoided map[i2p.Hash]time.Time
}

const naivePause = 10 * time.Minute // after a dial in vain

func newNaive(rand *draw.Source) *naive {
	return &naive{directory: newDirectory(), rand: rand, avoided: make(map[i2p.Hash]time.Time)}
}

func (n *naive) learn(_ time.Time, ri *routerinfo.RouterInfo) {
	if n.directory.learn(ri) && ri.IsFloodfill() {
		n.floodfills = append(n.floodfills, ri)
	}
}

func (n *naive) connected(time.Time, i2p.Hash, bool)      {}
func (n *naive) unreachable(now time.Time, peer i2p.Hash) { n.avoided[peer] = now.Add(naivePause) }
func (n *naive) replied(time.Time, i2p.Hash, bool)        {}
func (n *naive) silent(time.Time, i2p.Hash)               {}
func (n *naive) built(time.Time, bool)                    {}

func (n *naive) hops(now time.Time, count int, _, _ bool) (hops []*routerinfo.RouterInfo) {
	for range 20 * count {
		if len(n.list) == 0 || len(hops) == count {
			break
		}
		ri := n.list[n.rand.Below(len(n.list))]
		if !slices.Contains(hops, ri) && !now.Before(n.avoided[ri.Hash()]) {
			hops = append(hops, ri)
		}
	}
	return hops
}

func (n *naive) floodfill(now time.Time, key i2p.Hash, asked []i2p.Hash) *routerinfo.RouterInfo {
	return n.closest(now, key, func(h i2p.Hash) bool { return !slices.Contains(asked, h) && !now.Before(n.avoided[h]) })
}
