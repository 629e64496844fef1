package streaming

import "time"

// acks decides when what came is acknowledged.
type acks struct {
	now   bool    // at once
	at    instant // or then
	count int     // packets that came since our last ack
	gaps  int     // acks that a new gap is still worth at once
	ask   bool    // the peer is to answer the next one
	trip  tripCount
}

// tripCount counts the packets of a round trip.
type tripCount struct {
	since instant
	count int
	last  int // of the round trip before
}

const (
	maxAckDelay = 25 * time.Millisecond
	minAckDelay = time.Millisecond
	// An ack that the peer asks for waits a moment for the application's answer,
	// to travel with it: that spares every hop a message.
	minAskedDelay = time.Millisecond
	maxAskedDelay = 5 * time.Millisecond
	firstAckDelay = 10 * time.Millisecond // before a round trip was measured
	leastTrip     = 5 * time.Millisecond
	gapWorth      = 4
)

func (t *tripCount) add(now instant, rtt time.Duration) {
	if now-t.since >= max(rtt, leastTrip) {
		t.last, t.count, t.since = t.count, 0, now
	}
	t.count++
}

// asked is told that the peer wants an answer.
func (a *acks) asked(now instant, rtt time.Duration) {
	a.at = min(a.at, now+min(max(rtt/16, minAskedDelay), maxAskedDelay))
}

// plan decides when what came is acknowledged: every second packet of a slow
// stream, some ten times a round trip in a fast one, at once where something is
// missing.
func (a *acks) plan(now instant, flags Flags, gap bool, rtt time.Duration) {
	switch {
	case gap && a.gaps > 0:
		a.gaps--
		a.now = true
	case a.count >= min(max(a.trip.last/10, 2), 32):
		a.now = true
	case flags&(Synchronize|Close) != 0:
		a.now = true
	case a.at == never:
		d := firstAckDelay
		if rtt > 0 {
			d = min(max(rtt/8, minAckDelay), maxAckDelay)
		}
		a.at = now + d
	}
}

func (a *acks) due(now instant) bool { return a.now || now >= a.at }

// sent notes that a packet with an acknowledgement goes out.
func (a *acks) sent() { a.now, a.at, a.count = false, never, 0 }
