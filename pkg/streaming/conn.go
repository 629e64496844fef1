package streaming

import (
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/tally"
)

// Conn is one stream of a Mux. Its methods belong to the Mux's owner.
//
//	opening --SYN answered--> open --both CLOSEs acknowledged--> lingering --> gone
//	   |                        |                                   ^
//	   +----- RESET, timeout ---+-----------------------------------+-> gone
type Conn struct {
	Tag any // the owner's

	m         *Mux
	peer      *peer
	key       sign.PublicKey // of the peer's signatures, once its SYN came
	localID   uint32
	remoteID  uint32
	localPort uint16
	farPort   uint16
	incoming  bool
	// halfCloses: see HalfCloses.
	halfCloses bool
	state      state
	mtu        int

	snd sender
	rcv receiver
	rtt roundTrip
	cc  control

	heard, spoke instant // the last packets
	keepAlives   int     // unanswered
	endAt        instant // when a closing or lingering stream is given up
	retired      bool    // not counted any more
	turn         turn
	stats        Stats
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
)

// Stats are one stream's figures.
type Stats struct {
	RTT, MinRTT, RTO time.Duration
	Window, InFlight int     // packets
	Rate             float64 // bytes a second that the path was seen to carry
	Totals
	Unread, Queued, Reassembly int // bytes
}

// Totals are what a stream has counted; those of several streams may be added.
type Totals struct {
	Sent, Received            uint64 // payload bytes, each counted once
	PacketsOut, PacketsIn     uint64
	Resent, Timeouts          uint64 // packets; timeouts
	Duplicates, OutOfOrder    uint64 // packets that arrived
	Choked, Chokes, AcksPlain uint64 // by the peer, of the peer; plain acks sent
}

// Remote is the destination at the other end.
func (c *Conn) Remote() i2p.Destination { return c.peer.dest }

// Ports are the I2CP ports of both ends.
func (c *Conn) Ports() (local, remote uint16) { return c.localPort, c.farPort }

// ID is the stream id that the peer sends to: unique in a Mux.
func (c *Conn) ID() uint32 { return c.localID }

// Incoming reports whether the peer opened the stream.
func (c *Conn) Incoming() bool { return c.incoming }

// Established reports whether both ends have sent their SYN.
func (c *Conn) Established() bool { return c.state == open }

// HalfCloses reports whether the peer that answered our SYN is known to go on sending after
// our CLOSE. Nothing in the protocol says so, and some implementations end both directions
// at a CLOSE (i2pd, emissary): those that ask in their SYN for an ack without delay, a
// delay option of 0, are of our kind. To ask costs two bytes, and gives the answering end
// its first round trip.
func (c *Conn) HalfCloses() bool { return c.halfCloses }

// Stats returns the stream's figures.
func (c *Conn) Stats() Stats {
	s := c.stats
	s.RTT, s.MinRTT, s.RTO = c.rtt.smoothed, c.cc.minRTT, c.rtt.rto(c.snd.timeouts)
	s.Window, s.InFlight = int(c.snd.window(&c.cc)), c.snd.inflight
	s.Rate = c.cc.bandwidth() * float64(c.mtu)
	s.Unread, s.Queued, s.Reassembly = c.rcv.intake.unread, c.snd.queued(), c.rcv.order.held
	return s
}

// Write takes bytes to send, as many as there is room for, and returns their
// number: 0 after CloseWrite or the end. Writable tells when there is room again.
func (c *Conn) Write(p []byte) int {
	if c.state == gone || c.state == lingering || c.snd.fin != finNone {
		return 0
	}
	n := min(len(p), c.m.cfg.SendBuffer-c.snd.queued())
	if n < len(p) {
		c.snd.wantRoom = true
	}
	if n <= 0 {
		return 0
	}
	c.snd.queue = append(c.snd.queue, p[:n]...)
	c.m.agenda.touch(c)
	return n
}

