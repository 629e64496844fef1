package streaming

import "time"

// delivery counts what has arrived, to tell at what rate it does
// (draft-ietf-ccwg-bbr, "Delivery Rate Samples").
type delivery struct {
	count       uint64 // packets
	at          instant
	firstSentAt instant
	limitedTo   uint64 // samples up to here are limited by the application
}

// mark is how far delivery was when a packet was sent.
type mark struct {
	count           uint64
	at, firstSentAt instant
	limited         bool
}

// begin is told that a packet goes out while no other is under way.
func (d *delivery) begin(now instant) { d.firstSentAt, d.at = now, now }

// limit notes that the application, not the path, bounds the rate, while so
// many packets are in flight.
func (d *delivery) limit(inflight int) { d.limitedTo = d.count + uint64(inflight) }

func (d *delivery) mark() mark {
	return mark{count: d.count, at: d.at, firstSentAt: d.firstSentAt, limited: d.limitedTo >= d.count}
}

// sample is the rate of what was delivered since the newest packet that is
// acknowledged now was sent; 0 where so short a time says nothing.
func (d *delivery) sample(now instant, newest *segment, shortest time.Duration) (rate float64) {
	elapsed := max(newest.sentAt-newest.mark.firstSentAt, now-newest.mark.at)
	if elapsed > 0 && (shortest == 0 || elapsed >= shortest/2) {
		rate = float64(d.count-newest.mark.count) / elapsed.Seconds()
	}
	d.firstSentAt = newest.sentAt
	return rate
}
