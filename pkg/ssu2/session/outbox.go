package session

import (
	"errors"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ssu2"
)

// Urgency says what goes first.
type Urgency byte

// Urgent messages overtake bulk.
const (
	Bulk Urgency = iota
	Urgent
	urgencies
)

// outgoing is a message, or a block of the router's, that has not arrived as a whole.
type outgoing struct {
	i2np.Message
	block   ssu2.BlockType // of the whole; its data is the body where it is no message
	urgency Urgency
	offset  int  // of the body: what is before has been cut off
	number  byte // of the next fragment
	left    int  // chunks that have not arrived
	gone    bool // given up
	taken   bool // back
	next    *outgoing
}

func (o *outgoing) isBlock() bool { return o.block != ssu2.BlockI2NP }

// size is that of the block that holds all of it.
func (o *outgoing) size() int {
	if o.isBlock() {
		return ssu2.BlockHeaderLen + len(o.Body)
	}
	return ssu2.BlockHeaderLen + o.ShortLen()
}

// chunk is what of an outgoing goes into one packet: all of it, or a fragment.
type chunk struct {
	of         *outgoing
	generation uint32
	lo, hi     int32 // of the body
	number     byte
	last       bool // of several
	arrived    bool
	waits      bool // to be sent again
	flights    int8 // packets that are flying with it
}

// ref names a chunk. What it named may be gone, and another be in its place.
type ref struct{ index, generation uint32 }

// The bounds of what a session holds.
const (
	mostMessages = 4096
	defaultHeld  = 6 << 20 // bytes: a window's worth, and what waits
)

// Errors of Send.
var (
	ErrFull     = errors.New("ssu2: too much is on its way")
	ErrTooLarge = errors.New("ssu2: message is too large")
	ErrOver     = errors.New("ssu2: the session has ended")
)

// MaxMessage is the largest body of a message that is sent: i2pd takes little more.
const MaxMessage = 61 << 10

// line is a first-in first-out list.
type line struct{ first, last *outgoing }

func (l *line) push(o *outgoing) {
	if l.last == nil {
		l.first = o
	} else {
		l.last.next = o
	}
	l.last = o
}

func (l *line) pop() {
	o := l.first
	if l.first = o.next; l.first == nil {
		l.last = nil
	}
	o.next = nil
}

// outbox holds what is to be sent, and what has been until it has arrived.
type outbox struct {
	fresh   [urgencies]line  // not cut to the end yet
	again   [urgencies][]ref // lost
	head    [urgencies]int   // of again
	chunks  []chunk
	free    []uint32
	spare   *outgoing
	count   int // messages
	held    int // bytes of buffers
	limit   int
	fresher int // bytes of bodies that were never sent
	counts  *Counts
}

// add takes ownership of a message.
func (q *outbox) add(m i2np.Message, block ssu2.BlockType, u Urgency) error {
	if q.count >= mostMessages || q.held+m.Memory() > q.limit {
		return ErrFull
	}
	o := q.spare
	if o == nil {
		o = new(outgoing)
	} else {
		q.spare = o.next
	}
	*o = outgoing{Message: m, block: block, urgency: u}
	q.count++
	q.held += m.Memory()
	q.fresher += len(m.Body)
	q.fresh[u].push(o)
	return nil
}

// remove lets go of an outgoing no chunk of which is left.
func (q *outbox) remove(o *outgoing) {
	q.count--
	q.held -= o.Memory()
	o.Release()
	*o = outgoing{next: q.spare}
	q.spare = o
}

func (q *outbox) get(r ref) *chunk {
	if c := &q.chunks[r.index]; c.generation == r.generation {
		return c
	}
	return nil
}

func (q *outbox) newChunk(o *outgoing) (ref, *chunk) {
	if len(q.free) == 0 {
		q.free = append(q.free, uint32(len(q.chunks)))
		q.chunks = append(q.chunks, chunk{generation: 1})
	}
	i := q.free[len(q.free)-1]
	q.free = q.free[:len(q.free)-1]
	c := &q.chunks[i]
	c.of = o
	o.left++
	return ref{i, c.generation}, c
}

