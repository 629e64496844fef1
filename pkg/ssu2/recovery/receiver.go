package recovery

import (
	"math/bits"
	"time"
)

// window is how many packet numbers below the largest are told apart: what is older is
// refused like a repetition, so that a replayed packet is never taken for new, and what
// is kept of the numbers does not grow.
const window = 4096

// Receiver keeps the numbers of the packets that have come, and when to acknowledge
// them (SSU2, Generating ACKs). Its zero value is ready.
type Receiver struct {
	bits    [window / 64]uint64 // those of the last window numbers, by their number
	largest uint32
	any     bool
	floor   uint32 // what is below is not told any more
	valid   uint64 // packets

	untold  int           // packets that elicit, since the last acknowledgement
	news    bool          // anything that was not told
	due     time.Duration // when it must be; 0 is not
	highest uint32        // of those that elicit
	asked   bool          // there was one
}

const (
	leastDelay = 10 * time.Millisecond // SSU2, Recommended Constants
	mostDelay  = 150 * time.Millisecond
	// batchDelay gathers what comes together: two packets are acknowledged soon, and
	// mostUntold at once.
	batchDelay = time.Millisecond
	mostUntold = 16
	// overlap is how much below what the peer knows to be told is told again: packets
	// come late.
	overlap = 128
)

// New reports whether a packet of this number may be the first. What is much too far
// ahead is not refused here: only whoever has the key can make it.
func (r *Receiver) New(n uint32) bool {
	switch {
	case !r.any || int32(n-r.largest) > 0:
		return true
	case r.largest-n >= window:
		return false
	}
	return r.bits[n/64%(window/64)]&(1<<(n%64)) == 0
}

// Received notes a packet that was opened, and reports false where it is a repetition.
func (r *Receiver) Received(n uint32) bool {
	if !r.New(n) {
		return false
	}
	if !r.any {
		r.any, r.largest, r.floor = true, n, n
	} else if int32(n-r.largest) > 0 {
		r.advance(n)
	}
	if int32(n-r.floor) < 0 {
		r.floor = n
	}
	r.bits[n/64%(window/64)] |= 1 << (n % 64)
	r.valid++
	r.news = true
	return true
}

// advance moves the window up to n.
func (r *Receiver) advance(n uint32) {
	if n-r.largest >= window {
		clear(r.bits[:])
	} else {
		for m := r.largest + 1; m != n+1; m++ {
			if m%64 == 0 && n-m >= 63 {
				r.bits[m/64%(window/64)] = 0
				m += 63
				continue
			}
			r.bits[m/64%(window/64)] &^= 1 << (m % 64)
		}
	}
	r.largest = n
	if int32(n-(window-1)-r.floor) > 0 {
		r.floor = n - (window - 1)
	}
}

// Valid is how many packets were received.
func (r *Receiver) Valid() uint64 { return r.valid }

// Elicited notes that a packet which was Received asks for an acknowledgement, at once
// or soon, of a peer that is rtt away.
func (r *Receiver) Elicited(now time.Duration, n uint32, immediately bool, rtt time.Duration) {
	r.untold++
	late := r.asked && n != r.highest+1 // it fills a gap, or there is one before it
	if !r.asked || int32(n-r.highest) > 0 {
		r.asked, r.highest = true, n
	}
	delay := max(leastDelay, min(rtt/6, mostDelay))
	switch {
	case immediately, late, r.untold >= mostUntold:
		delay = 0
	case r.untold >= 2:
		delay = min(rtt/16, batchDelay)
	}
	if at := max(now+delay, 1); r.due == 0 || at < r.due {
		r.due = at
	}
}

// Due is when an acknowledgement must have been sent; false is never.
func (r *Receiver) Due() (time.Duration, bool) { return r.due, r.due > 0 }

// News reports whether an acknowledgement would tell anything.
func (r *Receiver) News() bool { return r.news }

// Told notes that an acknowledgement was sent.
func (r *Receiver) Told() { r.untold, r.due, r.news = 0, 0, false }

// Repeat has what was told told again.
func (r *Receiver) Repeat() { r.news = true }

// Through is the largest number, with which an acknowledgement begins.
func (r *Receiver) Through() uint32 { return r.largest }

// Forget is told that the peer knows what was acknowledged up to a number.
func (r *Receiver) Forget(through uint32) {
	if f := through - overlap; int32(through-overlap-r.floor) > 0 && int32(f-r.largest) < 0 {
		r.floor = f
	}
}

// Ranges appends what has come to dst, the highest first, as far as it has room.
func (r *Receiver) Ranges(dst []Range) []Range {
	if !r.any {
		return dst
	}
	n := r.largest
	for len(dst) < cap(dst) {
		run := r.run(n, true)
		dst = append(dst, Range{n - (run - 1), n})
		n -= run
		if int32(n-r.floor) < 0 {
			break
		}
		n -= r.run(n, false)
		if int32(n-r.floor) < 0 {
			break
		}
	}
	return dst
}

// run is how many numbers from n on downwards have come, or have not, to the floor.
func (r *Receiver) run(n uint32, come bool) (count uint32) {
	limit := n - r.floor + 1
	for count < limit {
		word := r.bits[n/64%(window/64)]
		if come {
			word = ^word
		}
		below := n % 64
		k := uint32(bits.LeadingZeros64(word << (63 - below)))
		if k <= below {
			return min(count+k, limit)
		}
		count += below + 1
		n -= below + 1
	}
	return limit
}
