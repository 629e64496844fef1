package simtest

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/control/server"
)

// TestLostHop: the host that carries the most is cut off, and tells nobody. Of
// tunnels of two hops most lead through it, as there are but four.
func TestLostHop(t *testing.T) {
	long(t)
	for hops, limit := range map[int]time.Duration{1: 4 * time.Second, 2: 6 * time.Second} {
		outages(t, 10, hops, limit, func(t *testing.T, w *world, s server.Stream) time.Duration {
			w.net.Isolate(w.busiest(t, 5))
			return longest(t, s, time.Minute)
		})
	}
}
