package streaming

import "time"

// roundTrip estimates the round-trip time and the retransmission timeout
// (RFC 6298, with the limits of Streaming, "Other Parameters").
type roundTrip struct {
	initial        time.Duration // RTO before the first sample
	smoothed, vary time.Duration
	latest         time.Duration
	samples        int
}

const (
	minRTO = 200 * time.Millisecond
	maxRTO = 45 * time.Second
	maxRTT = time.Minute
)

func (r *roundTrip) sample(rtt time.Duration) {
	rtt = min(max(rtt, time.Microsecond), maxRTT)
	r.latest = rtt
	r.samples++
	// The first one is the handshake's, and may have waited for lookups and
	// tunnels at both ends.
	if r.smoothed == 0 || r.samples == 2 && rtt < r.smoothed/2 {
		r.smoothed, r.vary = rtt, rtt/2
		return
	}
	d := r.smoothed - rtt
	if d < 0 {
		d = -d
	}
	r.vary += (d - r.vary) / 4
	r.smoothed += (rtt - r.smoothed) / 8
}

// rto is the timeout after a number of timeouts in a row.
func (r *roundTrip) rto(timeouts int) time.Duration {
	d := r.initial
	if r.smoothed != 0 {
		// Round trips through tunnels jump: less than twice the usual one is
		// not taken for silence.
		d = min(max(r.smoothed+max(4*r.vary, r.smoothed, 150*time.Millisecond), minRTO), maxRTO)
	}
	for range min(timeouts, 10) {
		if d *= 2; r.smoothed == 0 {
			d = d * 3 / 4 // nothing is known: repeat the SYN more often
		}
	}
	return min(d, maxRTO)
}

// probe is when the tail of a flight is probed, ahead of the timeout. Not too
// early: a needless duplicate makes i2pd change its tunnels.
func (r *roundTrip) probe() time.Duration {
	return r.smoothed*3/2 + max(2*r.vary, 30*time.Millisecond)
}
