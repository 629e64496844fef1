package ssu2

import "time"

// once remembers, for a while and up to a bound, how often something was
// seen: the ephemeral keys of Session Requests, and the tokens that were used
// (SSU2, Replay Prevention). It is two generations: a key lives for one
// lifetime at least, and beyond the bound the older half is forgotten.
type once[K comparable] struct {
	lifetime time.Duration
	limit    int
	rotated  time.Time
	now, old map[K]int
}

func newOnce[K comparable](lifetime time.Duration, limit int) *once[K] {
	return &once[K]{lifetime: lifetime, limit: limit, now: map[K]int{}}
}

// seen is how often the key was added.
func (o *once[K]) seen(key K) int { return o.now[key] + o.old[key] }

// add counts the key.
func (o *once[K]) add(now time.Time, key K, n int) {
	if since := now.Sub(o.rotated); since >= o.lifetime || since < 0 || len(o.now) >= max(o.limit/2, 1) {
		o.old, o.now = o.now, make(map[K]int)
		if since >= 2*o.lifetime {
			o.old = nil
		}
		o.rotated = now
	}
	o.now[key] += n
}
