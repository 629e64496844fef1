package ssu2link

import (
	"net/netip"

	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// writer gathers the datagrams that go to one place, for one system call where the system
// can cut them apart again (UDP segmentation offload).
type writer struct {
	out     sender
	buffer  []byte
	used    int
	size    int // of each but the last, which may be smaller
	to      netip.AddrPort
	closing bool // the last was smaller: nothing may follow it
}

// sender is a socket. Segments sends b as datagrams of size bytes each; the last may be
// smaller.
type sender interface {
	segments(b []byte, size int, to netip.AddrPort) error
	most() int // segments at once
}

// single sends one datagram with each call.
type single struct{ conn transport.PacketConn }

func (s single) most() int { return 1 }

func (s single) segments(b []byte, _ int, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

// mostGathered is what a UDP datagram may have at all, in bytes.
const mostGathered = 63 << 10

func newWriter(conn transport.PacketConn) *writer {
	w := &writer{out: newSender(conn)}
	w.buffer = make([]byte, min(mostGathered, w.out.most()*session.MaxDatagram)+session.MaxDatagram)
	return w
}

// room is where the next datagram is to be written.
func (w *writer) room(s *socket) []byte {
	if len(w.buffer)-w.used < session.MaxDatagram {
		w.flush(s)
	}
	return w.buffer[w.used : w.used+session.MaxDatagram]
}

// add takes the datagram that lies in room.
func (w *writer) add(s *socket, b []byte, to netip.AddrPort) {
	at := w.used
	if at > 0 && (to != w.to || w.closing || len(b) > w.size || at/w.size >= w.out.most() || at+len(b) > mostGathered) {
		w.flush(s)
		copy(w.buffer, b)
	}
	if w.used == 0 {
		w.to, w.size = to, len(b)
	}
	w.closing = len(b) < w.size
	w.used += len(b)
	if w.used/w.size >= w.out.most() {
		w.flush(s)
	}
}

// flush writes what has gathered.
func (w *writer) flush(s *socket) {
	if w.used == 0 {
		return
	}
	b := w.buffer[:w.used]
	w.used, w.closing = 0, false
	if w.out.segments(b, w.size, w.to) != nil {
		s.d.counts.writeErrors.Add(1)
	}
}

// reader reads datagrams, several at once where the system has put them together (UDP
// receive offload).
type reader struct {
	in     receiver
	buffer []byte
}

// receiver is a socket. The size is that of each datagram in b but the last.
type receiver interface {
	receive(b []byte) (n, size int, from source, err error)
}

func (s single) receive(b []byte) (n, size int, from source, err error) {
	n, from.from, err = s.conn.ReadFromUDPAddrPort(b)
	return n, n, from, err
}

func newReader(conn transport.PacketConn) *reader {
	return &reader{in: newReceiver(conn), buffer: make([]byte, 64<<10)}
}

// read reads once, and gives each datagram, which is lent.
func (r *reader) read(each func(b []byte, from source)) (bytes int, err error) {
	n, size, from, err := r.in.receive(r.buffer)
	if err != nil {
		return 0, err
	}
	from.from = netip.AddrPortFrom(from.from.Addr().Unmap(), from.from.Port())
	for b := r.buffer[:n]; len(b) > 0; {
		k := min(size, len(b))
		each(b[:k], from)
		b = b[k:]
	}
	return n, nil
}
