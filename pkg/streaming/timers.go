package streaming

import "container/heap"

// timers orders streams by their deadlines.
type timers struct{ h timerHeap }

type timerHeap []*Conn

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].deadline != h[j].deadline {
		return h[i].deadline < h[j].deadline
	}
	return h[i].localID < h[j].localID
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapIndex, h[j].heapIndex = i, j
}
func (h *timerHeap) Push(x any) {
	c := x.(*Conn)
	c.heapIndex = len(*h)
	*h = append(*h, c)
}
func (h *timerHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	c.heapIndex = -1
	*h = old[:len(old)-1]
	return c
}

func (t *timers) first() *Conn {
	if len(t.h) == 0 {
		return nil
	}
	return t.h[0]
}

func (t *timers) set(c *Conn, at instant) {
	if at == never {
		t.remove(c)
		return
	}
	if c.heapIndex < 0 {
		c.deadline = at
		heap.Push(&t.h, c)
		return
	}
	if c.deadline != at {
		c.deadline = at
		heap.Fix(&t.h, c.heapIndex)
	}
}

func (t *timers) remove(c *Conn) {
	if c.heapIndex >= 0 {
		heap.Remove(&t.h, c.heapIndex)
	}
}
