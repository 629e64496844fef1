// Package access decides whose streams a server takes by a file of rules that its owner writes (Access
// Filter Format Specification): thresholds of attempts to connect, for all peers, one, or those of a list,
// and lists into which those are written who go beyond one.
package access

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// Filter is a definition at work. New reads the lists; Run follows them.
type Filter struct {
	def    Definition
	log    *slog.Logger
	depth  int           // attempts that are remembered of a peer
	period time.Duration // for so long

	mu     sync.Mutex // a leaf
	lists  map[string]*list
	peers  map[i2p.Hash][]int64 // when they tried, in milliseconds, the oldest first
	stored int                  // attempts
	swept  time.Time
}

// maxStored bounds the attempts that are remembered of all peers. Where there are more, those whose
// attempts would have to be counted are refused.
const maxStored = 1 << 20

// New makes a filter. A list that is not there yet is empty.
func New(def Definition, log *slog.Logger) (*Filter, error) {
	f := &Filter{def: def, log: log, lists: make(map[string]*list), peers: make(map[i2p.Hash][]int64)}
	for _, t := range def.all() {
		if t.Seconds > 0 {
			f.depth = max(f.depth, t.Attempts)
			f.period = max(f.period, time.Duration(t.Seconds)*time.Second)
		}
	}
	for _, r := range def.Rules {
		if r.File != "" {
			f.lists[r.File] = &list{path: r.File}
		}
	}
	for _, r := range def.Recorders {
		if f.lists[r.File] == nil {
			f.lists[r.File] = &list{path: r.File}
		}
	}
	for _, l := range f.lists {
		if err := f.follow(l); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// rereading is how often lists are looked at: changes "may take up to 10 seconds" (Bulk Thresholds).
const rereading = 10 * time.Second

// Run follows what the owner writes into the lists, and writes what is to be recorded, until ctx ends.
func (f *Filter) Run(ctx context.Context) {
	ticker := time.NewTicker(rereading)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		for _, l := range f.lists {
			if err := f.sync(l); err != nil {
				f.log.Warn("access list", "error", err)
			}
		}
	}
}

// Allows tells whether a peer that tries to connect may. The attempt counts, allowed or not.
func (f *Filter) Allows(now time.Time, peer i2p.Hash) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.threshold(peer)
	tries, counted := f.count(now, peer)
	for _, r := range f.def.Recorders {
		if l := f.lists[r.File]; breached(r.Threshold, tries) && !l.has(peer) {
			l.note(peer)
		}
	}
	return !breached(t, tries) && (counted || t.Seconds == 0)
}

// threshold is the one that holds for a peer: the first.
func (f *Filter) threshold(peer i2p.Hash) Threshold {
	for _, r := range f.def.Rules {
		if r.File != "" && f.lists[r.File].has(peer) || r.File == "" && r.Peer == peer {
			return r.Threshold
		}
	}
	return f.def.Default
}

// breached tells whether the last of some attempts is one too many.
func breached(t Threshold, tries []int64) bool {
	switch {
	case t == Allow:
		return false
	case t == Deny:
		return true
	case len(tries) < t.Attempts:
		return false
	}
	first, last := tries[len(tries)-t.Attempts], tries[len(tries)-1]
	return last-first < int64(t.Seconds)*1000
}

// count remembers an attempt, and gives those of the peer. It reports false where there is no room.
func (f *Filter) count(now time.Time, peer i2p.Hash) (tries []int64, ok bool) {
	if f.depth == 0 {
		return nil, true
	}
	if now.Sub(f.swept) >= f.period || f.stored >= maxStored && now.Sub(f.swept) >= time.Second {
		f.sweep(now)
	}
	tries = f.peers[peer]
	switch {
	case len(tries) == f.depth:
		copy(tries, tries[1:])
		tries[f.depth-1] = now.UnixMilli()
		return tries, true
	case f.stored >= maxStored:
		return nil, false
	}
	f.stored++
	tries = append(tries, now.UnixMilli())
	f.peers[peer] = tries
	return tries, true
}

// sweep forgets peers that have not tried for long.
func (f *Filter) sweep(now time.Time) {
	f.swept = now
	for peer, tries := range f.peers {
		if now.UnixMilli()-tries[len(tries)-1] >= f.period.Milliseconds() {
			f.stored -= len(tries)
			delete(f.peers, peer)
		}
	}
}
