package socks

import (
	"errors"
	"sync/atomic"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/udploss"
)

// Stats count what a Proxy did.
type Stats struct {
	Open      int    // connections now
	Accepted  uint64 // ever
	Connected uint64 // to a peer
	In, Out   uint64 // bytes of streams: from peers, to peers

	Associations     int // now
	DatagramsIn      uint64
	DatagramsOut     uint64
	DatagramsRefused uint64 // by who sent them, their form, or where they were to go
	DatagramsLost    uint64 // they could not be sent
	DatagramsOverrun uint64 // they came from clients faster than they were taken

	// Why connections were not served.
	Crowded    uint64 // too many at once, of connections or associations
	Malformed  uint64 // no request came, or none in time
	Unwelcome  uint64 // a wrong name or password, or none
	Forbidden  uint64 // IP addresses, and names outside I2P
	BadCommand uint64
	Failed     uint64 // the peer or the outproxy could not be reached
}

// counts are the Stats as they grow.
type counts struct {
	streams                                                      splice.Count
	packetsOverrun                                               udploss.Counter
	open, associations                                           atomic.Int64
	accepted, connected                                          atomic.Uint64
	packetsIn, packetsOut, packetsRefused, packetsLost           atomic.Uint64
	crowded, malformed, unwelcome, forbidden, badCommand, failed atomic.Uint64
}

// Stats returns the counts.
func (p *Proxy) Stats() Stats {
	c := &p.counts
	return Stats{
		Open: int(c.open.Load()), Accepted: c.accepted.Load(), Connected: c.connected.Load(), In: c.streams.In.Load(), Out: c.streams.Out.Load(),
		Associations: int(c.associations.Load()),
		DatagramsIn:  c.packetsIn.Load(), DatagramsOut: c.packetsOut.Load(), DatagramsRefused: c.packetsRefused.Load(), DatagramsLost: c.packetsLost.Load(),
		DatagramsOverrun: c.packetsOverrun.Total(),
		Crowded:          c.crowded.Load(), Malformed: c.malformed.Load(), Unwelcome: c.unwelcome.Load(),
		Forbidden: c.forbidden.Load(), BadCommand: c.badCommand.Load(), Failed: c.failed.Load(),
	}
}

// turnAway counts a connection of which no request came.
func (c *counts) turnAway(err error) {
	if errors.Is(err, errUnwelcome) {
		c.unwelcome.Add(1)
		return
	}
	c.malformed.Add(1)
}

// refuse counts a request that was not met.
func (c *counts) refuse(err error) {
	for _, reason := range []struct {
		err   error
		count *atomic.Uint64
	}{
		{errCommand, &c.badCommand}, {errCrowded, &c.crowded}, {errIPAddress, &c.forbidden}, {errClearnet, &c.forbidden}, {errForbidden, &c.forbidden},
	} {
		if errors.Is(err, reason.err) {
			reason.count.Add(1)
			return
		}
	}
	c.failed.Add(1)
}
