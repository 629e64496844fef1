package simtest

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/client"
)

// TestLeaseSetsOfAnHour: a lease set is not made anew for every tunnel that
// comes or goes.
func TestLeaseSetsOfAnHour(t *testing.T) {
	long(t)
	simulate(t, worldConfig{routers: 12, seed: 21}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		const tunnels = 3
		c := open(t, w.nodes[11], 2, tunnels)
		ready(t, c, time.Minute)
		time.Sleep(time.Minute)
		count := func() uint64 { return c.(interface{ Stats() client.Stats }).Stats().LeaseSets }
		before := count()
		time.Sleep(time.Hour)
		n := count() - before
		// A tunnel lasts for eight minutes and a half: if each were announced
		// by itself, and its end too, that would be some 40. In other networks
		// like this one it is 13 to 21.
		if n < 6 || n > 24 {
			t.Errorf("%d lease sets in an hour, with %d tunnels", n, tunnels)
		}
		t.Logf("%d lease sets in an hour", n)
	})
}
