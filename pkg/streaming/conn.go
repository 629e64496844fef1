package streaming

import (
	"time"

	"i2ptoolkit/pkg/i2p"
)

// Conn is one stream of a Mux. Its methods belong to the Mux's owner.
//
// Sender and receiver decide; here, where they meet with the peer, the Mux and
// its owner, what they decide is done. So the methods are many: half of them are
// the owner's, the others handle, write and end.
//
//	opening --SYN answered--> open --both CLOSEs acknowledged--> lingering --> gone
//	   |                        |                                   ^
//	   +----- RESET, timeout ---+-----------------------------------+-> gone
type Conn struct {
	Tag any // the owner's

	m      *Mux
	peer   *peer
	signer *i2p.PrivateKeys // of our packets, from the first to the last
	name
	terms
	life

	snd   sender
	rcv   receiver
	vigil vigil
	turn  turn
	stats Totals
}

// name is what tells a stream from others.
type name struct {
	localID, remoteID  uint32 // remoteID is 0 until the peer's SYN came
	localPort, farPort uint16
	incoming           bool
}

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
	s := Stats{Totals: c.stats}
	s.RTT, s.MinRTT, s.RTO = c.snd.rtt.smoothed, c.snd.cc.minRTT, c.snd.rtt.rto(c.snd.patience.timeouts)
	s.Window, s.InFlight = int(c.snd.window()), c.snd.flight.inflight
	s.Rate = c.snd.cc.bandwidth() * float64(c.mtu)
	s.Unread, s.Queued, s.Reassembly = c.rcv.intake.unread, c.snd.backlog.len(), c.rcv.order.held
	return s
}

// Write takes bytes to send, as many as there is room for, and returns their
// number: 0 after CloseWrite or the end. Writable tells when there is room again.
func (c *Conn) Write(p []byte) int {
	if c.state == gone || c.state == lingering {
		return 0
	}
	n := c.snd.backlog.write(p)
	if n > 0 {
		c.m.agenda.touch(c)
	}
	return n
}

// Read says that the application has consumed n of the bytes that it was
// given. Those that it has not count also once the stream has ended, until
// Close or Reset.
func (c *Conn) Read(n int) {
	if c.rcv.intake.read(n) && c.state != gone {
		c.rcv.acks.now = true
		c.m.agenda.touch(c)
	}
}

// CloseWrite sends CLOSE after what was written. The other direction stays
// open on our side; i2pd closes both when it gets a CLOSE.
func (c *Conn) CloseWrite() {
	if c.state == gone || c.snd.backlog.fin != finNone {
		return
	}
	c.snd.backlog.fin = finWanted
	c.m.agenda.touch(c)
}

// BreakOff is CloseWrite for a stream whose end is none: the peer gets what was
// written, and then RESET. Until then the other direction goes on. After CloseWrite the RESET
// follows the end.
func (c *Conn) BreakOff() {
	if c.state == gone {
		return
	}
	if b := &c.snd.backlog; b.fin == finNone {
		b.fin = finBroken
	} else {
		b.severs = true
	}
	c.m.agenda.touch(c)
}

// Close closes both directions: what was written is still delivered. Where something
// was not read, or arrives from now on, RESET follows, since the peer must not believe that
// we got it.
func (c *Conn) Close() {
	if c.state == gone {
		c.rcv.intake.release()
		return
	}
	if c.rcv.intake.unread > 0 {
		c.rcv.intake.release()
		c.BreakOff()
	}
	c.rcv.end.discard = true
	c.CloseWrite()
}

// Reset ends the stream at once and tells the peer.
func (c *Conn) Reset() {
	c.abort(ErrAborted)
	c.rcv.intake.release()
}
