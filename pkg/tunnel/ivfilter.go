package tunnel

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

const (
	ivLinesMin  = 4
	ivLinesMax  = 2048
	ivLinesGrow = 8
	// ivLinesFree are what a filter has beside the budget: memory of 512 messages, half
	// a megabyte of traffic.
	ivLinesFree = 32
)

// filterMemory is what the larger filters of others' tunnels may take, in bytes. Two
// megabytes that go through a tunnel have its filter take 128 KiB for as long as the tunnel
// lives, and there may be thousands.
const filterMemory = 32 << 20

// filterBudget is what filters share.
type filterBudget struct {
	max     int64
	held    atomic.Int64
	refused atomic.Uint64
}

func (b *filterBudget) take(n int64) bool {
	if b.held.Add(n) > b.max {
		b.held.Add(-n)
		b.refused.Add(1)
		return false
	}
	return true
}

// Filters are the bytes of filters held now, beside those that each has in any case, and
// how many were not let grow.
func (b *Budget) Filters() (held int, refused uint64) {
	return int(b.filters.held.Load()), b.filters.refused.Load()
}

// ivFilter remembers the tunnel messages that one hop saw. What is kept is
// 32 bits of the IV xored with the first block, so that a hop that swaps the
// two is seen as well (Participant Processing). It costs nothing before the
// first message, grows with the tunnel's traffic to 128 KiB, and then forgets the
// oldest messages: of those that came 16,000 before it remembers all but one in a
// hundred. Where the budget of all has come to its end it forgets them sooner.
//
// All that can be like a message is in one line of the processor's cache, as
// with thousands of tunnels the filter of the next message is never there yet.
// A false positive has a probability below 2^15 / 2^32.
type ivFilter struct {
	key   [2]uint64 // what decides which line a message is in
	lines []ivLine
	n     int // of messages, while it grows

	budget *Budget // shared; nil: there is none
	taken  int64   // of it
	small  bool    // it grows no more
}

// ivLine has the latest messages of a part of the filter, the newest first. What
// is 0 is empty.
type ivLine [16]uint32

// newIVFilter makes the filter of a tunnel's end or hop. Who could tell which
// messages go into one line would send some of his own, to have one forgotten that
// he wants to send again: the place depends on the keys of all these layers, which
// nobody has but the tunnel's creator, the hop itself, and the only hop of an
// inbound tunnel.
func newIVFilter(budget *Budget, layers ...LayerKeys) (f ivFilter) {
	f.budget = budget
	le := binary.LittleEndian
	for i := range layers {
		f.key[0] ^= le.Uint64(layers[i].IV[:])
		f.key[1] ^= le.Uint64(layers[i].IV[8:])
	}
	return f
}

// seen reports whether the TunnelData body was seen before, and remembers it.
func (f *ivFilter) seen(body []byte) bool {
	h := f.hash(body)
	if f.lines == nil {
		f.lines = make([]ivLine, ivLinesMin)
	}
	if f.line(h).has(h) {
		return true
	}
	if len(f.lines) < ivLinesMax && !f.small {
		f.count()
	}
	f.line(h).put(h)
	return false
}

// hash is what is remembered of a message.
func (f *ivFilter) hash(body []byte) uint32 {
	le := binary.LittleEndian
	lo := le.Uint64(body[tunnelIDLen:]) ^ le.Uint64(body[dataStart:])
	hi := le.Uint64(body[tunnelIDLen+8:]) ^ le.Uint64(body[dataStart+8:])
	hi, lo = bits.Mul64(lo^f.key[0], hi^f.key[1])
	return max(uint32(hi^lo), 1)
}

// line is where h is remembered.
func (f *ivFilter) line(h uint32) *ivLine { return &f.lines[h%uint32(len(f.lines))] }

// count makes room for one more message, in more lines where these are half full.
func (f *ivFilter) count() {
	f.n++
	if f.n <= len(f.lines)*len(ivLine{})/2 {
		return
	}
	if !f.mayGrow() {
		f.small = true
		return
	}
	was := f.lines
	f.lines = make([]ivLine, ivLinesGrow*len(was))
	for i := range was {
		for j := len(was[i]) - 1; j >= 0; j-- {
			if h := was[i][j]; h != 0 {
				f.line(h).put(h)
			}
		}
	}
}

// mayGrow takes what the filter is to grow by out of the budget.
func (f *ivFilter) mayGrow() bool {
	size := int64(len(f.lines)*ivLinesGrow) * int64(unsafe.Sizeof(ivLine{}))
	if f.budget == nil || len(f.lines) < ivLinesFree {
		return true
	}
	if !f.budget.filters.take(size - f.taken) {
		return false
	}
	f.taken = size
	return true
}

// close gives back what it took; what is asked afterwards is remembered in little.
func (f *ivFilter) close() {
	if f.budget != nil {
		f.budget.filters.held.Add(-f.taken)
	}
	f.lines, f.n, f.taken, f.small = nil, 0, 0, true
}

func (l *ivLine) has(h uint32) bool {
	for _, other := range l {
		if other == h {
			return true
		}
	}
	return false
}

// put stores h in place of the oldest.
func (l *ivLine) put(h uint32) {
	copy(l[1:], l[:])
	l[0] = h
}
