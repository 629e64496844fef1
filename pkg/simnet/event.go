package simnet

import (
	"cmp"
	"net/netip"
	"time"
)

// event is something on its way from one socket to another.
type event struct {
	at       time.Time
	kind     Kind
	src, dst netip.AddrPort
	class    byte   // what of one end is in order: 0 what it writes, 1 what it says about its reading
	seq      uint64 // order within src, dst and class

	from   *Conn // the stream it leaves, nil for datagrams
	to     *Conn // the stream it goes to
	data   []byte
	credit int // of a Window
}

// eventHeap is ordered by time, destination, source and sequence.
type eventHeap []*event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(a.at.Compare(b.at), a.dst.Compare(b.dst), a.src.Compare(b.src),
		cmp.Compare(a.class, b.class), cmp.Compare(a.seq, b.seq)) < 0
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(*event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
