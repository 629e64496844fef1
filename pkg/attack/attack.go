package attack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Attack is something hostile.
type Attack interface {
	// Run goes on until ctx ends. What fails on the way is counted: an attacker
	// tries again.
	Run(ctx context.Context)
	// Counts are what it did, and what came of that.
	Counts() map[string]uint64
}

// counts are those of an attack, by name.
type counts struct {
	mu sync.Mutex
	of map[string]uint64
}

func (c *counts) add(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]uint64)
	}
	c.of[name] += uint64(n)
}

// outcome counts a name, or what went wrong with it.
func (c *counts) outcome(name string, err error) {
	if err != nil {
		name += " failed"
	}
	c.add(name, 1)
}

// Counts is Attack's.
func (c *counts) Counts() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.of)
}

// Together are several attacks at the same time.
type Together []Attack

// Run runs all of them.
func (t Together) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, a := range t {
		wg.Go(func() { a.Run(ctx) })
	}
	wg.Wait()
}

// Counts adds up those of all.
func (t Together) Counts() map[string]uint64 {
	sum := make(map[string]uint64)
	for _, a := range t {
		for name, n := range a.Counts() {
			sum[name] += n
		}
	}
	return sum
}

// Running is an attack that has begun.
type Running struct {
	Attack
	cancel context.CancelFunc
	done   chan struct{}
}

// Start begins an attack.
func Start(ctx context.Context, a Attack) *Running {
	ctx, cancel := context.WithCancel(ctx)
	r := &Running{Attack: a, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		a.Run(ctx)
	}()
	return r
}

// Stop ends it, and returns once nothing of it is left.
func (r *Running) Stop() {
	r.cancel()
	<-r.done
}

// String has the counts.
func (r *Running) String() string {
	var b strings.Builder
	all := r.Counts()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s%s %d", map[bool]string{true: ", "}[b.Len() > 0], name, all[name])
	}
	return b.String()
}

// pace calls f so often a second, until ctx ends. As many calls run at the same time as
// that takes, but no more than limit: then there are fewer a second.
func pace(ctx context.Context, rate float64, limit int, f func()) {
	const step = 5 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	free := make(chan struct{}, limit)
	var wg sync.WaitGroup
	defer wg.Wait()
	due := 0.0
	for last := time.Now(); ; {
		select {
		case now := <-tick.C:
			due = min(due+rate*now.Sub(last).Seconds(), max(rate, 1))
			last = now
		case <-ctx.Done():
			return
		}
		for ; due >= 1; due-- {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				defer func() { <-free }()
				f()
			})
		}
	}
}

// again calls f until ctx ends, after a pause each time.
func again(ctx context.Context, pause time.Duration, f func()) {
	for ctx.Err() == nil {
		f()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}
