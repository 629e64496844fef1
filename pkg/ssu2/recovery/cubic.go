package recovery

import (
	"math"
	"time"
)

// cubic is the curve along which the window grows (RFC 9438, section 4). Units are
// datagrams and seconds.
type cubic struct {
	most     float64       // the window before it was last cut
	k        float64       // seconds until it is there again
	epoch    time.Duration // when the curve began; 0 is not yet
	estimate float64       // what Reno's would be
}

const (
	scale = 0.4
	// renoGrowth makes Reno's window, with this beta, the same in the mean.
	renoGrowth = 3 * (1 - beta) / (1 + beta)
)

// cut begins a new curve from a share of the window.
func (c *cubic) cut(window, share float64) {
	most := window
	if window < c.most { // fast convergence: somebody new wants room
		most = window * (1 + share) / 2
	}
	*c = cubic{most: most, k: math.Cbrt(max(most-window*share, 0) / scale)}
}

// level begins a curve that does not lead back to where the window was: all who
// share a queue have answered it, and grow by the same from now on, whatever they have.
func (c *cubic) level() { *c = cubic{} }

// grow is by how much the window grows for what was acknowledged.
func (c *cubic) grow(now time.Duration, window, acked float64, rtt time.Duration) float64 {
	if c.epoch == 0 {
		c.epoch, c.estimate = now, window
		if c.most < window {
			c.most, c.k = window, 0
		}
	}
	c.estimate += renoGrowth * acked / window
	t := (now - c.epoch + rtt).Seconds() - c.k
	target := min(c.most+scale*t*t*t, 1.5*window)
	grown := 0.0
	if target > window {
		grown = (target - window) / window * acked
	}
	return max(grown, min(c.estimate-window, acked))
}

// pause has the curve wait while there is little to send.
func (c *cubic) pause(by time.Duration) {
	if c.epoch > 0 {
		c.epoch += by
	}
}
