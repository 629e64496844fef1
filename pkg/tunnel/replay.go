package tunnel

import (
	"sync"
	"time"
)

// replayWindow is longer than a build request stays acceptable.
const replayWindow = maxRequestAge + maxRequestFuture

// ReplayFilter remembers the build records that a router opened, by their
// ephemeral keys. It holds two generations of at most max records each; a
// generation ends when it is full or as old as a request may be. It is safe
// for concurrent use.
type ReplayFilter struct {
	mu       sync.Mutex
	max      int
	started  time.Time
	cur, old map[[16]byte]struct{}
}

// NewReplayFilter makes a filter; max 0 means 65,536 records.
func NewReplayFilter(max int) *ReplayFilter {
	if max <= 0 {
		max = 1 << 16
	}
	return &ReplayFilter{max: max, cur: make(map[[16]byte]struct{})}
}

// has reports whether the record was opened before.
func (f *ReplayFilter) has(record []byte) bool {
	k := [16]byte(record[toPeerLen:])
	f.mu.Lock()
	defer f.mu.Unlock()
	_, cur := f.cur[k]
	_, old := f.old[k]
	return cur || old
}

// add remembers a record; it returns false if it was known.
func (f *ReplayFilter) add(now time.Time, record []byte) bool {
	k := [16]byte(record[toPeerLen:])
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.started.IsZero() {
		f.started = now
	}
	if len(f.cur) >= f.max || now.Sub(f.started) > replayWindow {
		f.cur, f.old, f.started = make(map[[16]byte]struct{}), f.cur, now
	}
	_, cur := f.cur[k]
	_, old := f.old[k]
	if cur || old {
		return false
	}
	f.cur[k] = struct{}{}
	return true
}
