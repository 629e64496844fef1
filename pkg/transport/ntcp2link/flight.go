package ntcp2link

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/transport"
)

// mostFlight is how much memory the messages of a link may take that were written and are not
// known to have arrived: a line's bandwidth times its round trip, of nearly all lines. What is
// beyond ownFlight is borrowed: the system's buffers allow for as much. From askFlight on
// the connection is asked after each write, and else once a second: asking costs a system call.
const (
	ownFlight  = 1 << 20
	mostFlight = 8 << 20
	askFlight  = 64 << 10
)

// flight is the messages that were written, until it is known that they have arrived: where the
// peer is found elsewhere, they go there. It knows them by how many bytes were written before and with
// them; those of a batch arrive together.
type flight struct {
	messages []flying // the oldest first
	head     int      // of messages
	memory   int
	loan     transport.Loan
	written  uint64
}

type flying struct {
	i2np.Message
	end uint64 // what is written once it is
}

// add takes ownership of messages that are about to be written in so many bytes. Where the
// connection cannot tell what arrives it keeps none.
func (f *flight) add(batch []i2np.Message, bytes int, known bool) {
	f.written += uint64(bytes)
	for i, m := range batch {
		batch[i] = i2np.Message{}
		if !known {
			m.Release()
			continue
		}
		f.messages = append(f.messages, flying{m, f.written})
		f.memory += m.Memory()
	}
	f.shrink(mostFlight)
	f.shrink(f.memory - f.loan.Settle(f.memory))
	f.loan.Settle(f.memory)
}

// shrink lets go of the oldest until no more than so many bytes are left.
func (f *flight) shrink(to int) {
	for f.memory > to {
		f.land()
	}
}

// arrived lets go of what is among so many bytes.
func (f *flight) arrived(bytes uint64) {
	for f.head < len(f.messages) && f.messages[f.head].end <= bytes {
		f.land()
	}
	f.loan.Settle(f.memory)
}

// land lets go of the oldest.
func (f *flight) land() {
	m := &f.messages[f.head]
	f.memory -= m.Memory()
	m.Release()
	*m = flying{}
	if f.head++; f.head == len(f.messages) {
		f.messages, f.head = f.messages[:0], 0
	} else if f.head >= 64 && 2*f.head >= len(f.messages) { // the list is to stay as long as what it holds
		n := copy(f.messages, f.messages[f.head:])
		clear(f.messages[n:])
		f.messages, f.head = f.messages[:n], 0
	}
}

// takeBack gives up all of them.
func (f *flight) takeBack() (all []i2np.Message) {
	for _, m := range f.messages[f.head:] {
		all = append(all, m.Message)
	}
	f.messages, f.head, f.memory = nil, 0, 0
	f.loan.Settle(0)
	return all
}
