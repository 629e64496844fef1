package naming

import "sync/atomic"

// Stats count what was asked and done.
type Stats struct {
	Found   uint64 // names
	Unknown uint64
	Failed  uint64 // books that could not be read, and lines that are damaged

	Added     uint64 // by files and feeds, as all that follow
	Changed   uint64
	Updated   uint64
	Removed   uint64
	Conflicts uint64 // refused, as all that follow
	Replayed  uint64
	Forged    uint64
	Unsigned  uint64
	Invalid   uint64
	Expired   uint64
	Full      uint64

	FeedsRead      uint64
	FeedsUnchanged uint64
	FeedsFailed    uint64
}

type counts struct {
	found, unknown, failed                 atomic.Uint64
	feedsRead, feedsUnchanged, feedsFailed atomic.Uint64
	lines                                  [outcomes]atomic.Uint64
}

// imported counts what a report tells.
func (c *counts) imported(r Report) {
	for done, n := range map[outcome]int{
		added: r.Added, changed: r.Changed, updated: r.Updated, removed: r.Removed, conflict: r.Conflicts, replayed: r.Replayed,
		forged: r.Forged, unsigned: r.Unsigned, invalid: r.Invalid, expired: r.Expired, full: r.Full,
	} {
		c.lines[done].Add(uint64(n))
	}
}

// Stats returns the counts.
func (n *Names) Stats() Stats {
	of := func(done outcome) uint64 { return n.counts.lines[done].Load() }
	return Stats{
		Found: n.counts.found.Load(), Unknown: n.counts.unknown.Load(), Failed: n.counts.failed.Load(),
		Added: of(added), Changed: of(changed), Updated: of(updated), Removed: of(removed), Conflicts: of(conflict), Replayed: of(replayed),
		Forged: of(forged), Unsigned: of(unsigned), Invalid: of(invalid), Expired: of(expired), Full: of(full),
		FeedsRead: n.counts.feedsRead.Load(), FeedsUnchanged: n.counts.feedsUnchanged.Load(), FeedsFailed: n.counts.feedsFailed.Load(),
	}
}
