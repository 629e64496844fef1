//go:build !unix

package processors

import "time"

// used does not know.
func used() (time.Duration, bool) { return 0, false }
