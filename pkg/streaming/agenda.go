package streaming

import "container/heap"

// agenda knows which streams have something to do: at once, since something has
// happened to them, or at their deadlines.
type agenda struct {
	touched []*Conn
	later   turns
}

// turn is a stream's place in the agenda.
type turn struct {
	touched  bool
	deadline instant
	index    int // in later; -1: not there
}

// touch notes that a stream may have something to send.
func (a *agenda) touch(c *Conn) {
	if !c.turn.touched {
		c.turn.touched = true
		a.touched = append(a.touched, c)
	}
}

// next is the deadline of the stream that is the first to have one.
func (a *agenda) next() instant {
	if len(a.later) == 0 {
		return never
	}
	return a.later[0].turn.deadline
}

// due takes a stream whose deadline has come, and touches it; nil where there is none.
func (a *agenda) due(now instant) *Conn {
	if a.next() > now {
		return nil
	}
	c := a.later[0]
	a.remove(c)
	a.touch(c)
	return c
}

// set says when a stream has something to do though nothing happens.
func (a *agenda) set(c *Conn, at instant) {
	switch t := &c.turn; {
	case at == never:
		a.remove(c)
	case t.index < 0:
		t.deadline = at
		heap.Push(&a.later, c)
	case t.deadline != at:
		t.deadline = at
		heap.Fix(&a.later, t.index)
	}
}

func (a *agenda) remove(c *Conn) {
	if c.turn.index >= 0 {
		heap.Remove(&a.later, c.turn.index)
	}
}

// turns is a heap of streams by their deadlines.
type turns []*Conn

func (h turns) Len() int { return len(h) }
func (h turns) Less(i, j int) bool {
	if h[i].turn.deadline != h[j].turn.deadline {
		return h[i].turn.deadline < h[j].turn.deadline
	}
	return h[i].localID < h[j].localID
}
func (h turns) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].turn.index, h[j].turn.index = i, j
}
func (h *turns) Push(x any) {
	c := x.(*Conn)
	c.turn.index = len(*h)
	*h = append(*h, c)
}
func (h *turns) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	c.turn.index = -1
	*h = old[:len(old)-1]
	return c
}
