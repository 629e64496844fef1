package tunnel

import (
	"encoding/binary"
	"math/bits"
)

const (
	ivLinesMin  = 4
	ivLinesMax  = 2048
	ivLinesGrow = 8
)

// ivFilter remembers the tunnel messages that one hop saw. What is kept is
// 32 bits of the IV xored with the first block, so that a hop that swaps the
// two is seen as well (Participant Processing). It costs nothing before the
// first message, grows with the tunnel's traffic to 128 KiB, and then forgets the
// oldest messages: of those that came 16,000 before it remembers all but one in a
// hundred.
//
// All that can be like a message is in one line of the processor's cache, as
// with thousands of tunnels the filter of the next message is never there yet.
// A false positive has a probability below 2^15 / 2^32.
type ivFilter struct {
	lines []ivLine
	n     int // of messages, while it grows
}

// ivLine has the latest messages of a part of the filter, the newest first. What
// is 0 is empty.
type ivLine [16]uint32

// seen reports whether the TunnelData body was seen before, and remembers it.
func (f *ivFilter) seen(body []byte) bool {
	le := binary.LittleEndian
	lo := le.Uint64(body[tunnelIDLen:]) ^ le.Uint64(body[dataStart:])
	hi := le.Uint64(body[tunnelIDLen+8:]) ^ le.Uint64(body[dataStart+8:])
	x := lo*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(hi*0xc2b2ae3d27d4eb4f, 32)
	x ^= x >> 29
	h := uint32(x * 0xbf58476d1ce4e5b9 >> 32)
	if h == 0 {
		h = 1
	}
	if f.lines == nil {
		f.lines = make([]ivLine, ivLinesMin)
	}
	if f.line(h).has(h) {
		return true
	}
	if len(f.lines) < ivLinesMax {
		f.count()
	}
	f.line(h).put(h)
	return false
}

// line is where h is remembered.
func (f *ivFilter) line(h uint32) *ivLine { return &f.lines[h%uint32(len(f.lines))] }

// count makes room for one more message, in more lines where these are half full.
func (f *ivFilter) count() {
	f.n++
	if f.n <= len(f.lines)*len(ivLine{})/2 {
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
