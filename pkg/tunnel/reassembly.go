package tunnel

import (
	"math/bits"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
)

// The bounds of reassembly at one endpoint. A fragment keeps the buffer that
// it came in, about 2 KiB.
const (
	maxPartials     = 64
	maxHeld         = 256
	fragmentTimeout = 10 * time.Second
)

// Budget bounds what all hops that share it hold: the fragments at endpoints, and
// the filters of what came before. It is safe for concurrent use.
type Budget struct {
	max     int64
	held    atomic.Int64
	filters filterBudget
}

// NewBudget makes a budget of n fragments of about 2 KiB, and 32 MiB of filters; n
// of 0 means 16,384.
func NewBudget(n int) *Budget {
	if n <= 0 {
		n = 1 << 14
	}
	return &Budget{max: int64(n), filters: filterBudget{max: filterMemory}}
}

// Held is the number of fragments held now.
func (b *Budget) Held() int { return int(b.held.Load()) }

func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	if b.held.Add(1) > b.max {
		b.held.Add(-1)
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if b != nil {
		b.held.Add(int64(-n))
	}
}

// piece is a held fragment and the buffer it lies in, if there is one.
type piece struct {
	data  []byte
	owner *buf.Buf
}

// partial is a message of which fragments are missing.
type partial struct {
	id      uint32
	since   time.Time
	address         // known with fragment 0
	pieces  []piece // by number
	have    uint64  // bit n: fragment n is there
	last    int     // number of the last fragment, -1 while unknown
	size    int
}

func (p *partial) held() int { return bits.OnesCount64(p.have) }

func (p *partial) complete() bool { return p.last >= 0 && p.held() == p.last+1 }

// reassembly holds the partial messages of one endpoint, the oldest first.
type reassembly struct {
	budget   *Budget
	partials map[uint32]*partial
	order    []*partial
	spare    *partial // for the next message, as most come one after the other
	held     int
	closed   bool
}

// add keeps a fragment and takes ownership of owner. It returns the partial
// message once complete; the caller then joins it. ok is false where the
// fragment was dropped, and evicted counts older messages given up for it.
func (r *reassembly) add(now time.Time, f *fragment, owner *buf.Buf) (done *partial, ok bool, evicted int) {
	if r.closed {
		release(owner)
		return nil, false, 0
	}
	p := r.partials[f.id]
	if p == nil {
		for len(r.order) >= maxPartials {
			r.drop(r.order[0])
			evicted++
		}
		p = r.begin(f.id, now)
	}
	fits := p.have>>f.number&1 == 0 && (p.last < 0 || f.number < p.last && !f.last) &&
		(!f.last || f.number >= len(p.pieces)) && p.size+len(f.data) <= i2np.MaxTunnelMessage
	for fits && (r.held >= maxHeld || !r.budget.take()) {
		if r.order[0] == p {
			fits = false
			break
		}
		r.drop(r.order[0])
		evicted++
	}
	if !fits {
		release(owner)
		if p.have == 0 {
			r.forget(p)
		}
		return nil, false, evicted
	}
	r.held++
	for len(p.pieces) <= f.number {
		p.pieces = append(p.pieces, piece{})
	}
	p.pieces[f.number] = piece{f.data, owner}
	p.have |= 1 << f.number
	p.size += len(f.data)
	if f.number == 0 {
		p.address = f.address
	}
	if f.last {
		p.last = f.number
	}
	if !p.complete() {
		return nil, true, evicted
	}
	return p, true, evicted
}

// begin makes room for a message.
func (r *reassembly) begin(id uint32, now time.Time) *partial {
	p := r.spare
	if r.spare = nil; p == nil {
		p = new(partial)
	}
	*p = partial{id: id, since: now, pieces: p.pieces[:0], last: -1}
	if r.partials == nil {
		r.partials = make(map[uint32]*partial)
	}
	r.partials[id] = p
	r.order = append(r.order, p)
	return p
}

// join copies a complete message behind head bytes of room, and lets go of
// its fragments.
func (r *reassembly) join(p *partial, head int) *buf.Buf {
	b := buf.Get(head + p.size)
	at := head
	for _, piece := range p.pieces {
		at += copy(b.Bytes()[at:], piece.data)
	}
	r.drop(p)
	return b
}

// drop lets go of a message and its fragments.
func (r *reassembly) drop(p *partial) {
	for _, piece := range p.pieces {
		release(piece.owner)
	}
	r.held -= p.held()
	r.budget.give(p.held())
	r.forget(p)
}

func (r *reassembly) forget(p *partial) {
	delete(r.partials, p.id)
	clear(p.pieces)
	r.spare = p
	for i, q := range r.order {
		if q == p {
			copy(r.order[i:], r.order[i+1:])
			r.order[len(r.order)-1] = nil
			r.order = r.order[:len(r.order)-1]
			return
		}
	}
}

// expire drops messages that wait for too long, and returns their number.
func (r *reassembly) expire(now time.Time) int {
	n := 0
	for len(r.order) > 0 && now.Sub(r.order[0].since) > fragmentTimeout {
		r.drop(r.order[0])
		n++
	}
	return n
}

// close drops everything, and what comes yet.
func (r *reassembly) close() {
	r.closed = true
	for len(r.order) > 0 {
		r.drop(r.order[0])
	}
}

func release(b *buf.Buf) {
	if b != nil {
		b.Release()
	}
}
