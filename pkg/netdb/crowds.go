package netdb

import "i2ptoolkit/pkg/origin"

// count is how many routers there are of something. Those of whom we were only told may
// say that they are anywhere: they have room beside the others, and take none of theirs.
type count struct{ heard, told int32 }

// before is how many are in the way of one more.
func (c count) before(told bool) int {
	if told {
		return int(c.heard + c.told)
	}
	return int(c.heard)
}

// counts are how many there are of each of many things.
type counts[K comparable] map[K]count

func (m counts[K]) add(k K, told bool, n int32) {
	c := m[k]
	if told {
		c.told += n
	} else {
		c.heard += n
	}
	if m[k] = c; c == (count{}) {
		delete(m, k)
	}
}

// crowds counts the routers of each network, by how wide it is.
type crowds [origin.Steps]counts[origin.Host]

func newCrowds() (c crowds) {
	for step := range c {
		c[step] = make(counts[origin.Host])
	}
	return c
}

func (c *crowds) add(h origin.Host, told bool, n int32) {
	for step := range c {
		c[step].add(h.Within(step), told, n)
	}
}

func (c *crowds) room(h origin.Host, told bool, limits [origin.Steps]int) bool {
	for step, limit := range limits {
		if c[step][h.Within(step)].before(told) >= limit {
			return false
		}
	}
	return true
}
