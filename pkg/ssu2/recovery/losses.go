package recovery

import (
	"math"
	"time"
)

// losses weighs what was lost against what arrived.
type losses struct {
	arrived, gone float64 // bytes, in about two rounds
	until         time.Duration
}

// muchLost is the share of losses that is congestion, queue or none: of a line that
// drops what is too much for it at once.
const muchLost = 0.1

// heavy reports whether so much was lost that no chance explains it.
func (l *losses) heavy(now time.Duration, c *control) bool {
	n := (l.gone + l.arrived) / c.mss
	heavy := l.gone/c.mss > muchLost*n+2*math.Sqrt(muchLost*n)+2
	if heavy && l.until < c.since { // a part of it was answered
		heavy = l.until == 0
	}
	l.until = now
	if heavy {
		*l = losses{until: now}
		return true
	}
	l.arrived /= 2
	l.gone /= 2
	return false
}

// undo is what the answer to losses changed, for the case that they were none.
type undo struct {
	window, gone, late float64
	cubic              cubic
	slow               bool
}

// lost takes losses, the newest of which was sent at an instant.
func (c *control) lost(now time.Duration, bytes int, sent time.Duration) {
	if sent <= c.since {
		c.undo.gone += float64(bytes)
		return
	}
	c.losses.gone += float64(bytes)
	if !c.trip.congested() || c.slow && !c.trip.queued() {
		return
	}
	c.undo = undo{window: c.window, cubic: c.cubic, slow: c.slow, gone: float64(bytes)}
	c.congestion(now, sent)
}

// late is told that what was taken for lost has arrived.
func (c *control) late(_ time.Duration, bytes int) {
	c.losses.gone = max(c.losses.gone-float64(bytes), 0)
	c.losses.arrived += float64(bytes)
	u := &c.undo
	if u.late += float64(bytes); u.window == 0 || u.late < u.gone {
		return
	}
	if c.window < u.window {
		c.window, c.cubic, c.slow = u.window, u.cubic, u.slow
	}
	c.undo = undo{}
	c.clamp()
}
