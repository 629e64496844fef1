package ntcp2link

import (
	"errors"
	"os"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/ntcp2"
)

// The sizes of the read buffer: it starts small, grows when reads fill it or a
// frame needs it, and shrinks when nothing has come for a while.
const (
	smallRead = 4 << 10
	largeRead = 64 << 10
)

// readIdle is how often a silent reader looks after itself.
const readIdle = 40 * time.Second

// read is the link's reader: large reads, and all whole frames of each.
func (l *link) read(rest []byte) {
	defer l.Wake()
	r := reader{link: l, in: make([]byte, max(smallRead, len(rest))), lastRead: time.Now()}
	r.hi, r.frameAt = copy(r.in, rest), r.lastRead
	acknowledge := acknowledger(l.conn)
	for r.open() {
		r.in, r.lo, r.hi = room(r.in, r.lo, r.hi, l.recv.Need())
		r.arm()
		n, err := l.conn.Read(r.in[r.hi:min(len(r.in), r.hi+l.d.host.In.Chunk())])
		switch {
		case n > 0:
			r.took(n)
			if n < smallRead { // a lone message; the next may wait for this
				acknowledge()
			}
			if l.d.host.In.Wait(l.ctx, n) != nil {
				return
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			if l.moved.Load() || !r.lookAfter() {
				return
			}
		case err != nil:
			l.end(lost(err))
			return
		}
	}
}

// reader is what a link's reading goroutine keeps.
type reader struct {
	*link
	in       []byte
	lo, hi   int       // what of it is held
	armed    time.Time // the deadline of reads
	lastRead time.Time
	frameAt  time.Time // when the frame at hand began
	until    time.Time // the end of what remains, where the machine has moved
}

// arm sets the deadline of the next read. A deadline costs a timer: it is moved rarely, and looked into
// when it fires.
func (r *reader) arm() {
	now := time.Now()
	if r.armed.Sub(now) < r.d.limits.FrameTimeout/2 {
		r.armed = now.Add(max(r.d.limits.FrameTimeout, readIdle/2))
		r.conn.SetReadDeadline(r.armed)
	}
	if r.moved.Load() { // Close may have set its own before ours
		if r.until.IsZero() {
			r.until = now.Add(mostRemains)
		}
		r.conn.SetReadDeadline(deadline.Earliest(now.Add(remains), r.until))
	}
}

// open opens all whole frames at hand. It reports false when the link has ended
// over one.
func (r *reader) open() bool {
	for {
		payload, used, err := r.recv.Open(r.in[r.lo:r.hi])
		if err != nil {
			r.refuseFrame(err)
			return false
		}
		if used == 0 {
			return true
		}
		r.lo += used
		r.frameAt = r.lastRead
		r.frames.Store(r.recv.Frames())
		if err := r.blocks(payload); err != nil {
			r.end(err)
			return false
		}
	}
}

// took notes that n bytes were read.
func (r *reader) took(n int) {
	r.lastRead = time.Now()
	if r.hi == r.lo {
		r.frameAt = r.lastRead
	}
	r.hi += n
	r.session.Read(n)
}

// lookAfter is called when nothing has come for a while. It reports false when
// the link has ended over a frame that does not go on.
func (r *reader) lookAfter() bool {
	held := r.hi > r.lo
	if held && time.Since(r.frameAt) >= r.d.limits.FrameTimeout {
		r.end(&ntcp2.TerminationError{Reason: ntcp2.ReasonReadTimeout})
		return false
	}
	if !held && len(r.in) > smallRead {
		r.in, r.lo, r.hi = make([]byte, smallRead), 0, 0
	}
	r.armed = time.Time{}
	return true
}

// room makes space behind what is held: for the frame that is awaited, and for
// a good read.
func room(in []byte, lo, hi, need int) ([]byte, int, int) {
	if lo == hi {
		lo, hi = 0, 0
	}
	held := hi - lo
	size := len(in)
	if hi == size && size < largeRead { // the last read filled it
		size = min(size*4, largeRead)
	}
	size = max(size, need)
	if size > len(in) {
		grown := make([]byte, size)
		copy(grown, in[lo:hi])
		return grown, 0, held
	}
	if lo > 0 && (size-lo < need || size-hi < size/2) {
		copy(in, in[lo:hi])
		lo, hi = 0, held
	}
	return in, lo, hi
}

// refuseFrame ends the link over a frame that does not authenticate. So that
// it is no oracle, it first reads a random number of bytes for a random time
// (NTCP2, AEAD Error Handling).
func (l *link) refuseFrame(err error) {
	l.d.counts.badFrames.Add(1)
	reason := ntcp2.ReasonAEADFailure
	if errors.Is(err, ntcp2.ErrFraming) {
		reason = ntcp2.ReasonFraming
	}
	l.conn.SetReadDeadline(time.Now().Add(l.refusal.wait))
	discard(l.conn, l.refusal.bytes)
	l.end(&ntcp2.TerminationError{Reason: reason, Err: err})
}

// blocks handles the payload of a frame, which it borrows.
func (l *link) blocks(payload []byte) *ntcp2.TerminationError {
	bs := ntcp2.Blocks{Payload: payload}
	for {
		b, ok, err := bs.Next()
		if err != nil {
			reason := ntcp2.ReasonPayload
			if errors.Is(err, ntcp2.ErrPaddingOrder) {
				reason = ntcp2.ReasonPadding
			}
			return &ntcp2.TerminationError{Reason: reason, Err: err}
		}
		if !ok {
			return nil
		}
		if b.Type == ntcp2.BlockI2NP {
			l.session.Deliver(b.Data)
			continue
		}
		if end := l.otherBlock(b); end != nil {
			return end
		}
	}
}

func (l *link) otherBlock(b ntcp2.Block) *ntcp2.TerminationError {
	bad := func(err error) *ntcp2.TerminationError {
		return &ntcp2.TerminationError{Reason: ntcp2.ReasonPayload, Err: err}
	}
	switch b.Type {
	case ntcp2.BlockDateTime:
		skew, err := ntcp2.ParseDateTime(b.Data, l.d.host.Now().Add(-l.state.RTT/2))
		if err != nil {
			return bad(err)
		}
		if skew.Abs() > ntcp2.MaxSkew {
			return &ntcp2.TerminationError{Reason: ntcp2.ReasonClockSkew}
		}
	case ntcp2.BlockOptions:
		o, err := ntcp2.ParseOptions(b.Data)
		if err != nil {
			return bad(err)
		}
		o.More = nil
		l.mu.Lock()
		l.options = &o
		l.mu.Unlock()
		l.Wake()
	case ntcp2.BlockRouterInfo:
		ri, err := ntcp2.ParseRouterInfo(b.Data)
		if err != nil {
			return bad(err)
		}
		l.session.PeerInfo(ri.Info, ri.Flags&ntcp2.FlagFlood != 0)
	case ntcp2.BlockTermination:
		end, err := ntcp2.ParseTermination(b.Data)
		if err != nil {
			return bad(err)
		}
		return &ntcp2.TerminationError{Reason: end.Reason, Remote: true}
	case ntcp2.BlockPadding:
	default:
		l.session.Ignore() // unknown ones are treated as padding
	}
	return nil
}
