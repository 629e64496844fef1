package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// Routers bound what one neighbour may ask of them, and drop what exceeds it
// without an answer. Java takes 4 to 22 tunnels in 220 s that have the same
// router next to it, before or after, and 7 to 27 requests in 110 s from one
// previous hop, by how many tunnels it carries; i2pd takes three requests that
// come at once. We are the neighbour of the hops next to us, and our hops are
// each other's.
const (
	askWindow   = 220 * time.Second
	askShare    = 4
	burstWindow = time.Second
	burstShare  = 3
	probes      = 3  // beyond the share, before any is answered
	maxAsks     = 64 // of a pair that are remembered
)

// pair is two routers that are next to each other in a tunnel, in any order.
type pair [2]i2p.Hash

func pairOf(a, b i2p.Hash) pair {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return pair{a, b}
}

// ask is one build's request to a pair.
type ask struct {
	pair    pair
	at      time.Time
	over    bool // beyond the pair's share
	crowded bool // over, or one too many at once: it may be dropped
	outcome outcome
}

type outcome byte

const (
	pending outcome = iota
	answered
	silent
)

// neighbours remembers what was asked of each pair in the last minutes.
type neighbours struct {
	us     i2p.Hash
	share  int             // askShare
	asks   map[pair][]*ask // in the order of their times
	probed time.Time       // when a build was last asked of a path that is held
}

func newNeighbours(us i2p.Hash) neighbours {
	return neighbours{us: us, share: askShare, asks: make(map[pair][]*ask)}
}

// strain says how much a path asks of its pairs.
type strain struct {
	doubtful bool // a hop seems to have gone
	lost     bool // a pair dropped what exceeded its share
	held     bool // it did, or several such requests are on their way
	over     int  // pairs that have had their share
	common   int  // hops that all other tunnels of the pool have
	asked    int  // of all pairs; what stayed unanswered counts twice
}

func (s strain) less(o strain) bool {
	switch {
	case s.doubtful != o.doubtful:
		return o.doubtful
	case s.held != o.held:
		return o.held
	case s.over != o.over:
		return s.over < o.over
	case s.common != o.common:
		return s.common < o.common
	}
	return s.asked < o.asked
}

// pairs are those of a tunnel of ours through these hops, in the order of
// message flow.
func (n *neighbours) pairs(hops []*routerinfo.RouterInfo, inbound bool) []pair {
	out := make([]pair, 0, len(hops))
	if !inbound {
		out = append(out, pairOf(n.us, hops[0].Hash()))
	}
	for i := 1; i < len(hops); i++ {
		out = append(out, pairOf(hops[i-1].Hash(), hops[i].Hash()))
	}
	if inbound {
		out = append(out, pairOf(hops[len(hops)-1].Hash(), n.us))
	}
	return out
}

// recent are the asks of a pair within the window.
func (n *neighbours) recent(now time.Time, p pair) []*ask {
	asks := n.asks[p]
	i := 0
	for i < len(asks) && now.Sub(asks[i].at) >= askWindow {
		i++
	}
	if asks = asks[i:]; len(asks) == 0 {
		delete(n.asks, p)
		return nil
	}
	n.asks[p] = asks
	return asks
}

// expire forgets what is older than the window.
func (n *neighbours) expire(now time.Time) {
	for p := range n.asks {
		n.recent(now, p)
	}
}

// load is what a pair has been asked for already.
func (n *neighbours) load(now time.Time, p pair) (s strain, over bool) {
	asks := n.recent(now, p)
	over = len(asks) >= n.share
	var open, taken, lost int
	for _, a := range asks {
		s.asked++
		switch {
		case a.outcome == silent:
			s.asked++
			if a.over {
				lost++
			}
		case a.over && a.outcome == answered:
			taken++
		case a.over:
			open++
		}
	}
	// Whether a pair takes more than its share a few requests find out; each
	// that is answered allows one more at a time.
	s.lost = over && lost > 0
	s.held = s.lost || over && open >= taken+probes
	if over {
		s.over = 1
	}
	return s, over
}

// weigh adds up the loads of a path's pairs.
func (n *neighbours) weigh(now time.Time, pairs []pair) (sum strain) {
	for _, p := range pairs {
		s, _ := n.load(now, p)
		sum.lost = sum.lost || s.lost
		sum.held = sum.held || s.held
		sum.over += s.over
		sum.asked += s.asked
	}
	return sum
}

// worst is the pair with the greatest load.
func (n *neighbours) worst(now time.Time, pairs []pair) (worst pair) {
	var most strain
	for i, p := range pairs {
		if s, _ := n.load(now, p); i == 0 || most.less(s) {
			worst, most = p, s
		}
	}
	return worst
}

// other is who is next to a router, or where it is none of them, either.
func (p pair) other(than i2p.Hash, random uint32) i2p.Hash {
	switch {
	case p[0] == than:
		return p[1]
	case p[1] == than:
		return p[0]
	}
	return p[random%2]
}

// note remembers that a build was asked of the pairs.
func (n *neighbours) note(now time.Time, pairs []pair) []*ask {
	out := make([]*ask, len(pairs))
	for i, p := range pairs {
		_, over := n.load(now, p)
		burst := len(n.asks[p]) >= burstShare && now.Sub(n.asks[p][len(n.asks[p])-burstShare].at) < burstWindow
		out[i] = &ask{pair: p, at: now, over: over, crowded: over || burst}
		asks := append(n.asks[p], out[i])
		n.asks[p] = asks[max(0, len(asks)-maxAsks):]
	}
	return out
}

// withdraw forgets a build's asks, which nobody received.
func (n *neighbours) withdraw(asks []*ask) {
	for _, a := range asks {
		n.asks[a.pair] = slices.DeleteFunc(n.asks[a.pair], func(o *ask) bool { return o == a })
	}
}

// settle says what came of a build. Where a pair that dropped what exceeded
// its share answers again, its count has begun anew.
func (n *neighbours) settle(asks []*ask, o outcome) {
	for _, a := range asks {
		a.outcome = o
		if o != answered {
			continue
		}
		before := n.asks[a.pair]
		i := slices.Index(before, a)
		if i >= 0 && slices.ContainsFunc(before[:i], func(b *ask) bool { return b.over && b.outcome == silent }) {
			n.asks[a.pair] = before[i:]
		}
	}
}

// blameless reports whether a hop of a build may have been silent only because
// of how much it was asked for: it has answered others of the same neighbour.
func (n *neighbours) blameless(now time.Time, asks []*ask, hop i2p.Hash) bool {
	return slices.ContainsFunc(asks, func(a *ask) bool {
		return a.crowded && slices.Contains(a.pair[:], hop) &&
			slices.ContainsFunc(n.recent(now, a.pair), func(o *ask) bool { return o.outcome == answered })
	})
}
