package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// doubts are the routers that seem to have gone: the hops of tunnels whose
// tests failed, until they prove themselves or some time has passed.
type doubts map[i2p.Hash]time.Time

const doubtLife = time.Minute

// holds reports whether one of some hops is in doubt.
func (d doubts) holds(now time.Time, hops []i2p.Hash) bool {
	return len(d) > 0 && slices.ContainsFunc(hops, func(h i2p.Hash) bool { return now.Before(d[h]) })
}

// hops are those in doubt.
func (d doubts) hops(now time.Time) map[i2p.Hash]struct{} {
	out := make(map[i2p.Hash]struct{}, len(d))
	for h, until := range d {
		if now.Before(until) {
			out[h] = struct{}{}
		} else {
			delete(d, h)
		}
	}
	return out
}

// trust ends the doubts in hops of a tunnel that works.
func (d doubts) trust(hops []i2p.Hash) {
	for _, h := range hops {
		delete(d, h)
	}
}

// doubt notes that one of some hops seems to have gone. All tunnels through
// them are tested now.
func (r *Router) doubt(hops []i2p.Hash) {
	fresh := slices.DeleteFunc(slices.Clone(hops), func(h i2p.Hash) bool { return r.now.Before(r.doubts[h]) })
	for _, h := range hops {
		r.doubts[h] = r.now.Add(doubtLife)
	}
	for _, p := range r.parties {
		for _, pl := range [...]*pool{p.in, p.out} {
			for _, t := range pl.tunnels {
				if slices.ContainsFunc(t.hops, func(h i2p.Hash) bool { return slices.Contains(fresh, h) }) {
					p.policy.Recheck(r.now, t.ref)
				}
			}
		}
	}
}
