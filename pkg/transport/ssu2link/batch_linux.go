package ssu2link

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/transport"
)

// The most that goes to the system, or comes from it, with one call.
const (
	mostRuns     = 64
	mostSegments = 44 // of full datagrams, in mostGathered
	mostReads    = 8  // each may be of mostReceived bytes
)

// batch is a socket and the arguments of sendmmsg or recvmmsg. They lie on the heap, as the
// system has their addresses.
type batch struct {
	raw    syscall.RawConn
	number uintptr // of the system call
	try    func(fd uintptr) bool
	wait   func(func(fd uintptr) bool) error

	messages []unix.Mmsghdr
	parts    []part
	now      []unix.Mmsghdr // of messages: what the call is made with
	n        int            // how many the system took or gave
	errno    syscall.Errno
}

// part is what a message's header points to.
type part struct {
	vector  unix.Iovec
	name    [unix.SizeofSockaddrInet6]byte
	control [64]byte
}

func newBatch(raw syscall.RawConn, number uintptr, n int) *batch {
	b := &batch{raw: raw, number: number, messages: make([]unix.Mmsghdr, n), parts: make([]part, n)}
	b.try, b.wait = b.once, raw.Write
	if number == unix.SYS_RECVMMSG {
		b.wait = raw.Read
	}
	for i := range b.messages {
		h, p := &b.messages[i].Hdr, &b.parts[i]
		h.Name, h.Iov, h.Control = &p.name[0], &p.vector, &p.control[0]
		h.SetIovlen(1)
	}
	return b
}

// call makes the system call, once the socket is ready for it, and returns how many messages the
// system took or gave. An error is the first one's, where it is none.
func (b *batch) call(messages []unix.Mmsghdr) (int, error) {
	b.now, b.n, b.errno = messages, 0, 0
	if err := b.wait(b.try); err != nil {
		return 0, err
	}
	if b.errno != 0 {
		return 0, b.errno
	}
	return b.n, nil
}

// once reports false where the call is to be made again, once the socket is ready.
func (b *batch) once(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall6(b.number, fd, uintptr(unsafe.Pointer(&b.now[0])), uintptr(len(b.now)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		}
		b.n, b.errno = int(n), errno
		return true
	}
}

// batchSender sends many runs with one call; each in one piece, where the system cuts pieces.
type batchSender struct {
	*batch
	v4  bool
	one single
	cut bool // the system cuts

	refused int // pieces in a row
	rest    int // runs that go without being pieces, until it is tried again
}

// Pieces are refused where a path has no room for the datagrams in them, or its device cannot cut:
// that is one path's matter. After some refusals and nothing else it is taken for the system's, for a
// while: nobody whose path refuses can have others wait for long.
const (
	mostRefused = 8
	restRuns    = 256
)

func newBatchSender(u *net.UDPConn, raw syscall.RawConn, cut bool) *batchSender {
	return &batchSender{
		batch: newBatch(raw, unix.SYS_SENDMMSG, mostRuns), one: single{conn: u}, cut: cut,
		v4: transport.AddrOf(u.LocalAddr()).Addr().Is4(),
	}
}

func (s *batchSender) most() (runs, each int) {
	if !s.cut {
		return mostRuns, 1
	}
	return mostRuns, mostSegments
}

func (s *batchSender) send(b []byte, runs []run) (failed int) {
	for len(runs) > 0 {
		if s.rest > 0 && runs[0].count() > 1 {
			s.rest--
			failed += s.apart(b, &runs[0])
			runs = runs[1:]
			continue
		}
		n := 0
		for n < len(runs) && (s.rest == 0 || runs[n].count() == 1) {
			s.put(n, b, &runs[n])
			n++
		}
		sent, err := s.call(s.messages[:n])
		for i := range runs[:sent] {
			if runs[i].count() > 1 {
				s.refused = 0
			}
		}
		runs = runs[sent:]
		if err == nil {
			continue
		}
		switch { // it is the first one's
		case runs[0].count() > 1 && (err == unix.EINVAL || err == unix.EIO || err == unix.EMSGSIZE):
			if s.refused++; s.refused >= mostRefused {
				s.rest = restRuns
			}
			failed += s.apart(b, &runs[0])
		default:
			failed++
		}
		runs = runs[1:]
	}
	return failed
}

// apart sends a run's datagrams one by one.
func (s *batchSender) apart(b []byte, r *run) int {
	if s.one.sendRun(b, r) != nil {
		return 1
	}
	return 0
}

