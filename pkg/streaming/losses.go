package streaming

// losses bounds what may be in flight where more is lost than tunnels lose by
// themselves.
type losses struct {
	high            float64 // what may be in flight; 0 is no bound
	raise           float64 // by how much it is raised next
	delivered, lost float64 // this round
	most            float64 // in flight this round
	share           float64 // lost in the last round
	cutAt           instant // when high was last lowered
	undo            undo
}

const lossLimit = 0.06

// undo is what heavy losses changed, for the case that they were none.
type undo struct {
	lost, late float64
	high       float64
	filled     bool
}

func (l *losses) count(a ack) {
	l.delivered += a.packets
	l.lost += a.lost
	l.most = max(l.most, a.inflight+a.packets)
}

// endRound reports whether too much was lost in a round.
func (l *losses) endRound(now instant, c *control) (heavy bool) {
	l.share = l.lost / max(l.lost+l.delivered, 1)
	heavy = l.lost >= 4 && l.share > lossLimit
	switch {
	case heavy:
		l.undo = undo{lost: l.lost, high: l.high, filled: c.ramp.filled}
		high := l.most
		if l.high > 0 {
			high = min(high, l.high)
		}
		l.high = max(0.6*high, minWindow)
		if c.mode == startup { // it sends twice what the path takes
			l.high = max(l.high, min(high, c.product(1)))
		}
		l.raise, l.cutAt = 1, now
	case l.high > 0 && l.most >= 0.8*l.high:
		// Carefully at first, and the same for all who share the bottleneck,
		// so that their shares converge; faster while nothing is in the way.
		l.high += min(l.raise, max(l.high/4, 1))
		l.raise *= 2
	}
	l.delivered, l.lost, l.most = 0, 0, 0
	return heavy
}

// onLate is told that a packet which was taken for lost was only late, or had come long ago and could not be named.
func (c *control) onLate(now instant, old bool) {
	c.arrivedLate(old)
	l := &c.loss
	l.lost = max(l.lost-1, 0)
	u := &l.undo
	if u.late++; u.lost == 0 || u.late < u.lost/2 {
		return
	}
	l.high = u.high
	if c.ramp.filled && !u.filled && c.ramp.flat < 3 {
		c.ramp.filled = false
		c.enter(now, startup)
	}
	*u = undo{}
}
