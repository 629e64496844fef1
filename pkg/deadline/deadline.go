// Package deadline compares the times at which something is due, the zero time being never.
package deadline

import "time"

// Earliest is the first of two times that are not zero.
func Earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Rest is how long the timer of a loop runs that may rest for d: a moment at least. A timer that
// has run out when it is waited for runs in the goroutine that waits, and in a bubble of
// testing/synctest that may be while others of the bubble's timers run elsewhere: the race
// detector takes both for one thread, and breaks down (Go 1.26: "ThreadSanitizer: CHECK failed").
func Rest(d time.Duration) time.Duration { return max(d, 1) }
