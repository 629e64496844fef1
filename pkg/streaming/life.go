package streaming

import (
	"time"

	"i2ptoolkit/pkg/tally"
)

// life is how far a stream has come.
type life struct {
	state  state
	parted bool    // nothing more is said in either direction: our CLOSE alone may not be acknowledged yet
	endAt  instant // when an opening, closing or lingering stream is given up
	mostAt instant // no later, where it was broken off
}

type state uint8

const (
	opening state = iota
	open
	lingering // both directions are closed; retransmissions are acknowledged
	gone
)

const (
	// openingTime is how long a peer may take to answer our SYN.
	openingTime = 3 * time.Minute
	lingerTime  = 20 * time.Second
	// closingTime is how long a stream that the application closed waits for
	// the peer's CLOSE after ours was acknowledged.
	closingTime = 60 * time.Second
	// unheardTime is the same for one whose application did not hear the peer to its end: it may be that
	// nobody hears us either, and each waits for the other's acknowledgement.
	unheardTime = 15 * time.Second
	// brokenTime is how long the peer has at most for what was written before a stream was broken off, however little of it
	// it takes at a time: nobody waits for it, and a full buffer is 400 bytes a second.
	brokenTime = 10 * time.Minute
	// gapPatience is how long a peer that lives may leave a gap that it was told of, and send
	// nothing new: all implementations have given up to send again, or the stream, by then.
	gapPatience = 10 * time.Minute
)

// vigil looks whether the peer lives.
type vigil struct {
	heard, spoke instant // the last packets
	unanswered   int     // keep-alives
	doubtAt      instant // when the last of these should have been answered
}

// leastDoubt is how long a keep-alive's answer is waited for, a timeout at least.
const leastDoubt = 5 * time.Second

func (v *vigil) hear(now instant) { v.heard, v.unanswered, v.doubtAt = now, 0, never }

// ask counts a keep-alive that is sent now.
func (v *vigil) ask(now instant, rto time.Duration) {
	v.unanswered++
	v.doubtAt = now + max(rto, leastDoubt)
}

// at is when a sign of life is due.
func (v *vigil) at(every time.Duration) instant { return max(v.heard, v.spoke) + every }

// abort ends the stream at once, tells the peer, and says why.
func (c *Conn) abort(why error) {
	if c.state != gone {
		c.sendReset()
		c.finish(why)
	}
}

// sendReset queues a RESET. i2pd minds a RESET only where it has the next
// sequence number.
func (c *Conn) sendReset() {
	if c.remoteID == 0 {
		return
	}
	p := Packet{SendStreamID: c.remoteID, ReceiveStreamID: c.localID, SequenceNum: c.snd.flight.nxt, Flags: Reset}
	c.rcv.order.acknowledge(&p)
	c.m.emit(c, &p, true)
}

// end moves on where both directions have closed, or ours was broken off.
func (c *Conn) end(now instant) {
	if c.snd.backlog.broken() && c.state == open {
		patience := closingTime
		if c.rcv.end.discard {
			patience = unheardTime
		}
		switch {
		case c.snd.drained():
			c.abort(ErrAborted)
		case c.mostAt == 0:
			c.endAt, c.mostAt = now+patience, now+brokenTime
		default:
			c.endAt = min(max(c.endAt, c.snd.delivery.at+patience), c.mostAt)
		}
		return
	}
	if c.state == open && !c.parted && c.rcv.end.came && c.snd.onlyEnd() {
		c.parted = true
		c.m.cfg.Events.Parted(c)
	}
	if c.state != open || !c.snd.finished() {
		return
	}
	if c.rcv.end.came {
		c.peer.learn(now, &c.snd.rtt)
		c.state = lingering
		c.endAt = now + lingerTime
		c.release()
		c.m.cfg.Events.Closed(c, nil)
	} else if c.rcv.end.discard && c.endAt == never {
		c.endAt = now + closingTime
	}
}

// finish forgets the stream.
func (c *Conn) finish(err error) {
	if c.state == gone {
		return
	}
	told := c.state == lingering
	c.leave()
	if !told {
		c.m.cfg.Events.Closed(c, err)
	}
}

// leave takes the stream out of the Mux.
func (c *Conn) leave() {
	if c.state != lingering {
		c.release()
	}
	c.state = gone
	tally.Add(&c.m.counters.Traffic, c.stats)
	c.m.streams.remove(c)
	c.m.agenda.remove(c)
}

// release gives back what the stream holds, where all was said.
func (c *Conn) release() {
	c.snd.release()
	c.rcv.order.release()
	c.m.streams.retire(c)
}

// transmit sends what is due. It is called once for all that happened since
// the last Flush.
func (c *Conn) transmit(now instant) {
	if c.state == gone {
		return
	}
	if c.end(now); c.state == gone {
		return
	}
	if c.state != lingering {
		for g := c.snd.next(now, c.mtu); g != nil; g = c.snd.next(now, c.mtu) {
			c.sendSegment(now, g)
		}
	}
	if c.rcv.acks.due(now) {
		c.sendAck(now)
	}
	if c.state == open && c.snd.backlog.roomAgain() {
		c.m.cfg.Events.Writable(c)
	}
}

