package streaming

import "encoding/binary"

// reassembly puts packets in the order of their sequence numbers.
type reassembly struct {
	memory  *memory
	keeps   *holding
	next    uint32 // the first sequence number that is missing
	highest uint32 // one beyond the highest that came
	ring    []slot // packets from next on, by sequence number modulo length
	held    int    // bytes in ring
}

type slot struct {
	data  []byte
	flags Flags
	have  bool
}

func (q *reassembly) at(seq uint32) *slot { return &q.ring[seq&uint32(len(q.ring)-1)] }

// gap reports whether something is missing before what came.
func (q *reassembly) gap() bool { return q.highest > q.next }

// incomplete reports whether something is known to be missing.
func (q *reassembly) incomplete() bool { return q.next == 0 || q.gap() }

// hold keeps a packet that came before its turn. It reports whether that had
// not come before, and whether there is a gap now where there was none.
func (q *reassembly) hold(p *Packet) (kept, newGap bool) {
	for int(p.SequenceNum-q.next) >= len(q.ring) {
		old := q.ring
		q.ring = make([]slot, max(64, 2*len(old)))
		for i := range old {
			seq := q.next + uint32(i)
			*q.at(seq) = old[seq&uint32(len(old)-1)]
		}
	}
	s := q.at(p.SequenceNum)
	if s.have {
		return false, false
	}
	newGap = !q.gap() || p.SequenceNum > q.highest
	*s = slot{data: append(q.memory.get(), p.Payload...), flags: p.Flags, have: true}
	q.held += len(p.Payload)
	q.keeps.add(len(p.Payload))
	q.highest = max(q.highest, p.SequenceNum+1)
	return true, newGap
}

// advance goes on to the next sequence number.
func (q *reassembly) advance() {
	q.next++
	q.highest = max(q.highest, q.next)
}

// pop takes the packet whose turn it is, if it is there. Its buffer is the
// caller's.
func (q *reassembly) pop() (s slot, ok bool) {
	if len(q.ring) == 0 || !q.at(q.next).have {
		return slot{}, false
	}
	s, *q.at(q.next) = *q.at(q.next), slot{}
	q.held -= len(s.data)
	q.keeps.remove(len(s.data))
	q.advance()
	return s, true
}

// acknowledge says in a packet what has come in order.
func (q *reassembly) acknowledge(p *Packet) {
	if q.next > 0 {
		p.AckThrough = q.next - 1
	} else {
		p.Flags |= NoAck
	}
}

// nacks appends what is missing below the sequence number that through is
// returned as. The NACK count is one byte: beyond 255 nothing is acknowledged.
// Where so many are missing in a row, that is what came before them.
func (q *reassembly) nacks(b []byte) (nacks []byte, through uint32) {
	through = q.next - 1
	for seq, n := q.next, 0; seq < q.highest; seq++ {
		if q.at(seq).have {
			through = seq
			continue
		}
		if n++; n > maxNACKs {
			break
		}
		b = binary.BigEndian.AppendUint32(b, seq)
	}
	for len(b) > 0 && binary.BigEndian.Uint32(b[len(b)-nackLen:]) > through {
		b = b[:len(b)-nackLen]
	}
	return b, through
}

// release gives back what is held.
func (q *reassembly) release() {
	for i := range q.ring {
		if q.ring[i].have {
			q.memory.put(q.ring[i].data)
		}
	}
	q.ring, q.highest = nil, q.next
	q.keeps.remove(q.held)
	q.held = 0
}
