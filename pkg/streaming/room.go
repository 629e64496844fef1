package streaming

import "time"

// pool counts what all streams of a Mux have received and nobody has read yet. Three
// quarters of it any stream may take; the rest is there for the first bytes of each, so that
// none ever stands still because of others.
type pool struct {
	now     instant // of the present call of the Mux
	bytes   int
	shared  int // of these, as many as any stream may take
	first   int // bytes of a stream that are taken in any case
	holders []*holding
	asked   instant // when the owner was last asked what was read
}

// holding is what one stream has of a pool.
type holding struct {
	pool  *pool
	peer  *peer
	conn  *Conn
	bytes int
	since instant // when the application last read, or the holding began
	at    int     // one more than its index among the holders
}

const (
	// staleAfter is how long an application has not read before its stream can be
	// given up for others.
	staleAfter = 5 * time.Second
	askPause   = 10 * time.Millisecond
	leastFirst = 4 // packets
)

func newPool(l Limits) pool {
	p := pool{shared: l.Memory/4*3 + l.Memory%4}
	p.first = max((l.Memory-p.shared)/max(l.Streams, 1), leastFirst*minMTU)
	return p
}

// fits reports whether any stream may have so many bytes more.
func (p *pool) fits(n int) bool { return p.bytes <= p.shared-n }

func (h *holding) add(n int) {
	if n > 0 && h.at == 0 {
		h.pool.holders = append(h.pool.holders, h)
		h.at, h.since = len(h.pool.holders), h.pool.now
	}
	h.count(n)
}

// remove takes what is held no more.
func (h *holding) remove(n int) {
	h.count(-n)
	if h.bytes > 0 || h.at == 0 {
		return
	}
	all := h.pool.holders
	last := all[len(all)-1]
	all[h.at-1], last.at = last, h.at
	all[len(all)-1] = nil
	h.pool.holders, h.at = all[:len(all)-1], 0
}

func (h *holding) count(n int) {
	h.bytes += n
	h.pool.bytes += n
	h.peer.held += n
}

// read is remove for what the application has read.
func (h *holding) read(n int) {
	h.since = h.pool.now
	h.remove(n)
}

// stalest is whose application has left most unread for longest; a peer of which much is
// held answers with any of its streams. It is nobody of a peer that holds less than the one
// that asks. nil: there is none.
func (p *pool) stalest(asker *Conn) (worst *Conn) {
	most := 0.0
	for _, h := range p.holders {
		stale := p.now - h.since
		if h.conn == asker || stale < staleAfter || h.peer != asker.peer && h.peer.held <= asker.peer.held {
			continue
		}
		if score := stale.Seconds() * float64(h.peer.held); score > most {
			worst, most = h.conn, score
		}
	}
	return worst
}

// room reports whether a stream may keep n bytes more, which come in their turn or ahead of
// it. Where there is none left the owner is asked what was read by now, and then streams whose
// applications do not read are given up.
func (m *Mux) room(now instant, c *Conn, n int, turn bool) bool {
	p := &m.memory.received
	if p.fits(n) {
		return true
	}
	if now-p.asked >= askPause {
		p.asked = now
		for i := len(p.holders) - 1; i >= 0; i-- { // one that has read all leaves its place to the last
			o := p.holders[i].conn
			if k := m.cfg.Events.Consumed(o); k > 0 {
				o.Read(k)
			}
		}
	}
	for !p.fits(n) {
		o := p.stalest(c)
		if o == nil {
			has := c.rcv.holds.bytes
			if turn { // what it was missing for can be read then, and is held no more
				has = c.rcv.intake.unread
			}
			return has+n <= p.first
		}
		m.counters.Unread++
		o.forfeit()
	}
	return true
}

// forfeit gives up a stream with all that was not read of it.
func (c *Conn) forfeit() {
	c.m.cfg.Events.Discard(c)
	if c.state != lingering {
		c.abort(ErrUnread)
	}
	c.rcv.intake.release()
}

// How long nothing was said on a stream that gives its place to another: one of several of
// its peer's, or its only one.
const (
	idleOfMany = 10 * time.Second
	idleOfFew  = time.Minute
)

// idlest is the stream that gives its place to one of a peer who has so many: of the peer
// that opened most, of those on which we have said nothing where there are any, the one
// that was idle longest. nil: there is none.
func (s *streams) idlest(now instant, count int) (worst *Conn) {
	for _, c := range s.byID {
		least := idleOfFew
		if c.peer.streams > count+1 {
			least = idleOfMany
		}
		if c.incoming && c.state == open && c.peer.streams > count && now-c.saidAt() >= least && (worst == nil || c.before(worst)) {
			worst = c
		}
	}
	return worst
}

// saidAt is when something was last said on a stream, by either end.
func (c *Conn) saidAt() instant { return max(c.rcv.lull.newAt, c.snd.delivery.at) }

// before reports whether a stream gives its place before another does.
func (c *Conn) before(o *Conn) bool {
	mute, other := c.stats.Sent == 0, o.stats.Sent == 0
	switch {
	case c.peer.streams != o.peer.streams:
		return c.peer.streams > o.peer.streams
	case mute != other:
		return mute
	case c.saidAt() != o.saidAt():
		return c.saidAt() < o.saidAt()
	}
	return c.localID < o.localID
}

// makePlace ends an idle stream in favour of one of a peer who has so many.
func (m *Mux) makePlace(now instant, count int) bool {
	c := m.streams.idlest(now, count)
	if c == nil {
		return false
	}
	m.counters.Idle++
	c.abort(ErrLimit)
	return true
}
