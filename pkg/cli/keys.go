package cli

import (
	"fmt"
	"time"
)

// keyWarning is how long before its end a transient key is spoken of.
const keyWarning = 7 * 24 * time.Hour

// KeyEnds says that a transient key does soon, or has; nothing of one that lasts.
func KeyEnds(at *time.Time, now time.Time) string {
	switch {
	case at == nil || at.Sub(now) > keyWarning:
		return ""
	case now.Before(*at):
		return fmt.Sprintf("its transient key expires at %s: nobody reaches it then, unless i2p-keygen offline makes another one in time", at.Format(time.RFC3339))
	}
	return fmt.Sprintf("its transient key has expired, at %s: nobody reaches it before i2p-keygen offline makes another one", at.Format(time.RFC3339))
}
