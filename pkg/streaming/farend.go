package streaming

import "time"

// farEnd is the end of the peer's direction.
//
// Any packet may carry CLOSE (Streaming, "Flags and Option Data Fields"), also
// a plain ack, which has no sequence number: emissary 0.4 answers our CLOSE so.
// Such a CLOSE does not say what came before it. Where something is known to be
// missing that is waited for; else what was sent just before may still be on its
// way, overtaken, and the end waits a moment for it.
type farEnd struct {
	came      bool    // the peer's CLOSE, in order
	placeless bool    // a CLOSE without a place came
	at        instant // when that is taken for the end, or the stream given up
	discard   bool    // nobody reads any more
}

const (
	minPlacelessWait = 250 * time.Millisecond
	maxPlacelessWait = 3 * time.Second
	missingPatience  = 45 * time.Second // since the last that came
)

// over reports whether nothing more is read of what the peer sends.
func (e *farEnd) over() bool { return e.came || e.discard }

// plan says when a CLOSE without a place is the end.
func (e *farEnd) plan(now instant, incomplete bool, rtt *roundTrip) {
	switch {
	case !e.placeless:
	case e.came:
		e.at = never
	case incomplete:
		e.at = now + missingPatience
	default:
		e.at = now + min(max(rtt.smoothed+4*rtt.vary, minPlacelessWait), maxPlacelessWait)
	}
}
