package streaming

// flight is the packets that wait for acknowledgement.
type flight struct {
	una, nxt uint32    // the oldest sequence number unacknowledged, the next new one
	segs     []segment // una and following, from head on
	head     int
	inflight int    // sent, neither acknowledged nor lost
	lost     int    // to be sent again
	highest  uint32 // one beyond the highest acknowledged
	holes    int    // unacknowledged below highest
}

// segment is a packet with a sequence number. What the peer has is empty and
// acked until all before it are too.
type segment struct {
	seq   uint32
	data  []byte
	flags Flags // Synchronize, Close
	acked bool
	lost  bool
	sends int

	order  uint64 // of the last transmission
	sentAt instant
	mark   mark
}

// outstanding are the segments from una on.
func (f *flight) outstanding() []segment { return f.segs[f.head:] }

// empty reports whether all was acknowledged.
func (f *flight) empty() bool { return f.una == f.nxt }

// idle reports whether nothing is under way, nor to be sent again.
func (f *flight) idle() bool { return f.inflight+f.lost == 0 }

// onlyEnd reports whether nothing but an empty packet, that of CLOSE, is
// unacknowledged.
func (f *flight) onlyEnd() bool {
	segs := f.outstanding()
	return len(segs) == 1 && len(segs[0].data) == 0
}

// add takes in the next packet.
func (f *flight) add(g segment) *segment {
	if f.head > 64 && f.head > len(f.segs)/2 {
		k := copy(f.segs, f.segs[f.head:])
		clear(f.segs[k:])
		f.segs, f.head = f.segs[:k], 0
	}
	f.segs = append(f.segs, g)
	f.nxt++
	return &f.segs[len(f.segs)-1]
}

// sent counts a transmission.
func (f *flight) sent(g *segment) {
	switch {
	case g.lost:
		g.lost = false
		f.lost--
		f.inflight++
	case g.sends == 0:
		f.inflight++
	}
	g.sends++
}

// lose takes a packet that is in flight for lost.
func (f *flight) lose(g *segment) {
	g.lost = true
	f.lost++
	f.inflight--
}

// loseBefore takes for lost all that was sent before a time.
func (f *flight) loseBefore(at instant) {
	segs := f.outstanding()
	for i := range segs {
		if g := &segs[i]; !g.acked && !g.lost && g.sentAt < at {
			f.lose(g)
		}
	}
}

// loseSYN takes our SYN for lost if it was sent before a time and is still in
// flight, and reports whether that is so.
func (f *flight) loseSYN(before instant) bool {
	if f.una != 0 || f.nxt == 0 {
		return false
	}
	g := &f.outstanding()[0]
	if g.lost || g.acked || g.sentAt >= before {
		return false
	}
	f.lose(g)
	return true
}

// acknowledge notes that the peer has a packet, and reports whether that was
// taken for lost.
func (f *flight) acknowledge(g *segment) (wasLost bool) {
	f.highest = max(f.highest, g.seq+1)
	g.acked = true
	if !g.lost {
		f.inflight--
		return false
	}
	g.lost = false
	f.lost--
	return true
}

// advance drops what was acknowledged up to the first packet that was not, and
// counts the holes behind that.
func (f *flight) advance() {
	for f.head < len(f.segs) && f.segs[f.head].acked {
		f.segs[f.head] = segment{}
		f.head++
		f.una++
	}
	f.holes = 0
	if f.highest > f.una {
		for _, g := range f.outstanding()[:f.highest-f.una] {
			if !g.acked {
				f.holes++
			}
		}
	}
}

func (f *flight) nextLost() *segment {
	if f.lost == 0 {
		return nil
	}
	segs := f.outstanding()
	for i := range segs {
		if segs[i].lost {
			return &segs[i]
		}
	}
	return nil
}

// oldest is the first segment that waits for its acknowledgement.
func (f *flight) oldest() *segment {
	segs := f.outstanding()
	for i := range segs {
		if !segs[i].acked {
			return &segs[i]
		}
	}
	return nil
}

// newest is the last.
func (f *flight) newest() *segment {
	segs := f.outstanding()
	for i := len(segs) - 1; i >= 0; i-- {
		if !segs[i].acked {
			return &segs[i]
		}
	}
	return nil
}

// release gives back the buffers of what waits, at the end of the stream.
func (f *flight) release(m *memory) {
	for _, g := range f.outstanding() {
		m.putUnacked(g.data)
	}
	f.segs, f.head, f.lost, f.inflight = nil, 0, 0, 0
	f.una = f.nxt
}
