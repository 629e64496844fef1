package streaming

import "time"

// sender holds what waits to be sent and what waits to be acknowledged.
type sender struct {
	backlog backlog

	una, nxt uint32    // the oldest sequence number unacknowledged, the next new one
	segs     []segment // una and following, from head on
	head     int
	inflight int    // sent, neither acknowledged nor lost
	lost     int    // to be sent again
	highest  uint32 // one beyond the highest acknowledged
	holes    int    // unacknowledged below highest
	beyond   uint32 // what the last ack says nothing of
	unnamed  bool   // because it could not

	order       uint64 // of transmissions
	ackedOrder  uint64 // the latest transmission acknowledged
	ackedSentAt instant
	reorder     int // eighths of a round trip by which packets may overtake each other
	lossAt      instant
	delivered   uint64
	deliveredAt instant
	firstSentAt instant
	limitedTo   uint64 // samples up to here are limited by the application

	paceAt      instant // when the next packet may go
	timerFrom   instant // start of the retransmission timer
	timeouts    int     // in a row
	silentSince instant // when the first of them began
	probed      bool    // the tail was probed since the last progress
	force       int     // packets to send without regard to the window
	askAt       instant // when an ack is next asked for

	synAt     instant // until when the SYN waits for data
	choked    bool
	blockedTo uint32  // no new packets until this is acknowledged (gapChoke)
	persistAt instant // when a choked stream sends its next probe
	persist   time.Duration
	farWindow float64 // packets that the peer keeps from the first that it is missing on
	farLearnt float64 // as of its last overflow
	farDelay  byte    // the resend delay of its SYN
	farKnown  bool    // farWindow is more than the specification's
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

	order       uint64
	sentAt      instant
	delivered   uint64 // when it was sent, as the next two
	deliveredAt instant
	firstSentAt instant
	limited     bool
}

const (
	maxHoles = 200 // below what one NACK list can name
	minReach = 16
	// farDefault is a little less than Java keeps: 128 and two (Streaming, "Window
	// Size") of the default size, which are 124 of ours.
	farDefault   = 120
	fullNACKs    = 240
	firstReorder = 2
	maxReorder   = 8
	maxPersist   = 10 * time.Second
	paceBurst    = 2 * time.Millisecond // what a late timer may make up for
	paceQuantum  = 500 * time.Microsecond
)

// finished reports whether all, CLOSE included, was acknowledged.
func (s *sender) finished() bool { return s.backlog.fin == finSent && s.una == s.nxt }

func (s *sender) window(cc *control) float64 { return min(cc.window, s.farWindow) }

// room reports whether the window lets a packet go. Where the peer is missing
// more than it can name nobody knows what is in flight, and until the gaps are
// filled nothing will tell.
func (s *sender) room(cc *control) bool {
	return float64(s.inflight) < s.window(cc) || s.lost > 0 && s.unnamed
}

// release gives back what waits, at the end of the stream.
func (s *sender) release(m *memory) {
	for _, g := range s.outstanding() {
		m.putUnacked(g.data)
	}
	s.backlog.release()
	s.segs, s.head, s.lost, s.inflight = nil, 0, 0, 0
	s.una = s.nxt
}

// outstanding are the segments from una on.
func (s *sender) outstanding() []segment { return s.segs[s.head:] }

// sendSegments sends what the window and the pacing allow, what was lost first.
func (c *Conn) sendSegments(now instant) {
	s := &c.snd
	for c.state != gone {
		forced := s.force > 0
		if !forced && (!s.room(&c.cc) || now < s.paceAt || s.choked) {
			return
		}
		seg := s.nextLost()
		if seg == nil && forced {
			seg = s.newest()
		}
		if seg == nil {
			if !c.mayExtend(now) {
				s.force = 0
				c.markLimited()
				return
			}
			seg = c.extend()
		}
		if forced {
			s.force--
		}
		c.send(now, seg)
	}
}

// markLimited notes that the application, not the path, bounds the rate.
func (c *Conn) markLimited() {
	if s := &c.snd; s.backlog.len() == 0 && s.lost == 0 {
		s.limitedTo = s.delivered + uint64(s.inflight)
	}
}

func (s *sender) nextLost() *segment {
	if s.lost == 0 {
		return nil
	}
	segs := s.outstanding()
	for i := range segs {
		if segs[i].lost {
			return &segs[i]
		}
	}
	return nil
}

// newest is the last segment that waits for its acknowledgement.
func (s *sender) newest() *segment {
	segs := s.outstanding()
	for i := len(segs) - 1; i >= 0; i-- {
		if !segs[i].acked {
			return &segs[i]
		}
	}
	return nil
}

// mayExtend reports whether a new packet may follow.
func (c *Conn) mayExtend(now instant) bool {
	s := &c.snd
	if s.nxt == 0 { // the SYN
		return c.incoming || s.backlog.some() || now >= s.synAt
	}
	if c.state != open || !s.backlog.some() {
		return false
	}
	return s.holes < maxHoles && len(s.outstanding()) < c.reach() && s.una >= s.blockedTo
}

