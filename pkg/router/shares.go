package router

import (
	"cmp"
	"sort"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

// shares are what each source holds of the tunnels that we carry. While there is
// room nobody is refused. When it becomes scarce, a host may hold as much as is
// left for others, and where that is little, tunnels of those who hold the most
// give way, unused ones first: whoever comes new finds room, however many came
// before.
//
// Sources are hosts and the networks about them, not the routers that handed us
// the requests: one host has as many of these as it likes.
type shares struct {
	crowd  origin.Crowd  // by weight
	list   []*transitHop // in the order of their expiry
	looked time.Time
}

// A tunnel that carries nothing weighs as much as several that do.
const (
	idleWeight   = 4
	livelyWeight = 1
	idleAfter    = 2 * time.Minute
	lookEvery    = 10 * time.Second
)

func (s *shares) add(h *transitHop) {
	h.weight = idleWeight
	s.list = append(s.list, h)
	s.crowd.Add(h.networks, h.weight)
}

func (s *shares) remove(h *transitHop) {
	i := sort.Search(len(s.list), func(i int) bool { return !s.list[i].expires.Before(h.expires) })
	for s.list[i] != h {
		i++
	}
	last := len(s.list) - 1
	copy(s.list[i:], s.list[i+1:])
	s.list[last] = nil
	s.list = s.list[:last]
	s.crowd.Add(h.networks, -h.weight)
}

// fits reports whether a source may have one more of limit tunnels, with nobody
// giving way.
func (s *shares) fits(from origin.Networks, limit int) bool {
	left := limit - len(s.list)
	return left > limit/4 || s.crowd.Held(from.Host()) < left*idleWeight
}

// modest reports whether a source holds so little of limit tunnels that it is not
// its own fault where it gets no more.
func (s *shares) modest(from origin.Networks, limit int) bool {
	return s.crowd.Held(from.Host()) <= max(1, limit/modestShare)*idleWeight
}

const modestShare = 200

// drawn is how many tunnels are looked at to find one that gives way: those who
// hold the most are among them.
const drawn = 64

// givesWay is the tunnel to drop for one more of a source: of those looked at, of
// whoever holds the most, the one that was unused the longest. It is nil where
// nobody holds more than this source would, or for one that is used, twice that.
func (s *shares) givesWay(now time.Time, random *draw.Source, from origin.Networks) (worst *transitHop) {
	if len(s.list) == 0 {
		return nil
	}
	most := 0
	for range drawn {
		h := s.list[random.Below(len(s.list))]
		press := s.crowd.Press(h.networks)
		if worst == nil || cmp.Or(cmp.Compare(most, press), h.used.Compare(worst.used)) < 0 {
			worst, most = h, press
		}
	}
	s.crowd.Add(from, idleWeight)
	would := s.crowd.Press(from)
	s.crowd.Add(from, -idleWeight)
	if worst.lively(now) {
		would *= 2
	}
	if most <= would {
		return nil
	}
	return worst
}

// lively reports whether the tunnel carried something of late.
func (h *transitHop) lively(now time.Time) bool {
	return h.messages > 0 && now.Sub(h.used) < idleAfter
}

// look weighs all tunnels anew, now and then, and returns the routers next to us
// in those that are lively; nil where it is not time yet.
func (s *shares) look(now time.Time) map[i2p.Hash]struct{} {
	if now.Sub(s.looked) < lookEvery {
		return nil
	}
	s.looked = now
	next := make(map[i2p.Hash]struct{})
	for _, h := range s.list {
		weight := idleWeight
		if h.lively(now) {
			weight = livelyWeight
			next[h.from], next[h.next] = struct{}{}, struct{}{}
		}
		if weight != h.weight {
			s.crowd.Add(h.networks, weight-h.weight)
			h.weight = weight
		}
	}
	return next
}
