// Package bucket limits rates by token buckets.
package bucket

import "time"

// Bucket has tokens, which come back with time. Its rate and size are told with each call, so
// that thousands of buckets cost little; the zero value is full.
type Bucket struct {
	tokens float64
	at     int64 // nanoseconds; 0 before the first call
}

// Take takes n tokens, where rate of them come a second and burst are there at most. It
// reports false, and takes none, where there are fewer. A clock that is set back gives none.
func (b *Bucket) Take(now time.Time, n, rate, burst float64) bool {
	b.tokens, b.at = b.left(now, rate, burst), max(b.at, now.UnixNano())
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// Left is how many tokens there are.
func (b *Bucket) Left(now time.Time, rate, burst float64) float64 { return b.left(now, rate, burst) }

// Full reports whether the bucket is as good as a new one.
func (b *Bucket) Full(now time.Time, rate, burst float64) bool {
	return b.left(now, rate, burst) >= burst
}

func (b *Bucket) left(now time.Time, rate, burst float64) float64 {
	if b.at == 0 {
		return burst
	}
	passed := time.Duration(max(now.UnixNano()-b.at, 0))
	return min(burst, b.tokens+passed.Seconds()*rate)
}
