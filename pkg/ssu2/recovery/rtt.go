package recovery

import "time"

// rtt estimates the round trip (RFC 9002, section 5). SSU2's acknowledgements do not
// tell how long they were delayed, so that is part of it.
type rtt struct {
	latest, smoothed, variation time.Duration
	samples                     int
}

const (
	initialRTT  = 333 * time.Millisecond
	granularity = time.Millisecond
	leastPTO    = 60 * time.Millisecond // peers and their machines pause
)

func newRTT(handshake time.Duration) rtt {
	if handshake <= 0 {
		handshake = initialRTT
	}
	return rtt{latest: handshake, smoothed: handshake, variation: handshake / 2}
}

func (r *rtt) sample(d time.Duration) {
	d = max(d, time.Microsecond)
	r.latest = d
	r.samples++
	if r.samples == 1 {
		r.smoothed, r.variation = d, d/2
		return
	}
	r.variation += ((r.smoothed - d).Abs() - r.variation) / 4
	r.smoothed += (d - r.smoothed) / 8
}

// pto is the probe timeout (RFC 9002, section 6.2.1).
func (r *rtt) pto(ackDelay time.Duration) time.Duration {
	return max(r.smoothed+max(4*r.variation, granularity)+ackDelay, leastPTO)
}