// settle frees a chunk that nothing needs any more, and with its last one the message.
func (q *outbox) settle(r ref, c *chunk) {
	if c.flights > 0 || c.waits || !(c.arrived || c.of.gone) {
		return
	}
	o := c.of
	*c = chunk{generation: c.generation + 1}
	q.free = append(q.free, r.index)
	if o.left--; o.left == 0 && (o.gone || o.offset >= len(o.Body)) && !q.queued(o) {
		q.remove(o)
	}
}

// queued reports whether o is still in line: as the first of it, since only that one is
// cut.
func (q *outbox) queued(o *outgoing) bool { return q.fresh[o.urgency].first == o }

// giveUp drops a message that has expired, or cannot be sent any more.
func (q *outbox) giveUp(o *outgoing) {
	if !o.gone {
		o.gone = true
		q.counts.Dropped++
	}
}

// arrived and lost are told of a packet's chunk.
func (q *outbox) arrived(r ref, late bool) {
	c := q.get(r)
	if c == nil {
		return
	}
	if !late {
		c.flights--
	}
	c.arrived = true
	q.settle(r, c)
}

func (q *outbox) lost(r ref) {
	c := q.get(r)
	if c == nil {
		return
	}
	c.flights--
	if c.arrived || c.waits || c.flights > 0 {
		q.settle(r, c)
		return
	}
	q.repeat(r, c)
}

// repeat has a chunk sent again.
func (q *outbox) repeat(r ref, c *chunk) {
	c.waits = true
	u := c.of.urgency
	if q.head[u] > 0 && len(q.again[u]) == cap(q.again[u]) {
		n := copy(q.again[u], q.again[u][q.head[u]:])
		q.again[u], q.head[u] = q.again[u][:n], 0
	}
	q.again[u] = append(q.again[u], r)
}

// waiting reports whether there is anything to send.
func (q *outbox) waiting() bool {
	for u := range urgencies {
		if q.fresh[u].first != nil || q.head[u] < len(q.again[u]) {
			return true
		}
	}
	return false
}

// pick gives the next chunk that fits in room bytes of a payload of which most is
// possible; ok is false where there is none.
func (q *outbox) pick(date i2p.Date, room, most int) (r ref, c *chunk, ok bool) {
	for u := int(urgencies) - 1; u >= 0; u-- {
		if r, c, ok = q.pickAgain(u, date, room, most); ok || c != nil {
			return r, c, ok
		}
		if r, c, ok = q.pickFresh(u, date, room, most); ok || q.fresh[u].first != nil {
			return r, c, ok
		}
	}
	return r, nil, false
}

// pickAgain looks among what was lost. Where the first does not fit, it is returned, and
// ok is false.
func (q *outbox) pickAgain(u int, date i2p.Date, room, most int) (r ref, c *chunk, ok bool) {
	for q.head[u] < len(q.again[u]) {
		r = q.again[u][q.head[u]]
		c = q.get(r)
		switch {
		case c.arrived || c.of.gone:
		case c.of.Expiration < date && !c.of.isBlock():
			q.counts.Expired++
			q.giveUp(c.of)
		case c.size() > most: // fragments keep their length (SSU2, I2NP Message Fragmentation)
			q.giveUp(c.of)
		case c.size() > room:
			return r, c, false
		default:
			q.forgetAgain(u)
			c.waits = false
			q.counts.Resent++
			return r, c, true
		}
		q.forgetAgain(u)
		c.waits = false
		q.settle(r, c)
	}
	return r, nil, false
}

func (q *outbox) forgetAgain(u int) {
	if q.head[u]++; q.head[u] == len(q.again[u]) {
		q.again[u], q.head[u] = q.again[u][:0], 0
	}
}

