package netdb

import "i2ptoolkit/pkg/origin"

// crowds counts the routers of each network, by how wide it is.
type crowds [origin.Steps]map[origin.Host]int32

func newCrowds() (c crowds) {
	for step := range c {
		c[step] = make(map[origin.Host]int32)
	}
	return c
}

func (c *crowds) add(h origin.Host, n int32) {
	for step := range c {
		at := h.Within(step)
		if c[step][at] += n; c[step][at] <= 0 {
			delete(c[step], at)
		}
	}
}

func (c *crowds) room(h origin.Host, limits [origin.Steps]int) bool {
	for step, limit := range limits {
		if int(c[step][h.Within(step)]) >= limit {
			return false
		}
	}
	return true
}
