package streaming

import "time"

// known is what was known of a path before nothing came back from it.
type known struct {
	control
	from instant // what was sent later is of the path since then
	lost int     // packets given up since
	late int     // of those, which arrived after all
	till uint64  // when so many were delivered nothing of then is on the way

	seen int    // of late
	mark uint64 // how many were delivered with the last of these
}

// onTimeout is told that nothing was acknowledged for a whole RTO, how many
// packets are given up for lost, and how many were delivered before. The second
// time in a row, and where too many are lost for chance, the path is another
// one from now on.
func (c *control) onTimeout(now instant, timeouts, lost int, delivered uint64) {
	if timeouts > 1 || lost >= muchLost {
		c.restart(now, timeouts, lost, delivered)
		c.window = minWindow // until something is heard
		return
	}
	if !c.inTimeout {
		c.prior = c.window
	}
	c.inTimeout = true
	c.window = minWindow
}

// restart begins with startup again. Of the path that was the round trip is
// kept, as a guess: what is sent again tells none. The rate is not, nor the
// window: a new path may be slower, and between routers that had lost each
// other the old one begins with slow start. i2pd drops all that waits, and its
// session, where it is more than 500 messages.
func (c *control) restart(now instant, timeouts, lost int, delivered uint64) {
	before := c.known
	if timeouts <= 1 || before == nil {
		was := *c
		was.known, was.inTimeout = nil, false
		before = &known{control: was}
		if c.inTimeout {
			before.window = c.prior
		}
	}
	before.from = now
	before.lost = max(before.lost, lost)
	before.till = delivered + uint64(lost)
	rtt := c.minRTT
	*c = newControl(c.limit)
	c.known = before
	c.minRTT, c.trip.guess = rtt, rtt > 0
	c.inTimeout, c.prior = true, initialWindow
}

// leastRTT is the shortest round trip; that of the path before as long as what is sent again tells no other.
func (c *control) leastRTT() time.Duration {
	if c.known != nil {
		return c.known.minRTT
	}
	return c.minRTT
}

// arrivedLate is told that a packet which was given up for lost has arrived.
// Where most of them have, the path has only paused, and is known. Half says
// nothing: they may have arrived before, and their acknowledgements are lost. It may
// have arrived long ago, and does not count as delivered now.
func (c *control) arrivedLate(old bool) {
	k := c.known
	if k == nil {
		return
	}
	if old {
		k.seen++
	}
	if k.late++; 4*k.late >= 3*k.lost {
		*c = k.control
	}
}

// filter takes from an ack what is not of the new path: the round trip of what was sent before, and a rate to which that
// contributes.
func (k *known) filter(a *ack) {
	if k.late > k.seen {
		k.seen, k.mark = k.late, a.total
	}
	if a.sentAfter < k.mark || a.sentAt < k.from {
		a.rate = 0
	}
	if a.sentAt < k.from {
		a.rtt = 0
	}
}
