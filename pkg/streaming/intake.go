package streaming

import "time"

// intake is what the application was given and has not yet read. Where that is
// too much the peer is choked (Streaming, "Transmit/Receive Windows and Choking").
type intake struct {
	limit  int // bytes before we choke
	held   *holding
	unread int
	burst  int // of these, what a filled gap released at once

	choking  bool
	unchokes int // acks that still say that we do not choke any more
	dripAt   instant
}

const (
	unchokeRepeats = 3
	// dripPause: a peer that minds no choke (i2pd) gives up when nothing is
	// acknowledged for 90 s, so a packet now and then is taken over the limit.
	dripPause = 10 * time.Second
)

// give counts what the application is given, and reports whether the peer is to
// be choked from now on.
func (in *intake) give(n int) bool {
	in.unread += n
	in.held.add(n)
	if in.choking || in.unread <= in.limit+in.burst {
		return false
	}
	in.choking, in.unchokes = true, 0
	return true
}

// read counts what the application has read, and reports whether the peer is
// choked no more.
func (in *intake) read(n int) bool {
	in.unread -= n
	in.held.read(n)
	if in.unread <= in.limit {
		in.burst = 0
	}
	if !in.choking || in.unread > in.limit/2 {
		return false
	}
	in.choking, in.unchokes = false, unchokeRepeats
	return true
}

// drip reports whether a packet is taken over the limit.
func (in *intake) drip(now instant) bool {
	if now < in.dripAt {
		return false
	}
	in.dripAt = now + dripPause
	return in.unread <= 8*in.limit
}

// release forgets what is not read, as nobody will.
func (in *intake) release() {
	in.held.remove(in.unread)
	in.unread = 0
}
