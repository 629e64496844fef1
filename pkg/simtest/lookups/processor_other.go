//go:build !unix

package lookups

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