// sendSegment sends a packet that has a sequence number.
func (c *Conn) sendSegment(now instant, g *segment) {
	s := &c.snd
	p := Packet{
		SendStreamID:    c.remoteID,
		ReceiveStreamID: c.localID,
		SequenceNum:     g.seq,
		ResendDelay:     byte(min(s.rtt.rto(s.patience.timeouts)/time.Second, 255)),
		Flags:           g.flags,
		Payload:         g.data,
	}
	if g.flags.Has(Synchronize) {
		c.m.introduce(&p, c.signer)
		p.Flags |= MaxPacketSizeIncluded
		p.MaxPacketSize = uint16(c.m.cfg.MTU)
		p.ResendDelay = max(p.ResendDelay, 1) // see far.learn
		if c.incoming {
			p.Flags |= DelayRequested // see HalfCloses
		} else {
			p.NACKs = c.peer.hash[:] // Streaming specification, "Replay prevention"
		}
	} else if s.asksAck(now, g) {
		p.Flags |= DelayRequested
	}
	c.rcv.addTo(&p)
	c.vigil.spoke = now
	c.m.emit(c, &p, g.flags != 0)
}

// next is when transmit or expire must be called again.
func (c *Conn) next(now instant) instant {
	if c.state == gone {
		return never
	}
	at := min(c.rcv.acks.at, c.rcv.end.at, c.endAt)
	if c.state == lingering {
		return at
	}
	at = min(at, c.snd.deadline(now))
	if c.state == open {
		at = min(at, c.vigil.at(c.m.cfg.KeepAlive), c.vigil.doubtAt, c.idleAt(), c.gapAt(), c.rcv.lull.quietAt)
	}
	return at
}

// idleAt is when a stream ends on which nothing is said. Keep-alives say
// nothing, and what our application has not read is not the peer's fault.
func (c *Conn) idleAt() instant {
	limit := c.m.cfg.Idle
	if half := c.m.cfg.HalfOpen; c.snd.finished() && !c.rcv.end.came && (limit == 0 || half < limit) {
		limit = half
	}
	if limit <= 0 || c.rcv.intake.unread > 0 || !c.snd.drained() {
		return never
	}
	return max(c.rcv.lull.newAt, c.snd.delivery.at) + limit
}

// gapAt is when a stream ends in which something stays missing.
func (c *Conn) gapAt() instant {
	if !c.rcv.order.gap() {
		return never
	}
	return c.rcv.lull.newAt + gapPatience
}

// expire does what the passing of time asks for; transmit follows.
func (c *Conn) expire(now instant) {
	if now >= c.endAt {
		if c.snd.backlog.broken() {
			c.abort(ErrAborted)
			return
		}
		var err error
		if c.state != lingering {
			if err = ErrTimeout; c.rcv.end.discard && c.snd.finished() {
				err = nil
			}
		}
		c.finish(err)
		return
	}
	if c.state == lingering {
		return
	}
	if now >= c.rcv.end.at {
		if c.rcv.order.incomplete() {
			c.abort(ErrTruncated) // its end we cannot vouch for
			return
		}
		c.rcv.end.came, c.rcv.end.at = true, never
		c.m.cfg.Events.ReceiveEnd(c)
	}
	if c.rcv.lull.quiet(now) && c.state == open && !c.rcv.end.came {
		c.m.cfg.Events.Quiet(c.peer.hash)
	}
	switch c.snd.expire(now) {
	case doubtful:
		c.m.cfg.Events.Doubt(c.peer.hash)
	case stalled:
		c.m.cfg.Events.Stalled(c.peer.hash)
	case hopeless:
		if c.rcv.end.came && c.snd.onlyEnd() {
			c.finish(nil) // it may be gone in good order
		} else {
			c.abort(ErrTimeout)
		}
		return
	}
	switch {
	case c.state == open && now >= c.idleAt():
		c.abort(ErrIdle)
		return
	case c.state == open && now >= c.gapAt():
		c.abort(ErrTruncated)
		return
	}
	if c.state == open {
		c.keepAlive(now)
	}
}

// keepAlive asks a silent peer for a sign of life. Where none comes it asks once more, by another
// path: the peer may have been started anew, and then says that there is no such stream.
func (c *Conn) keepAlive(now instant) {
	v := &c.vigil
	switch {
	case now >= v.doubtAt:
		v.doubtAt = never
		c.m.cfg.Events.Stalled(c.peer.hash)
	case now < v.at(c.m.cfg.KeepAlive):
		return
	case v.unanswered >= c.m.cfg.MaxKeepAlives:
		c.finish(ErrTimeout)
		return
	default:
		v.ask(now, c.snd.rtt.rto(0))
	}
	c.rcv.acks.now, c.rcv.acks.ask = true, true
}