// size is that of the chunk's block.
func (c *chunk) size() int {
	n := int(c.hi - c.lo)
	switch {
	case c.whole():
		return c.of.size()
	case c.number == 0:
		return ssu2.BlockHeaderLen + i2np.ShortHeaderLen + n
	}
	return ssu2.FollowOnLen + n
}

func (c *chunk) whole() bool { return c.number == 0 && int(c.hi) == len(c.of.Body) }

// A fragment that begins in what is left of a packet should be worth it, and its number
// must not become too large.
const (
	leastFragment = 256
	manyFragments = 40
)

// pickFresh cuts the next chunk off what was never sent.
func (q *outbox) pickFresh(u int, date i2p.Date, room, most int) (r ref, c *chunk, ok bool) {
	for o := q.fresh[u].first; o != nil; o = q.fresh[u].first {
		if o.gone || o.Expiration < date && !o.isBlock() || o.isBlock() && o.size() > most {
			if !o.gone && !o.isBlock() {
				q.counts.Expired++
			}
			q.giveUp(o)
			q.leave(u, o)
			if o.left == 0 {
				q.remove(o)
			}
			continue
		}
		n := len(o.Body) - o.offset
		if o.offset == 0 && o.size() > room || o.offset > 0 && ssu2.FollowOnLen+n > room {
			head := ssu2.FollowOnLen
			if o.offset == 0 {
				head = ssu2.BlockHeaderLen + i2np.ShortHeaderLen
			}
			if whole := o.offset == 0 && o.size() <= most; whole || room < head+leastFragment || room < most && o.number >= manyFragments {
				return r, nil, false
			}
			n = room - head
		}
		r, c = q.newChunk(o)
		c.lo, c.hi, c.number = int32(o.offset), int32(o.offset+n), o.number
		o.offset += n
		o.number++
		q.fresher -= n
		if o.offset == len(o.Body) {
			c.last = o.number > 1
			q.fresh[u].pop()
		}
		return r, c, true
	}
	return r, nil, false
}

// leave takes the first out of the line without sending what is left of it.
func (q *outbox) leave(u int, o *outgoing) {
	q.fresher -= len(o.Body) - o.offset
	o.offset = len(o.Body)
	q.fresh[u].pop()
}

// appendTo appends the chunk's block.
func (c *chunk) appendTo(out []byte) []byte {
	o := c.of
	part := o.Body[c.lo:c.hi]
	switch {
	case o.isBlock():
		return ssu2.Block{Type: o.block, Data: o.Body}.AppendTo(out)
	case c.number > 0:
		return ssu2.FollowOn{Number: c.number, Last: c.last, ID: o.ID, Data: part}.AppendTo(out)
	}
	t := ssu2.BlockI2NP
	if !c.whole() {
		t = ssu2.BlockFirstFragment
	}
	n := i2np.ShortHeaderLen + len(part)
	var head [ssu2.BlockHeaderLen + i2np.ShortHeaderLen]byte
	head[0], head[1], head[2] = byte(t), byte(n>>8), byte(n)
	o.PutShortHeader(head[ssu2.BlockHeaderLen:])
	return append(append(out, head[:]...), part...)
}

// clear lets go of everything.
func (q *outbox) clear() {
	for u := range urgencies {
		for o := q.fresh[u].first; o != nil; o = q.fresh[u].first {
			q.giveUp(o)
			q.leave(int(u), o)
			if o.left == 0 {
				q.remove(o)
			}
		}
		q.again[u], q.head[u] = nil, 0
	}
	for i := range q.chunks {
		if c := &q.chunks[i]; c.of != nil {
			q.giveUp(c.of)
			c.flights, c.waits = 0, false
			q.settle(ref{uint32(i), c.generation}, c)
		}
	}
	q.chunks, q.free, q.spare = nil, nil, nil
}

// copied is a block's data as the body of an outgoing.
func copied(data []byte, now time.Time) i2np.Message {
	b := buf.Copy(data)
	return i2np.Message{Body: b.Bytes(), Owner: b, Expiration: i2p.DateOf(now)}
}
