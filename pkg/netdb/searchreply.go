package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// FetchEnded tells that the lookup of a router that was needed has ended: lookups
// that wait for it go on.
func (s *Segment) FetchEnded(now time.Time, router i2p.Hash) Out {
	var out Out
	s.fetchEnded(now, router, &out)
	return out
}

func (s *Segment) fetchEnded(now time.Time, router i2p.Hash, out *Out) {
	for _, l := range slices.Clone(s.lookups) {
		if i := slices.Index(l.awaited, router); i >= 0 {
			l.awaited = slices.Delete(l.awaited, i, i+1)
			s.advance(now, l, out)
		}
	}
}

// Limits of what a search reply makes us do.
const (
	maxNamed = 16 // hashes read of one reply
	maxNeeds = 8  // RouterInfos fetched for one lookup
	maxFound = 16 // routers that one exploration brings
)

// HandleSearchReply takes a DatabaseSearchReply. The sender it names is not
// authenticated, so it counts only if it was asked and has not answered yet.
func (s *Segment) HandleSearchReply(now time.Time, m i2np.DatabaseSearchReply) Out {
	var out Out
	known := s.verifyMissed(now, m.Key, m.From, &out)
	for _, l := range slices.Clone(s.lookups) {
		if l.key != m.Key {
			continue
		}
		if !l.open(m.From) {
			continue
		}
		known = true
		for i := range l.asked { // asked again, it has answered that too
			if x := &l.asked[i]; x.Floodfill == m.From && x.Answer == NoAnswer {
				x.Answer, x.Took, x.Peers = Named, now.Sub(x.At), len(m.Peers)
			}
		}
		l.answers++
		peers := m.Peers[:min(len(m.Peers), maxNamed)]
		if l.kind == i2np.LookupExploration {
			s.explored(now, l, m.From, peers, &out)
		} else {
			s.follow(now, l, m.From, peers, &out)
		}
		s.advance(now, l, &out)
	}
	if !known {
		s.stats.Unasked++
	}
	return out
}

// open tells whether a floodfill was asked and has not answered.
func (l *lookup) open(floodfill i2p.Hash) bool {
	return slices.ContainsFunc(l.asked, func(a Asked) bool { return a.Floodfill == floodfill && a.Answer == NoAnswer && !a.Unsent })
}

// follow has the RouterInfos of floodfills fetched that are not known yet and
// are closer to the key than those who named them. Those that are known will be
// chosen by themselves when their turn comes.
func (s *Segment) follow(now time.Time, l *lookup, from i2p.Hash, peers []i2p.Hash, out *Out) {
	if !l.follows(s) {
		return
	}
	routingKey := RoutingKey(l.key, now)
	for _, h := range peers {
		if l.needs >= maxNeeds {
			return
		}
		if h == s.cfg.DB.cfg.Self || s.cfg.DB.records.heard(h) || slices.Contains(l.awaited, h) || h == l.key {
			continue
		}
		if closest := s.cfg.DB.closestFloodfills(now, l.key, 3, nil); len(closest) == 3 && !closer(routingKey, h, closest[2]) {
			continue // it would not be asked any sooner than those we know
		}
		l.needs++
		l.awaited = append(l.awaited, h)
		s.need(now, Need{h, from}, out)
	}
}

// follows: the fetching of a RouterInfo that a lookup needs does not itself
// lead to more of them.
func (l *lookup) follows(s *Segment) bool {
	return !slices.ContainsFunc(s.lookups, func(o *lookup) bool { return o != l && slices.Contains(o.awaited, l.key) })
}

func (s *Segment) need(now time.Time, n Need, out *Out) {
	if s.cfg.Destination {
		out.Needs = append(out.Needs, n)
		return
	}
	_, more := s.Fetch(now, n)
	out.add(more)
}

// explored takes the routers that an exploration named, and has the new ones fetched.
func (s *Segment) explored(now time.Time, l *lookup, from i2p.Hash, peers []i2p.Hash, out *Out) {
	for _, h := range peers {
		if len(l.found) < maxFound && h != s.cfg.DB.cfg.Self && !s.cfg.DB.records.heard(h) && !slices.Contains(l.found, h) {
			l.found = append(l.found, h)
			s.need(now, Need{h, from}, out)
		}
	}
}
