package router

import (
	"time"

	"i2ptoolkit/pkg/i2p"
)

// bucket is a token bucket: rate tokens a second, at most burst of them.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if b.last.IsZero() {
		b.tokens = burst
	} else if d := now.Sub(b.last).Seconds(); d > 0 {
		b.tokens = min(burst, b.tokens+d*rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// sourceLimit bounds what each peer may ask of us, and what all of them
// together may: one peer that floods us with tunnel builds uses up its own
// share, not that of the others.
type sourceLimit struct {
	rate, burst       float64 // of each source
	allRate, allBurst float64
	maxSources        int
	sources           map[i2p.Hash]*bucket
	all               bucket
	forgot            time.Time
	refused           uint64
}

func (l *sourceLimit) allow(now time.Time, from i2p.Hash) bool {
	b := l.sources[from]
	if b == nil {
		if len(l.sources) >= l.maxSources && now.Sub(l.forgot) >= time.Second {
			l.forgot = now // a scan for each message would be a flood's best weapon
			l.forget(now)
		}
		if len(l.sources) >= l.maxSources {
			l.refused++
			return false
		}
		b = new(bucket)
		l.sources[from] = b
	}
	if b.take(now, l.rate, l.burst) && l.all.take(now, l.allRate, l.allBurst) {
		return true
	}
	l.refused++
	return false
}

// forget drops the sources whose buckets are full again: they are as good as
// new ones.
func (l *sourceLimit) forget(now time.Time) {
	for h, b := range l.sources {
		if b.tokens+now.Sub(b.last).Seconds()*l.rate >= l.burst {
			delete(l.sources, h)
		}
	}
}
