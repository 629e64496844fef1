package ratchet

import (
	"encoding/binary"
	"time"
)

// replays remembers the ephemeral keys of New Session messages for as long as their
// DateTime could be accepted. It is bounded. Where it is nearly full, as anybody may write
// such messages, fewer dates are accepted, so that less has to be remembered of each: those
// of clocks that are no more wrong than those of routers may be (NTCP2, "Clock skew").
type replays struct {
	limit int
	dated bool // accepts is asked of every date: what is too old for it is forgotten
	size  int
	ages  []age // oldest first
	floor time.Time
}

// age is what came in ageSpan, by the first eight bytes of the keys: they are random, or else
// their sender's own loss.
type age struct {
	began  time.Time
	latest time.Time // of the dates
	keys   map[uint64]struct{}
}

const (
	ageSpan   = 30 * time.Second
	leastSkew = time.Minute // what is accepted in any case
)

func newReplays(limit int, dated bool) replays { return replays{limit: limit, dated: dated} }

func shortKey(key [32]byte) uint64 { return binary.LittleEndian.Uint64(key[:]) }

// seen reports whether the key was added before.
func (r *replays) seen(key [32]byte) bool {
	for i := range r.ages {
		if _, ok := r.ages[i].keys[shortKey(key)]; ok {
			return true
		}
	}
	return false
}

// accepts reports whether a message of that date is not too old, from the future, or maybe
// one that was forgotten.
func (r *replays) accepts(now, date time.Time) bool {
	if !recent(now, date) || !date.After(r.floor) {
		return false
	}
	return r.size <= r.limit/2 || date.Sub(now) <= leastSkew
}

// add remembers a key with the date of its message, or reports false when there is no room:
// then the message must be refused, or it could be replayed.
func (r *replays) add(now time.Time, key [32]byte, date time.Time) bool {
	for len(r.ages) > 0 && now.Sub(r.ages[0].latest) > maxPast {
		r.drop()
	}
	if r.size >= r.limit && r.dated {
		for len(r.ages) > 0 && now.Sub(r.ages[0].latest) > leastSkew {
			if at := r.ages[0].latest; at.After(r.floor) {
				r.floor = at
			}
			r.drop()
		}
	}
	if r.size >= r.limit {
		return false
	}
	if n := len(r.ages); n == 0 || now.Sub(r.ages[n-1].began) >= ageSpan {
		r.ages = append(r.ages, age{began: now, keys: map[uint64]struct{}{}})
	}
	last := &r.ages[len(r.ages)-1]
	if date.After(last.latest) {
		last.latest = date
	}
	r.size -= len(last.keys)
	last.keys[shortKey(key)] = struct{}{}
	r.size += len(last.keys)
	return true
}

// drop forgets the oldest.
func (r *replays) drop() {
	r.size -= len(r.ages[0].keys)
	r.ages[0] = age{}
	r.ages = r.ages[1:]
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
