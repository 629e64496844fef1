package router

import (
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
)

// sourceLimit bounds what each peer may ask of us, and what all of them
// together may: one peer that floods us with tunnel builds uses up its own
// share, not that of the others.
type sourceLimit struct {
	rate, burst       float64 // of each source
	allRate, allBurst float64
	maxSources        int
	sources           map[i2p.Hash]*bucket.Bucket
	all               bucket.Bucket
	forgot            time.Time
}

const maxSources = 8192

func (l *sourceLimit) allow(now time.Time, from i2p.Hash) bool {
	b := l.sources[from]
	if b == nil {
		if len(l.sources) >= l.maxSources && now.Sub(l.forgot) >= time.Second {
			l.forgot = now // a scan for each message would be a flood's best weapon
			l.forget(now)
		}
		if len(l.sources) >= l.maxSources {
			return false
		}
		b = new(bucket.Bucket)
		l.sources[from] = b
	}
	return b.Take(now, 1, l.rate, l.burst) && l.all.Take(now, 1, l.allRate, l.allBurst)
}

// forget drops the sources whose buckets are full again: they are as good as
// new ones.
func (l *sourceLimit) forget(now time.Time) {
	for h, b := range l.sources {
		if b.Full(now, l.rate, l.burst) {
			delete(l.sources, h)
		}
	}
}