// Read says that the application has consumed n of the bytes that it was
// given.
func (c *Conn) Read(n int) {
	if c.state == gone {
		return
	}
	if c.rcv.intake.read(n) {
		c.rcv.acks.now = true
		c.m.agenda.touch(c)
	}
}

// CloseWrite sends CLOSE after what was written. The other direction stays
// open on our side; i2pd closes both when it gets a CLOSE.
func (c *Conn) CloseWrite() {
	if c.state == gone || c.snd.fin != finNone {
		return
	}
	c.snd.fin = finWanted
	c.m.agenda.touch(c)
}

// Close closes both directions: what was written is still delivered, what
// arrives from now on is answered with RESET. With unread data the stream is
// reset at once, since the peer must not believe that we got it.
func (c *Conn) Close() {
	if c.state == gone {
		return
	}
	if c.rcv.intake.unread > 0 {
		c.Reset()
		return
	}
	c.rcv.end.discard = true
	c.CloseWrite()
}

// Reset ends the stream at once and tells the peer.
func (c *Conn) Reset() {
	c.abort(ErrAborted)
}

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
	p := Packet{SendStreamID: c.remoteID, ReceiveStreamID: c.localID, SequenceNum: c.snd.nxt, Flags: Reset}
	c.rcv.order.acknowledge(&p)
	c.m.emit(c, &p, true)
}

// end moves on where both directions have closed.
func (c *Conn) end(now instant) {
	if c.state != open || !c.snd.finished() {
		return
	}
	if c.rcv.end.came {
		c.peer.learn(now, &c.rtt)
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
	c.state = gone
	c.release()
	tally.Add(&c.m.counters.Traffic, c.stats.Totals)
	c.m.streams.remove(c)
	c.m.agenda.remove(c)
}

// release gives back what the stream holds, at its end.
func (c *Conn) release() {
	c.snd.release(&c.m.memory)
	c.rcv.order.release()
	if c.state == gone {
		c.rcv.intake.release()
	}
	c.m.streams.retire(c)
}

// transmit sends what is due. It is called once for all that happened since
// the last Flush.
func (c *Conn) transmit(now instant) {
	if c.state == gone {
		return
	}
	c.end(now)
	if c.state != lingering {
		c.sendSegments(now)
	}
	if c.state != gone && c.rcv.acks.due(now) {
		c.sendAck(now)
	}
	if s := &c.snd; c.state == open && s.wantRoom && s.queued() <= c.m.cfg.SendBuffer/2 {
		s.wantRoom = false
		c.m.cfg.Events.Writable(c)
	}
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
	at = min(at, c.sendDeadline(now))
	if c.state == open {
		at = min(at, c.keepAliveAt(), c.idleAt(), c.rcv.lull.quietAt)
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
	if limit <= 0 || c.rcv.intake.unread > 0 || c.snd.queued() > 0 || c.snd.una != c.snd.nxt {
		return never
	}
	return max(c.rcv.lull.newAt, c.snd.deliveredAt) + limit
}

func (c *Conn) keepAliveAt() instant {
	return max(c.heard, c.spoke) + c.m.cfg.KeepAlive
}

// expire does what the passing of time asks for; transmit follows.
func (c *Conn) expire(now instant) {
	if now >= c.endAt {
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
		c.endPlaceless()
	}
	if c.rcv.lull.quiet(now) && c.state == open && !c.rcv.end.came {
		c.m.cfg.Events.Quiet(c.peer.hash)
	}
	c.expireSends(now)
	if c.state == open && now >= c.idleAt() {
		c.abort(ErrIdle)
		return
	}
	if c.state != open || now < c.keepAliveAt() {
		return
	}
	if c.keepAlives++; c.keepAlives > c.m.cfg.MaxKeepAlives {
		c.finish(ErrTimeout)
		return
	}
	c.rcv.acks.now, c.rcv.acks.ask = true, true
}