// reach is how many packets may follow one that is not acknowledged: what the
// peer keeps behind a gap, and what there is memory for. All streams share
// that; each may have as much as is left, so that there is always some.
func (c *Conn) reach() int {
	room := max((c.m.cfg.Limits.Unacked-c.m.memory.unacked)/c.m.cfg.MTU, minReach)
	return min(int(c.snd.farWindow), c.m.cfg.MaxWindow, room)
}

// extend makes the next packet out of the backlog.
func (c *Conn) extend() *segment {
	s := &c.snd
	size := c.mtu
	seg := segment{seq: s.nxt}
	if s.nxt == 0 {
		seg.flags = Synchronize
		size = min(size, defaultMTU) // the peer's is not known (proposal 155, case 5)
	}
	n := min(size, s.backlog.len())
	if n > 0 {
		seg.data = s.backlog.next(c.m.memory.getUnacked(), n)
	}
	if s.backlog.endsHere() {
		seg.flags |= Close
	}
	c.stats.Sent += uint64(n)
	if s.head > 64 && s.head > len(s.segs)/2 {
		k := copy(s.segs, s.segs[s.head:])
		clear(s.segs[k:])
		s.segs, s.head = s.segs[:k], 0
	}
	s.segs = append(s.segs, seg)
	s.nxt++
	return &s.segs[len(s.segs)-1]
}

// send transmits a segment, the first time or again.
func (c *Conn) send(now instant, seg *segment) {
	s := &c.snd
	idle := s.inflight == 0 && s.lost == 0
	if idle {
		s.firstSentAt, s.deliveredAt = now, now
	}
	switch {
	case seg.lost:
		seg.lost = false
		s.lost--
		s.inflight++
	case seg.sends == 0:
		s.inflight++
	}
	if seg.sends > 0 {
		c.stats.Resent++
	}
	seg.sends++
	s.order++
	seg.order, seg.sentAt = s.order, now
	seg.delivered, seg.deliveredAt, seg.firstSentAt = s.delivered, s.deliveredAt, s.firstSentAt
	seg.limited = s.limitedTo >= s.delivered
	if idle || seg.sends > 1 { // new data does not prolong the wait for what is in flight
		s.timerFrom = now
	}
	if gap := c.cc.pacing(c.rtt.smoothed); gap > 0 {
		burst := max(paceBurst, 2*gap)
		s.paceAt = max(s.paceAt, now-burst) + gap
	}
	c.emitSegment(now, seg)
}

// emitSegment writes a segment's packet.
func (c *Conn) emitSegment(now instant, seg *segment) {
	s := &c.snd
	p := Packet{
		SendStreamID:    c.remoteID,
		ReceiveStreamID: c.localID,
		SequenceNum:     seg.seq,
		ResendDelay:     byte(min(c.rtt.rto(s.timeouts)/time.Second, 255)),
		Flags:           seg.flags,
		Payload:         seg.data,
	}
	signed := seg.flags != 0
	if seg.flags.Has(Synchronize) {
		p.Flags |= FromIncluded | MaxPacketSizeIncluded
		p.From, p.MaxPacketSize = c.m.dest, uint16(c.m.cfg.MTU)
		p.ResendDelay = max(p.ResendDelay, 1) // learnReach
		if c.incoming {
			p.Flags |= DelayRequested // see HalfCloses
		} else {
			p.NACKs = c.peer.hash[:] // Streaming specification, "Replay prevention"
		}
		if o := c.m.cfg.Keys.Offline; o != nil {
			p.Flags |= OfflineSignature
			p.Offline = o.OfflineSignature
		}
	} else if c.asksAck(now, seg) {
		p.Flags |= DelayRequested
	}
	c.rcv.addTo(&p)
	c.vigil.spoke = now
	c.m.emit(c, &p, signed)
}

// asksAck decides whether a packet asks to be acknowledged without delay: the
// last of what there is, what was sent before, and some in between.
func (c *Conn) asksAck(now instant, seg *segment) bool {
	s := &c.snd
	last := s.backlog.len() == 0 && s.lost == 0 || float64(s.inflight) >= s.window(&c.cc)
	if !last && seg.sends == 1 && now < s.askAt {
		return false
	}
	s.askAt = now + max(c.rtt.smoothed/8, time.Millisecond)
	return true
}

// sendDeadline is when sendSegments or expireSends has something to do.
func (c *Conn) sendDeadline(now instant) instant {
	s := &c.snd
	if s.nxt == 0 {
		return s.synAt
	}
	if s.choked {
		return s.persistAt
	}
	at := s.lossAt
	if s.inflight+s.lost > 0 {
		at = min(at, s.timerFrom+c.timerLength())
	}
	if (s.lost > 0 || c.mayExtend(now)) && s.room(&c.cc) {
		pace := s.paceAt
		if pace > now && c.cc.pacing(c.rtt.smoothed) < paceQuantum {
			pace += paceQuantum // a few packets at once spare wake-ups
		}
		at = min(at, pace)
	}
	return at
}
