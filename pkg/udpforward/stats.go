package udpforward

import (
	"sync/atomic"

	"i2ptoolkit/pkg/udploss"
)

// Stats count what a forward did.
type Stats struct {
	Flows     int // now; of a Producer its subscribers
	Opened    uint64
	In, Out   uint64 // datagrams: from I2P, to I2P
	BytesIn   uint64
	BytesOut  uint64
	Refused   uint64 // by whom they are from, or of whom nobody knows
	Malformed uint64 // what is none of the protocol's
	Crowded   uint64 // too many flows
	Evicted   uint64 // silent flows that made room
	Lost      uint64 // datagrams that could not be passed on
	Overrun   uint64 // of this machine's, that came faster than they were taken
}

// counts are the Stats as they grow.
type counts struct {
	flows                                                                          atomic.Int64
	overrun                                                                        udploss.Counter
	opened, in, out, bytesIn, bytesOut, refused, malformed, crowded, evicted, lost atomic.Uint64
}

// Stats returns the counts.
func (c *counts) Stats() Stats {
	return Stats{
		Flows: int(c.flows.Load()), Opened: c.opened.Load(), In: c.in.Load(), Out: c.out.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(), Refused: c.refused.Load(), Malformed: c.malformed.Load(),
		Crowded: c.crowded.Load(), Evicted: c.evicted.Load(), Lost: c.lost.Load(),
		Overrun: c.overrun.Total(),
	}
}

// passed counts a datagram that was passed on, or was to be.
func passed(n int, err error, datagrams, bytes, lost *atomic.Uint64) {
	if err != nil {
		lost.Add(1)
		return
	}
	datagrams.Add(1)
	bytes.Add(uint64(n))
}

func (c *counts) passedIn(n int, err error)  { passed(n, err, &c.in, &c.bytesIn, &c.lost) }
func (c *counts) passedOut(n int, err error) { passed(n, err, &c.out, &c.bytesOut, &c.lost) }
