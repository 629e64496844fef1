package streaming

import "time"

// Any packet may carry CLOSE (Streaming, "Flags and Option Data Fields"), also
// a plain ack, which has no sequence number: emissary 0.4 answers our CLOSE so.
// Such a CLOSE does not say what came before it. Where something is known to be
// missing that is waited for; else what was sent just before may still be on its
// way, overtaken, and the end waits a moment for it.
const (
	minPlacelessWait = 250 * time.Millisecond
	maxPlacelessWait = 3 * time.Second
	missingPatience  = 45 * time.Second // since the last that came
)

// placelessEnd is a receiver's knowledge of a CLOSE without a place.
type placelessEnd struct {
	seen bool
	at   instant // when it is taken for the end, or the stream given up
}

// planEnd says when a CLOSE without a place is the end.
func (c *Conn) planEnd(now instant) {
	r := &c.rcv
	switch {
	case !r.placeless.seen:
	case r.ended:
		r.placeless.at = never
	case r.incomplete():
		r.placeless.at = now + missingPatience
	default:
		wait := min(max(c.rtt.smoothed+4*c.rtt.vary, minPlacelessWait), maxPlacelessWait)
		r.placeless.at = now + wait
	}
}

// incomplete reports whether something is known to be missing.
func (r *receiver) incomplete() bool { return r.next == 0 || r.gap() }

// endPlaceless takes the CLOSE without a place for the end, or gives the stream
// up where what came before it has not come.
func (c *Conn) endPlaceless() {
	r := &c.rcv
	r.placeless.at = never
	if r.incomplete() {
		c.truncated()
		return
	}
	r.ended = true
	c.m.cfg.Events.ReceiveEnd(c)
}

// truncated ends a stream whose end we cannot vouch for.
func (c *Conn) truncated() {
	c.sendReset()
	c.finish(ErrTruncated)
}