// put fills in the message of a run.
func (s *batchSender) put(i int, b []byte, r *run) {
	h, p := &s.messages[i].Hdr, &s.parts[i]
	p.vector.Base = &b[r.lo]
	p.vector.SetLen(r.hi - r.lo)
	h.Namelen = putName(&p.name, r.to, s.v4)
	h.SetControllen(0)
	if r.count() > 1 {
		c := p.control[:unix.CmsgSpace(2)]
		binary.NativeEndian.PutUint64(c, uint64(unix.CmsgLen(2)))
		binary.NativeEndian.PutUint32(c[8:], unix.IPPROTO_UDP)
		binary.NativeEndian.PutUint32(c[12:], unix.UDP_SEGMENT)
		binary.NativeEndian.PutUint16(c[unix.SizeofCmsghdr:], uint16(r.size))
		h.SetControllen(len(c))
	}
}

// A socket address of the system's, in network byte order but for the family and the scope:
//
//	0  2 bytes   family
//	2  2 bytes   port
//	4  4 bytes   of IPv4: the address; of IPv6: the flow
//	8  16 bytes  the address of IPv6, and 4 bytes of its scope
func putName(name *[unix.SizeofSockaddrInet6]byte, to netip.AddrPort, v4 bool) (length uint32) {
	binary.BigEndian.PutUint16(name[2:], to.Port())
	if v4 {
		binary.NativeEndian.PutUint16(name[:], unix.AF_INET)
		a := to.Addr().Unmap().As16() // the last four of a mapped one are IPv4's
		copy(name[4:], a[12:])
		clear(name[8:unix.SizeofSockaddrInet4])
		return unix.SizeofSockaddrInet4
	}
	binary.NativeEndian.PutUint16(name[:], unix.AF_INET6)
	clear(name[4:8])
	a := to.Addr().As16()
	copy(name[8:], a[:])
	scope, _ := strconv.ParseUint(to.Addr().Zone(), 10, 32) // as nameOf has it
	binary.NativeEndian.PutUint32(name[24:], uint32(scope))
	return unix.SizeofSockaddrInet6
}

func nameOf(name *[unix.SizeofSockaddrInet6]byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(name[2:])
	if binary.NativeEndian.Uint16(name[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(name[4:8])), port)
	}
	a := netip.AddrFrom16([16]byte(name[8:24])).Unmap()
	if scope := binary.NativeEndian.Uint32(name[24:]); scope != 0 {
		a = a.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return netip.AddrPortFrom(a, port)
}

// batchReceiver gives what has gathered at the socket with one call, datagrams of one sender put
// together (UDP receive offload), and their marks.
type batchReceiver struct {
	*batch
	buffer []byte
}

func newBatchReceiver(raw syscall.RawConn) *batchReceiver {
	r := &batchReceiver{newBatch(raw, unix.SYS_RECVMMSG, mostReads), make([]byte, mostReads*mostReceived)}
	for i := range r.parts {
		r.parts[i].vector.Base = &r.buffer[i*mostReceived]
		r.parts[i].vector.SetLen(mostReceived)
	}
	return r
}

func (r *batchReceiver) receive(each func(b []byte, from source)) (bytes int, err error) {
	for i := range r.messages {
		h := &r.messages[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(len(r.parts[i].control))
	}
	n, err := r.call(r.messages)
	for i := range n {
		m, p := &r.messages[i], &r.parts[i]
		size, marked := controls(p.control[:min(int(m.Hdr.Controllen), len(p.control))])
		from := source{nameOf(&p.name), marked}
		b := r.buffer[i*mostReceived:][:m.Len]
		bytes += len(b)
		for len(b) > 0 {
			k := len(b)
			if size > 0 {
				k = min(size, k)
			}
			each(b[:k], from)
			b = b[k:]
		}
	}
	return bytes, err
}

const (
	ecnMask = 3 // of the type of service, or the traffic class (RFC 3168, section 5)
	ecnCE   = 3
)

// controls finds in control messages how long each datagram is, 0 where there is one, and whether
// they are marked by a congested path. The system joins none of different marks.
func controls(control []byte) (size int, marked bool) {
	for len(control) >= unix.SizeofCmsghdr {
		length := int(binary.NativeEndian.Uint64(control))
		level, kind := binary.NativeEndian.Uint32(control[8:]), binary.NativeEndian.Uint32(control[12:])
		if length < unix.SizeofCmsghdr || length > len(control) {
			break
		}
		data := control[unix.SizeofCmsghdr:length]
		switch {
		case level == unix.IPPROTO_UDP && kind == unix.UDP_GRO && len(data) >= 2:
			size = int(binary.NativeEndian.Uint16(data))
		case level == unix.IPPROTO_IP && kind == unix.IP_TOS && len(data) >= 1: // one byte
			marked = data[0]&ecnMask == ecnCE
		case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_TCLASS && len(data) >= 4: // an int
			marked = binary.NativeEndian.Uint32(data)&ecnMask == ecnCE
		}
		control = control[min(unix.CmsgSpace(len(data)), len(control)):]
	}
	return size, marked
}
