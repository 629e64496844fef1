package origin

import "net/netip"

// Crowd counts what each network holds of something that there is little of. The zero value
// holds nothing.
type Crowd struct{ held map[netip.Prefix]int }

// Add adds to what the networks hold, or takes away. It does nothing where they are not known.
func (c *Crowd) Add(n Networks, much int) {
	if !n.Known() {
		return
	}
	if c.held == nil {
		c.held = make(map[netip.Prefix]int)
	}
	for _, p := range n {
		if c.held[p] += much; c.held[p] == 0 {
			delete(c.held, p)
		}
	}
}

// Held is what a network holds.
func (c *Crowd) Held(p netip.Prefix) int { return c.held[p] }

// Len is how many networks hold something.
func (c *Crowd) Len() int { return len(c.held) }

// weights are how much a neighbour counts, by the narrowest network that it shares: one of the
// same host is one of the same owner, one of the same /16 only may be anybody's.
var weights = [Steps]int{16, 4, 1}

// Press tells how crowded it is about an address, to be compared with others: whoever holds
// much, on one host or spread over a network, is in the way first. It is 0 where nothing is
// held, or the networks are not known.
func (c *Crowd) Press(n Networks) (press int) {
	for i, p := range n {
		press += weights[i] * c.held[p]
	}
	return press
}
