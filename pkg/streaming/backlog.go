package streaming

// backlog is what the application has written and was not yet sent.
type backlog struct {
	limit    int
	bytes    []byte // from read on
	read     int
	fin      finState
	severs   bool // a RESET follows the end
	wantRoom bool // a write was not taken whole
}

type finState uint8

const (
	finNone finState = iota
	finWanted
	finSent
	finBroken // in place of an end there is a RESET
)

func (b *backlog) len() int { return len(b.bytes) - b.read }

// broken reports whether the application broke off, and nothing is left to be said but that.
func (b *backlog) broken() bool { return b.fin == finBroken || b.fin == finSent && b.severs }

// write takes as much as there is room for.
func (b *backlog) write(p []byte) int {
	if b.fin != finNone {
		return 0
	}
	n := min(len(p), b.limit-b.len())
	if n < len(p) {
		b.wantRoom = true
	}
	if n <= 0 {
		return 0
	}
	b.bytes = append(b.bytes, p[:n]...)
	return n
}

// roomAgain reports once that there is much room for who wanted some.
func (b *backlog) roomAgain() bool {
	if !b.wantRoom || b.len() > b.limit/2 {
		return false
	}
	b.wantRoom = false
	return true
}

// next appends at most n bytes to p, and takes them out.
func (b *backlog) next(p []byte, n int) []byte {
	p = append(p, b.bytes[b.read:b.read+n]...)
	b.read += n
	if b.read == len(b.bytes) {
		b.bytes, b.read = b.bytes[:0], 0
	} else if b.read > len(b.bytes)/2 {
		b.bytes = b.bytes[:copy(b.bytes, b.bytes[b.read:])]
		b.read = 0
	}
	return p
}

// some reports whether there is something to send, if only CLOSE.
func (b *backlog) some() bool { return b.len() > 0 || b.fin == finWanted }

// endsHere reports once that what was taken out last is the end.
func (b *backlog) endsHere() bool {
	if b.len() > 0 || b.fin != finWanted {
		return false
	}
	b.fin = finSent
	return true
}

func (b *backlog) release() { b.bytes, b.read = nil, 0 }
