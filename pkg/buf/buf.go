// Package buf lends pooled byte buffers with one owner each.
//
// A buffer has room before and after its contents, so that a transport can
// put a header in front and a MAC behind without copying. Whoever holds a
// *Buf owns it: a channel send, or a call whose comment says "takes
// ownership", moves it; every other call borrows it. The last owner calls
// Release exactly once. InUse counts the buffers that are lent, so that a
// test can prove that none was lost.
package buf

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Headroom and Tailroom are the spare bytes before and after the contents of
// a buffer fresh from Get: enough for what is put around a packet of the
// streaming protocol until it is a garlic message.
const (
	Headroom = 128
	Tailroom = 64
)

// The capacities of the size classes, room included. A tunnel message with
// its transport framing fits the first, a garlic message of streaming's usual
// packet the second, any I2NP message the last. Each has at most twice the one before, as what
// others send waits in them: memory is to be no more than twice what came.
var classes = [...]int{1280, 2304, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64<<10 + Headroom + Tailroom}

var (
	pools [len(classes)]sync.Pool
	inUse atomic.Int64
)

// Buf is a byte buffer out of a pool. Its zero value is not usable.
type Buf struct {
	store  []byte
	lo, hi int
	class  int
	lent   atomic.Bool
}

// Get lends a buffer of n bytes, whose contents are unspecified. It panics
// when n is larger than the largest class holds.
func Get(n int) *Buf {
	for c, size := range classes {
		if n+Headroom+Tailroom > size {
			continue
		}
		b, _ := pools[c].Get().(*Buf)
		if b == nil {
			b = &Buf{store: make([]byte, size), class: c}
		}
		b.lo, b.hi = Headroom, Headroom+n
		b.lent.Store(true)
		inUse.Add(1)
		return b
	}
	panic(fmt.Sprintf("buf: %d bytes asked for, the largest buffer holds %d", n, Max))
}

// Max is the largest size that Get accepts.
const Max = 64 << 10

// Copy lends a buffer that holds a copy of p.
func Copy(p []byte) *Buf {
	b := Get(len(p))
	copy(b.Bytes(), p)
	return b
}

// Bytes returns the contents. The slice is valid until Release.
func (b *Buf) Bytes() []byte { return b.store[b.lo:b.hi:len(b.store)] }

// Cap is the memory that the buffer takes, room included.
func (b *Buf) Cap() int { return len(b.store) }

// Len is the number of bytes in the buffer.
func (b *Buf) Len() int { return b.hi - b.lo }

// Prepend grows the buffer by n bytes at its front and returns them. It
// panics when there is no such room.
func (b *Buf) Prepend(n int) []byte {
	if n > b.lo {
		panic(fmt.Sprintf("buf: prepend of %d bytes into %d of headroom", n, b.lo))
	}
	b.lo -= n
	return b.store[b.lo : b.lo+n]
}

// Append grows the buffer by n bytes at its end and returns them. It panics
// when there is no such room.
func (b *Buf) Append(n int) []byte {
	if n > len(b.store)-b.hi {
		panic(fmt.Sprintf("buf: append of %d bytes into %d of tailroom", n, len(b.store)-b.hi))
	}
	b.hi += n
	return b.store[b.hi-n : b.hi]
}

// Room is b where it has room for head bytes in front and tail bytes behind;
// else another buffer with the same contents that has, and b is released. It
// takes ownership of b.
func (b *Buf) Room(head, tail int) *Buf {
	if b.lo >= head && len(b.store)-b.hi >= tail {
		return b
	}
	wide := Get(head + b.Len() + tail)
	copy(wide.Bytes()[head:], b.Bytes())
	wide.Slice(head, head+b.Len())
	b.Release()
	return wide
}

// Slice narrows the contents to [lo:hi] of what they are now.
func (b *Buf) Slice(lo, hi int) {
	if lo < 0 || hi < lo || hi > b.Len() {
		panic(fmt.Sprintf("buf: slice [%d:%d] of %d bytes", lo, hi, b.Len()))
	}
	b.lo, b.hi = b.lo+lo, b.lo+hi
}

// Release gives the buffer back. A second Release panics: it means that two
// owners believed in the same memory.
func (b *Buf) Release() {
	if !b.lent.CompareAndSwap(true, false) {
		panic("buf: released twice")
	}
	inUse.Add(-1)
	pools[b.class].Put(b)
}

// InUse is the number of buffers lent and not yet released in this process.
func InUse() int64 { return inUse.Load() }
