package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// doubts are the routers that seem to have gone: the hops of tunnels whose
// tests failed, until they prove themselves or some time has passed.
type doubts map[i2p.Hash]doubt

type doubt struct {
	until    time.Time
	failures int
}

const doubtLife = time.Minute

// holds reports whether one of some hops is in doubt.
func (d doubts) holds(now time.Time, hops []i2p.Hash) bool {
	return len(d) > 0 && slices.ContainsFunc(hops, func(h i2p.Hash) bool { return now.Before(d[h].until) })
}

// worst is how often that of some hops has failed which has most often.
func (d doubts) worst(now time.Time, hops []i2p.Hash) (most int) {
	for _, h := range hops {
		if x := d[h]; now.Before(x.until) {
			most = max(most, x.failures)
		}
	}
	return most
}

// above are those that have failed more often than so many times, and the most
// that any has.
func (d doubts) above(now time.Time, failures int) (out map[i2p.Hash]struct{}, most int) {
	out = make(map[i2p.Hash]struct{}, len(d))
	for h, x := range d {
		if !now.Before(x.until) {
			delete(d, h)
			continue
		}
		if most = max(most, x.failures); x.failures > failures {
			out[h] = struct{}{}
		}
	}
	return out, most
}

// add notes a failure.
func (d doubts) add(now time.Time, h i2p.Hash) {
	x := d[h]
	if !now.Before(x.until) {
		x.failures = 0
	}
	d[h] = doubt{now.Add(doubtLife), x.failures + 1}
}

// trust ends the doubts in hops of a tunnel that works.
func (d doubts) trust(hops []i2p.Hash) {
	for _, h := range hops {
		delete(d, h)
	}
}
