package streaming

import (
	"bytes"
	"time"
)

// orphans are packets that came before the SYN of their stream, in the order
// in which they came.
type orphans []orphan

type orphan struct {
	id    uint32 // receive stream id
	at    instant
	from  uint16
	bytes []byte
}

const (
	maxOrphans = 64
	orphanLife = 10 * time.Second
)

// keep keeps a packet, and returns how many it has given up instead.
func (os *orphans) keep(now instant, id uint32, from uint16, raw []byte) (lost int) {
	for len(*os) > 0 && (now-(*os)[0].at > orphanLife || len(*os) >= maxOrphans) {
		*os = (*os)[1:]
		lost++
	}
	*os = append(*os, orphan{id, now, from, bytes.Clone(raw)})
	return lost
}

// take gives the packets of a stream.
func (os *orphans) take(id uint32, from uint16) (of []orphan) {
	left := (*os)[:0]
	for _, o := range *os {
		if o.id == id && o.from == from {
			of = append(of, o)
		} else {
			left = append(left, o)
		}
	}
	clear((*os)[len(left):])
	*os = left
	return of
}
