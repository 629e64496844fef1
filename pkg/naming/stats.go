package naming

import "sync/atomic"

// Stats count what was asked and done.
type Stats struct {
	Found   uint64 // names
	Unknown uint64
	Failed  uint64 // books that could not be read, and lines that are damaged
}

type counts struct{ found, unknown, failed atomic.Uint64 }

// Stats returns the counts.
func (n *Names) Stats() Stats {
	return Stats{Found: n.counts.found.Load(), Unknown: n.counts.unknown.Load(), Failed: n.counts.failed.Load()}
}
