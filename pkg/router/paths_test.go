package router

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// TestNoHopInAll: whoever goes takes no more than one of a destination's two tunnels along, where there are hops enough for
// that. Where there are not, it has both all the same.
func TestNoHopInAll(t *testing.T) {
	for _, c := range []struct {
		routers, hops int
		minutes       int
		apart         bool
	}{{7, 1, 10, true}, {9, 3, 1, true}, {4, 2, 1, false}} {
		if racing {
			c.minutes = 1 // the race detector is slow, and the first tunnels show as much
		}
		m := newMesh(t, c.routers, nil)
		m.run(20*time.Second, nil)
		d := m.openDestination(m.routers[0], Shape{Hops: c.hops, Quantity: 2})
		m.run(5*time.Second, nil)
		together, looked := 0, 0
		for range c.minutes * 60 {
			m.run(time.Second, nil)
			for _, way := range []*direction{&d.in, &d.out} {
				through, lasting := map[i2p.Hash]int{}, 0
				for _, tn := range way.tunnels() {
					if tn.Due(m.now) {
						continue
					}
					lasting++
					for _, h := range tn.hops {
						through[h]++
					}
				}
				if lasting < 2 {
					continue
				}
				looked++
				for _, n := range through {
					if n == lasting {
						together++
					}
				}
			}
		}
		if looked == 0 || c.apart && together > 0 {
			t.Errorf("%d routers, %d hops: of %d looks at all tunnels of a direction %d found a hop that each of them has", c.routers, c.hops, looked, together)
		}
	}
}
