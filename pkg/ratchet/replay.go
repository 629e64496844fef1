package ratchet

import "time"

// replays remembers the ephemeral keys of New Session messages for as long
// as their DateTime could be accepted. Two generations keep it bounded.
type replays struct {
	limit     int // of both generations
	began     time.Time
	cur, last map[[32]byte]struct{}
}

func newReplays(limit int) replays {
	return replays{limit: limit, cur: map[[32]byte]struct{}{}}
}

// seen reports whether the key was added before.
func (r *replays) seen(key [32]byte) bool {
	if _, ok := r.cur[key]; ok {
		return true
	}
	_, ok := r.last[key]
	return ok
}

// add remembers a key, or reports false when there is no room: then the
// message must be refused, or it could be replayed.
func (r *replays) add(now time.Time, key [32]byte) bool {
	if now.Sub(r.began) > maxPast+maxFuture {
		r.last, r.cur, r.began = r.cur, map[[32]byte]struct{}{}, now
	}
	if len(r.cur)+len(r.last) >= r.limit {
		return false
	}
	r.cur[key] = struct{}{}
	return true
}

// bucket limits a rate: it fills with rate tokens a second up to twice that.
type bucket struct {
	rate   float64
	tokens float64
	last   time.Time
}

func (b *bucket) take(now time.Time) bool {
	if b.last.IsZero() {
		b.tokens = 2 * b.rate
	} else if d := now.Sub(b.last).Seconds(); d > 0 {
		b.tokens = min(2*b.rate, b.tokens+d*b.rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
