package router

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
)

// TestExpirationsTellNoClock: what is written at one moment does not expire at one.
func TestExpirationsTellNoClock(t *testing.T) {
	c := &core{rand: draw.Seeded([32]byte{1}), now: time.UnixMilli(1767225600123)}
	seen := map[time.Duration]bool{}
	for range 1000 {
		life := c.message(i2np.DatabaseLookupType, nil).Expiration.Time().Sub(c.now)
		if life < messageLife*3/4 || life > messageLife {
			t.Fatalf("it lives for %v", life)
		}
		seen[life] = true
	}
	if len(seen) < 500 {
		t.Errorf("%d different lives of 1000 messages", len(seen))
	}
}
