// Package irc is what stands between IRC programs and I2P: a filter for clients, which say much of their
// users and their machines, and the registration of those who come to a server, who have no host name
// but their destination.
package irc

import "sync/atomic"

// Stats are the totals of a filter since its start.
type Stats struct {
	Passed     uint64 // lines, changed ones included
	Command    uint64 // left out: a command that is not on the list
	CTCP, DCC  uint64 // left out
	Malformed  uint64
	Long       uint64
	Pings      uint64 // forgotten ones, and answers that nobody had asked for
	Tags       uint64 // lines some of whose tags were taken out
	Capability uint64 // that were not offered, or not asked for
	Forbidden  uint64 // who wanted to register as a server or a gateway
	Slow       uint64 // who did not register in time
}

type counts struct {
	passed, command, ctcp, dcc, malformed, long, pings, tags, capability, forbidden, slow atomic.Uint64
}

func (c *counts) stats() Stats {
	return Stats{
		Passed: c.passed.Load(), Command: c.command.Load(), CTCP: c.ctcp.Load(), DCC: c.dcc.Load(),
		Malformed: c.malformed.Load(), Long: c.long.Load(), Pings: c.pings.Load(), Tags: c.tags.Load(),
		Capability: c.capability.Load(), Forbidden: c.forbidden.Load(), Slow: c.slow.Load(),
	}
}
