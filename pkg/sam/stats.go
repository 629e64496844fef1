package sam

import (
	"sync/atomic"

	"i2ptoolkit/pkg/forward/splice"
)

// Stats count what a Server did.
type Stats struct {
	Commands  uint64
	Malformed uint64 // lines that are none, or that nobody knows
	Ignored   uint64 // options that are not known, or whose values are none

	Created        uint64 // sessions
	Subsessions    uint64
	RefusedSession uint64

	Connected uint64 // streams
	Accepted  uint64
	Forwarded uint64
	Failed    uint64 // streams that did not come about
	In, Out   uint64 // bytes of streams, from peers and to them

	DatagramsIn      uint64
	DatagramsOut     uint64
	DatagramsRefused uint64 // they were not sent, for what they say or for want of a session
	DatagramsLost    uint64 // they came from peers, and could not be handed on
	DatagramsOverrun uint64 // applications sent them by UDP faster than they were taken

	Lookups       uint64
	LookupsFailed uint64
	RefusedHosts  uint64 // names of machines to forward to that were not looked for, or not found
}

// counts are the Stats as they grow.
type counts struct {
	streams                                                    splice.Count
	commands, malformed, ignored                               atomic.Uint64
	created, subsessions, refusedSession                       atomic.Uint64
	connected, accepted, forwarded, failed                     atomic.Uint64
	datagramsIn, datagramsOut, datagramsRefused, datagramsLost atomic.Uint64
	lookups, lookupsFailed, refusedHosts                       atomic.Uint64
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	c := &s.counts
	return Stats{
		Commands: c.commands.Load(), Malformed: c.malformed.Load(), Ignored: c.ignored.Load(),
		Created: c.created.Load(), Subsessions: c.subsessions.Load(), RefusedSession: c.refusedSession.Load(),
		Connected: c.connected.Load(), Accepted: c.accepted.Load(), Forwarded: c.forwarded.Load(), Failed: c.failed.Load(),
		In: c.streams.In.Load(), Out: c.streams.Out.Load(),
		DatagramsIn: c.datagramsIn.Load(), DatagramsOut: c.datagramsOut.Load(), DatagramsRefused: c.datagramsRefused.Load(), DatagramsLost: c.datagramsLost.Load(),
		DatagramsOverrun: s.udp.lost.Total(),
		Lookups:          c.lookups.Load(), LookupsFailed: c.lookupsFailed.Load(), RefusedHosts: c.refusedHosts.Load(),
	}
}
