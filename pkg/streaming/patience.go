package streaming

// patience is the retransmission timer.
type patience struct {
	from     instant // when the waiting began
	timeouts int     // in a row
	since    instant // when the first of them began
	probed   bool    // the tail was probed since the last progress
}

// renew begins anew, as the peer has let something through.
func (p *patience) renew(now instant) { *p = patience{from: now, since: p.since} }

// end counts a timeout of what began at a time.
func (p *patience) end(from instant) {
	if p.timeouts++; p.timeouts == 1 {
		p.since = from
	}
}
