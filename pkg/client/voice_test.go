package client

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/options"
)

// TestExpirationsTellNoClock: what is written at one moment does not expire at one, and what
// two destinations write expires after another time on average.
func TestExpirationsTellNoClock(t *testing.T) {
	now := time.UnixMilli(1767225600123)
	const messages = 2000
	var averages []time.Duration
	for n := range byte(2) {
		v := newVoice(draw.Seeded([32]byte{n}), options.Options{})
		seen, sum := map[time.Duration]bool{}, time.Duration(0)
		for range messages {
			life := v.message(now, i2np.DataType, nil).Expiration.Time().Sub(now)
			if life < messageLife/2 || life > messageLife {
				t.Fatalf("it lives for %v", life)
			}
			seen[life], sum = true, sum+life
		}
		if len(seen) < messages/2 {
			t.Errorf("%d different lives of %d messages", len(seen), messages)
		}
		averages = append(averages, sum/messages)
	}
	if apart := (averages[0] - averages[1]).Abs(); apart < time.Second {
		t.Errorf("averages of %v", averages)
	}
}
