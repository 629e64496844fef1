package tunnel

import (
	"encoding/binary"
	"math/bits"
)

const (
	ivSlotsMin = 64
	ivSlotsMax = 1 << 15
	ivProbes   = 16
)

// ivFilter remembers the tunnel messages that one hop saw. What is kept is
// 32 bits of the IV xored with the first block, so that a hop that swaps the
// two is seen as well (Participant Processing). It costs nothing before the
// first message, grows with the tunnel's traffic, and forgets the oldest
// messages beyond some 16,000: 128 KiB twice at most.
//
// Two tables of open addressing, the older one read only. A slot of 0 is
// empty. A false positive has a probability below 2^15 / 2^32.
type ivFilter struct {
	cur, old []uint32
	n        int // in cur
}

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
	if f.cur == nil {
		f.cur = make([]uint32, ivSlotsMin)
	}
	if _, found := ivSlot(f.cur, h); found {
		return true
	}
	if f.old != nil {
		if _, found := ivSlot(f.old, h); found {
			return true
		}
	}
	f.add(h)
	return false
}

// ivSlot finds h, or the slot to put it into; -1 when its slots are taken.
func ivSlot(table []uint32, h uint32) (slot int, found bool) {
	mask := uint32(len(table) - 1)
	for i := range uint32(ivProbes) {
		at := (h + i) & mask
		switch table[at] {
		case h:
			return int(at), true
		case 0:
			return int(at), false
		}
	}
	return -1, false
}

func (f *ivFilter) add(h uint32) {
	if f.n >= len(f.cur)/2 {
		f.grow()
	}
	f.put(h)
}

// put stores h; where its slots are taken it replaces one of the others.
func (f *ivFilter) put(h uint32) {
	at, _ := ivSlot(f.cur, h)
	if at < 0 {
		f.cur[h&uint32(len(f.cur)-1)] = h
		return
	}
	f.cur[at] = h
	f.n++
}

// grow makes room: a larger table with the same contents, or at the largest
// size an empty one while the full one turns old.
func (f *ivFilter) grow() {
	if len(f.cur) == ivSlotsMax {
		f.cur, f.old = f.old, f.cur
		if f.cur == nil {
			f.cur = make([]uint32, ivSlotsMax)
		} else {
			clear(f.cur)
		}
		f.n = 0
		return
	}
	was := f.cur
	f.cur, f.n = make([]uint32, 4*len(was)), 0
	if len(f.cur) > ivSlotsMax {
		f.cur = f.cur[:ivSlotsMax]
	}
	for _, h := range was {
		if h != 0 {
			f.put(h)
		}
	}
}
