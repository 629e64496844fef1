package ntcp2link

import (
	"errors"
	"sync/atomic"

	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/transport"
)

// counts are what NTCP2 counts besides the table.
type counts struct {
	badFrames, junk, replays, skewed, handshakes atomic.Uint64
}

// failed counts a handshake that came to nothing, by its cause.
func (c *counts) failed(err error) {
	switch {
	case errors.Is(err, ntcp2.ErrReplay):
		c.replays.Add(1)
	case errors.Is(err, ntcp2.ErrClockSkew):
		c.skewed.Add(1)
	case errors.Is(err, ntcp2.ErrAuthentication), errors.Is(err, ntcp2.ErrKey):
		c.junk.Add(1)
	default:
		c.handshakes.Add(1)
	}
}

// Counters are those of bad frames and of handshakes that failed.
func (d *Driver) Counters() []transport.Counter {
	c := &d.counts
	return []transport.Counter{
		{Name: "bad_frames", Help: "Frames that do not authenticate.", Value: c.badFrames.Load()},
		{Name: "junk", Help: "First messages that do not authenticate.", Value: c.junk.Load()},
		{Name: "replays", Help: "First messages that were seen before.", Value: c.replays.Load()},
		{Name: "skewed", Help: "Handshakes with a wrong clock.", Value: c.skewed.Load()},
		{Name: "handshakes_failed", Help: "Handshakes that failed otherwise than by junk, a replay or a clock.", Value: c.handshakes.Load()},
	}
}
