package wan

import "time"

// packet is on its way: in the up line of its source, or in the down line of to.
type packet struct {
	at   time.Duration // when it comes out of that line
	seq  uint64        // breaks ties
	to   *device
	down bool
	data []byte
}

// events is a binary heap of packets, the next one first. It is written out,
// as container/heap would allocate for every packet.
type events []packet

func (e events) less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}

func (e *events) push(p packet) {
	*e = append(*e, p)
	h := *e
	for i := len(h) - 1; i > 0 && h.less(i, (i-1)/2); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (e *events) pop() packet {
	h := *e
	first, n := h[0], len(h)-1
	h[0], h[n] = h[n], packet{}
	h = h[:n]
	for i := 0; ; {
		next := 2*i + 1
		if next+1 < n && h.less(next+1, next) {
			next++
		}
		if next >= n || !h.less(next, i) {
			break
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
	*e = h
	return first
}
