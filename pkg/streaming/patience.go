package streaming

// patience is the retransmission timer.
type patience struct {
	from     instant // when the waiting began
	timeouts int     // in a row
	vain     bool    // there was one since the last progress
	since    instant // when the first such began
	probed   bool    // the tail was probed since the last progress
}

// renew begins anew, as the peer has let something through.
func (p *patience) renew(now instant) { *p = patience{from: now} }

// end counts a timeout of what began at a time.
func (p *patience) end(from instant) {
	if p.timeouts++; !p.vain {
		p.vain, p.since = true, from
	}
}

// again has the next timeout be a short one. That the peer is heard, or that there is another
// path, is no progress yet: one that answers all but what is sent to it is given up, too.
func (p *patience) again() { p.timeouts, p.probed = 0, true }

// lives notes that the peer has said why it takes nothing.
func (p *patience) lives() { p.timeouts, p.vain = 0, false }
