// Package quota counts what somebody does against how often it may be done.
package quota

import "time"

// Rate is how often something may be done in a time. With a Most of 0 there is no limit.
type Rate struct {
	Most int
	In   time.Duration
}

// Counter counts against several rates, which are told with each call: so thousands of counters cost little. The
// zero value has counted nothing.
type Counter struct{ windows []window }

// window counts since its beginning.
type window struct {
	begun time.Time
	n     int
}

// Take counts one more, unless that would be more than a rate allows: then it reports false, and counts nothing.
func (c *Counter) Take(now time.Time, rates []Rate) bool {
	if len(c.windows) != len(rates) { // others than before
		c.windows = make([]window, len(rates))
	}
	for i, r := range rates {
		w := &c.windows[i]
		if now.Sub(w.begun) >= r.In {
			*w = window{begun: now}
		}
		if r.Most > 0 && w.n >= r.Most {
			return false
		}
	}
	for i := range c.windows {
		c.windows[i].n++
	}
	return true
}

// Idle tells whether nothing that was counted is of any matter now.
func (c *Counter) Idle(now time.Time, rates []Rate) bool {
	for i, w := range c.windows {
		if i < len(rates) && rates[i].Most > 0 && now.Sub(w.begun) < rates[i].In {
			return false
		}
	}
	return true
}

// How often visitors are looked through for those that can be forgotten: while there is room for more, and
// while there is none.
const (
	sweepEvery     = time.Minute
	sweepEveryFull = time.Second
)

// Visitors is what is remembered of each peer, of so many at most.
type Visitors[K comparable, V any] struct {
	Most  int
	all   map[K]*V
	swept time.Time
}

// Of finds what is remembered of a peer, or begins to. Those that are idle are forgotten. It is nil where there
// are too many: so many peers at once are one flood.
func (v *Visitors[K, V]) Of(now time.Time, peer K, idle func(*V) bool) *V {
	if have := v.all[peer]; have != nil {
		return have
	}
	if since := now.Sub(v.swept); since >= sweepEvery || len(v.all) >= v.Most && since >= sweepEveryFull {
		v.swept = now
		for k, one := range v.all {
			if idle(one) {
				delete(v.all, k)
			}
		}
	}
	if len(v.all) >= v.Most {
		return nil
	}
	if v.all == nil {
		v.all = make(map[K]*V)
	}
	one := new(V)
	v.all[peer] = one
	return one
}

// Len is how many are remembered.
func (v *Visitors[K, V]) Len() int { return len(v.all) }
