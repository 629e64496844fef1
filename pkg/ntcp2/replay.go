package ntcp2

import (
	"sync"
	"time"
)

// ReplayCache remembers the ephemeral keys of recent first messages (NTCP2,
// SessionRequest: values live at least twice the clock skew). It is fed only
// with keys whose message authenticated, so that junk does not fill it, and it
// is bounded: beyond the bound the oldest half is forgotten. It is safe for
// concurrent use by the handshakes of one router.
type ReplayCache struct {
	mu       sync.Mutex
	limit    int
	rotated  time.Time
	now, old map[[32]byte]struct{}
}

const (
	replayLifetime = 2 * MaxSkew
	replayLimit    = 1 << 17
)

// NewReplayCache makes a cache of up to limit keys; 0 is a sensible bound.
func NewReplayCache(limit int) *ReplayCache {
	if limit <= 0 {
		limit = replayLimit
	}
	return &ReplayCache{limit: limit, now: map[[32]byte]struct{}{}}
}

// Seen reports whether the key was added within its lifetime.
func (c *ReplayCache) Seen(key [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.has(key)
}

// Add remembers the key, and reports false when it was there already.
func (c *ReplayCache) Add(now time.Time, key [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has(key) {
		return false
	}
	if since := now.Sub(c.rotated); since >= replayLifetime || since < 0 || len(c.now) >= max(c.limit/2, 1) {
		c.old, c.now = c.now, make(map[[32]byte]struct{})
		if since >= 2*replayLifetime {
			c.old = nil
		}
		c.rotated = now
	}
	c.now[key] = struct{}{}
	return true
}

// Len is the number of keys held.
func (c *ReplayCache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.now) + len(c.old)
}

func (c *ReplayCache) has(key [32]byte) bool {
	if _, ok := c.now[key]; ok {
		return true
	}
	_, ok := c.old[key]
	return ok
}
