// Package tally is for what is counted: how long things took, and sums of counts.
package tally

import (
	"slices"
	"time"
)

// Buckets is how many there are: one below each bound, and one for what is longer.
const Buckets = 13

var bounds = [Buckets - 1]time.Duration{
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 25 * time.Second, time.Minute,
}

// Bounds are the longest durations of the buckets, but for the last: from the
// round trip to a neighbour to a lookup that asks many routers through tunnels.
func Bounds() []time.Duration { return slices.Clone(bounds[:]) }

// Durations are counted in buckets, for those who want to know more of them than
// how many there were. The zero value has counted nothing; copies count apart. It
// is not safe for concurrent use.
type Durations struct {
	In  [Buckets]uint64
	Sum time.Duration
}

// Observe counts a duration. One that is negative, by a clock that was set back, counts as none.
func (d *Durations) Observe(took time.Duration) {
	took = max(took, 0)
	i, _ := slices.BinarySearch(bounds[:], took)
	d.In[i]++
	d.Sum += took
}

// Add counts all that another has counted.
func (d *Durations) Add(o Durations) {
	for i, n := range o.In {
		d.In[i] += n
	}
	d.Sum += o.Sum
}

// Count is how many durations there were.
func (d Durations) Count() (all uint64) {
	for _, n := range d.In {
		all += n
	}
	return all
}
