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
