package session

import (
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/ssu2"
)

// The bounds of messages that have come in part. A message of 64 KB has 55 fragments
// at the least MTU; others send no more than 64 either.
const (
	mostFragments = 64
	mostPartial   = 256
	partialLife   = 10 * time.Second // since its last fragment
	lateLife      = 32               // messages whose late fragments are known as such
)

// partial is a message that has come in part.
type partial struct {
	id    uint32
	parts [mostFragments]*buf.Buf
	have  uint64
	last  int // number of the last fragment; -1 where that has not come
	bytes int
	at    time.Duration
	// Neighbours in the order of their last fragments.
	older, newer *partial
}

// inbox puts messages together.
type inbox struct {
	partials       map[uint32]*partial
	oldest, newest *partial
	spare          []*partial
	memory         int // of buffers
	limit          int
	late           [lateLife]uint32
	known          int // of late, those that were ever set
	counts         *Counts
}

// fragment takes a part of a message, and returns the message with its short header in a
// buffer that is the caller's, where it is whole now.
func (in *inbox) fragment(now time.Duration, id uint32, number int, last bool, data []byte) *buf.Buf {
	if number >= mostFragments {
		in.counts.BadFragments++
		return nil
	}
	if in.isLate(id) {
		return nil
	}
	p := in.find(id)
	bit := uint64(1) << number
	switch {
	case p.have&bit != 0:
		return nil
	case p.last >= 0 && (number > p.last || last), last && p.have>>number != 0:
		in.counts.BadFragments++ // two ends, or something behind the end
		in.drop(p)
		return nil
	case p.bytes+len(data) > buf.Max:
		in.counts.BadFragments++
		in.drop(p)
		return nil
	}
	part := buf.Copy(data)
	p.parts[number] = part
	p.have |= bit
	p.bytes += len(data)
	p.at = now
	if last {
		p.last = number
	}
	in.memory += part.Cap()
	in.unlink(p)
	in.link(p)
	if p.last >= 0 && p.have == ^uint64(0)>>(63-p.last) {
		return in.whole(p)
	}
	for in.memory > in.limit && in.oldest != nil {
		in.counts.Overfull++
		in.drop(in.oldest)
	}
	return nil
}

func (in *inbox) isLate(id uint32) bool {
	for _, l := range in.late[:min(in.known, lateLife)] {
		if l == id {
			return true
		}
	}
	return false
}

func (in *inbox) find(id uint32) *partial {
	if p := in.partials[id]; p != nil {
		return p
	}
	if len(in.partials) >= mostPartial {
		in.counts.Overfull++
		in.drop(in.oldest)
	}
	p := new(partial)
	if n := len(in.spare); n > 0 {
		p, in.spare = in.spare[n-1], in.spare[:n-1]
	}
	p.id, p.last = id, -1
	if in.partials == nil {
		in.partials = make(map[uint32]*partial)
	}
	in.partials[id] = p
	in.link(p)
	return p
}

func (in *inbox) link(p *partial) {
	p.older = in.newest
	if in.newest == nil {
		in.oldest = p
	} else {
		in.newest.newer = p
	}
	in.newest = p
}

func (in *inbox) unlink(p *partial) {
	if p.older == nil {
		in.oldest = p.newer
	} else {
		p.older.newer = p.newer
	}
	if p.newer == nil {
		in.newest = p.older
	} else {
		p.newer.older = p.older
	}
	p.older, p.newer = nil, nil
}

func (in *inbox) whole(p *partial) *buf.Buf {
	b := buf.Get(p.bytes)
	at := 0
	for _, part := range p.parts[:p.last+1] {
		at += copy(b.Bytes()[at:], part.Bytes())
	}
	in.late[in.known%lateLife] = p.id
	in.known++
	if in.known == 2*lateLife { // it need not be larger
		in.known = lateLife
	}
	in.drop(p)
	return b
}

// drop lets go of a message.
func (in *inbox) drop(p *partial) {
	for i, part := range p.parts {
		if part != nil {
			in.memory -= part.Cap()
			part.Release()
			p.parts[i] = nil
		}
	}
	delete(in.partials, p.id)
	in.unlink(p)
	*p = partial{}
	if len(in.spare) < 4 {
		in.spare = append(in.spare, p)
	}
}

// expire drops what is not completed in time.
func (in *inbox) expire(now time.Duration) {
	for in.oldest != nil && now-in.oldest.at >= partialLife {
		in.counts.TimedOut++
		in.drop(in.oldest)
	}
}

// due is when the oldest is dropped.
func (in *inbox) due() (time.Duration, bool) {
	if in.oldest == nil {
		return 0, false
	}
	return in.oldest.at + partialLife, true
}

func (in *inbox) clear() {
	for in.oldest != nil {
		in.drop(in.oldest)
	}
}

// first and follow take the blocks.
func (s *Session) first(now time.Duration, data []byte) error {
	f, err := ssu2.ParseFirstFragment(data)
	if err == nil {
		s.deliverWhole(s.inbox.fragment(now, f.ID(), 0, false, f.Data))
	}
	return err
}

func (s *Session) follow(now time.Duration, data []byte) error {
	f, err := ssu2.ParseFollowOn(data)
	if err == nil {
		s.deliverWhole(s.inbox.fragment(now, f.ID, int(f.Number), f.Last, f.Data))
	}
	return err
}

func (s *Session) deliverWhole(b *buf.Buf) {
	if b != nil {
		s.sink.Deliver(b.Bytes())
		b.Release()
	}
}
