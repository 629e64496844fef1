package ssu2link

import (
	"sync/atomic"

	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
)

// deskCounts are what the desk counts, and what its engines have counted when it was last looked at.
type deskCounts struct {
	crowded, undelivered, tagsFull, tagsUnasked, doubted atomic.Uint64

	relay atomic.Pointer[ssu2.RelayCounts]
	tests atomic.Pointer[ssu2.PeerTestCounts]
}

// keep notes what the engines have counted.
func (c *deskCounts) keep(relay ssu2.RelayCounts, tests ssu2.PeerTestCounts) {
	if old := c.relay.Load(); old == nil || *old != relay {
		c.relay.Store(&relay)
	}
	if old := c.tests.Load(); old == nil || *old != tests {
		c.tests.Store(&tests)
	}
}

// counters are the desk's, for Counters.
func (k *desk) counters() []transport.Counter {
	var r ssu2.RelayCounts
	var p ssu2.PeerTestCounts
	if now := k.counts.relay.Load(); now != nil {
		r, p = *now, *k.counts.tests.Load()
	}
	return []transport.Counter{
		{Name: "notes_crowded", Help: "Blocks of peers, and messages of strangers, of which there were too many.", Value: k.counts.crowded.Load()},
		{Name: "notes_overrun", Help: "Blocks of peers and messages of strangers for which there was no room.", Value: k.box.Dropped()},
		{Name: "notes_undelivered", Help: "Blocks of introductions and tests whose session had gone or was full, and messages for where nobody is.", Value: k.counts.undelivered.Load()},
		{Name: "tags_full", Help: "Relay tags that were not given, as there are too many.", Value: k.counts.tagsFull.Load()},
		{Name: "tags_unasked", Help: "Relay tags of peers whom we have asked for none, or who had given another.", Value: k.counts.tagsUnasked.Load()},
		{Name: "addresses_doubted", Help: "Words of peers who came for an address of ours at which they cannot have come.", Value: k.counts.doubted.Load()},
		{Name: "introductions", Help: "Introductions that were passed on for others.", Value: r.Introduced},
		{Name: "introductions_refused", Help: "Introductions that we have refused, as introducer or as who is to be reached.", Value: r.Refused},
		{Name: "introductions_forged", Help: "Messages of introductions whose signature is wrong.", Value: r.Forged},
		{Name: "introductions_unexpected", Help: "Messages of introductions that answer nothing, or came again.", Value: r.Unexpected},
		{Name: "introductions_malformed", Help: "Messages of introductions that do not parse.", Value: r.Malformed},
		{Name: "holes_punched", Help: "Holes that were punched for others who were introduced to us.", Value: r.Punched},
		{Name: "introduced", Help: "Routers to which we were introduced.", Value: r.Dialled},
		{Name: "tests_passed", Help: "Peer tests that were passed on for others.", Value: p.Passed},
		{Name: "tests_answered", Help: "Peer tests in which we have tried to reach others.", Value: p.Answered},
		{Name: "tests_ended", Help: "Peer tests of our own that have ended.", Value: p.Ended},
		{Name: "tests_refused", Help: "Peer tests of others that we have refused.", Value: p.Refused},
		{Name: "tests_forged", Help: "Messages of peer tests whose signature or origin is wrong.", Value: p.Forged},
		{Name: "tests_unexpected", Help: "Messages of peer tests that belong to none, or came again.", Value: p.Unexpected},
		{Name: "tests_malformed", Help: "Messages of peer tests that do not parse.", Value: p.Malformed},
	}
}
