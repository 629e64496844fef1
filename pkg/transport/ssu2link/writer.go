package ssu2link

import (
	"net/netip"

	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// writer gathers the datagrams of a turn, for one system call where the system takes many:
// those that go to one place as one piece, which the system cuts apart again (UDP
// segmentation offload), and the pieces for all places together.
type writer struct {
	out    sender
	buffer []byte
	runs   []run
}

// run is datagrams to one place that lie behind each other.
type run struct {
	lo, hi int // in the writer's buffer
	size   int // of each but the last, which may be smaller
	to     netip.AddrPort
}

// count is how many there are.
func (r *run) count() int { return (r.hi - r.lo + r.size - 1) / r.size }

// takes reports whether another of so many bytes may follow. Nothing may follow a smaller one.
func (r *run) takes(n int, to netip.AddrPort, most int) bool {
	return to == r.to && n <= r.size && (r.hi-r.lo)%r.size == 0 && r.count() < most && r.hi-r.lo+n <= mostGathered
}

// sender is a socket. Send tells how many of the runs in b were not sent whole.
type sender interface {
	send(b []byte, runs []run) (failed int)
	most() (runs, each int) // at once, and datagrams of each run
}

// single sends one datagram with each call.
type single struct {
	conn   transport.PacketConn
	buffer []byte // that is read into
}

func (*single) most() (runs, each int) { return 1, 1 }

func (s *single) send(b []byte, runs []run) (failed int) {
	for i := range runs {
		if s.sendRun(b, &runs[i]) != nil {
			failed++
		}
	}
	return failed
}

func (s *single) sendRun(b []byte, r *run) (failed error) {
	for lo := r.lo; lo < r.hi; lo += r.size {
		if _, err := s.conn.WriteToUDPAddrPort(b[lo:min(lo+r.size, r.hi)], r.to); err != nil {
			failed = err
		}
	}
	return failed
}

// mostGathered is what a UDP datagram may have at all, in bytes.
const mostGathered = 63 << 10

func newWriter(conn transport.PacketConn) *writer {
	w := &writer{out: newSender(conn)}
	runs, each := w.out.most()
	w.runs = make([]run, 0, runs)
	w.buffer = make([]byte, min(mostGathered, runs*each*session.MaxDatagram)+session.MaxDatagram)
	return w
}

// used is how much of the buffer is.
func (w *writer) used() int {
	if n := len(w.runs); n > 0 {
		return w.runs[n-1].hi
	}
	return 0
}

// room is where the next datagram is to be written.
func (w *writer) room(s *socket) []byte {
	at := w.used()
	if len(w.buffer)-at < session.MaxDatagram {
		w.flush(s)
		at = 0
	}
	return w.buffer[at : at+session.MaxDatagram]
}

// add takes the datagram that lies in room.
func (w *writer) add(s *socket, b []byte, to netip.AddrPort) {
	most, each := w.out.most()
	last := len(w.runs) - 1
	if last >= 0 && w.runs[last].takes(len(b), to, each) {
		w.runs[last].hi += len(b)
	} else {
		if len(w.runs) == most {
			w.flush(s)
			copy(w.buffer, b)
		}
		lo := w.used()
		w.runs = append(w.runs, run{lo, lo + len(b), len(b), to})
		last = len(w.runs) - 1
	}
	if last == most-1 && w.runs[last].count() == each { // nothing may follow
		w.flush(s)
	}
}

// flush writes what has gathered.
func (w *writer) flush(s *socket) {
	if len(w.runs) == 0 {
		return
	}
	if failed := w.out.send(w.buffer[:w.used()], w.runs); failed > 0 {
		s.d.counts.writeErrors.Add(uint64(failed))
	}
	w.runs = w.runs[:0]
}

// receiver is a socket. Receive waits for datagrams, and gives each, which is lent.
type receiver interface {
	receive(each func(b []byte, from source)) (bytes int, err error)
}

func (s *single) receive(each func(b []byte, from source)) (bytes int, err error) {
	if s.buffer == nil {
		s.buffer = make([]byte, mostReceived)
	}
	n, from, err := s.conn.ReadFromUDPAddrPort(s.buffer)
	if err != nil {
		return 0, err
	}
	each(s.buffer[:n], source{from: netip.AddrPortFrom(from.Addr().Unmap(), from.Port())})
	return n, nil
}

// mostReceived is the largest that a system gives in one piece.
const mostReceived = 64 << 10
