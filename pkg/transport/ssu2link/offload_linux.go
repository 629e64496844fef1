package ssu2link

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/transport"
)

// offload is a socket of Linux that takes many datagrams in one call (UDP_SEGMENT), and
// gives them so (UDP_GRO).
type offload struct {
	conn    *net.UDPConn
	control []byte
	single
	refused bool // by the system, or the device
}

const (
	mostSegments = 44      // of full datagrams, in mostGathered
	socketBuffer = 4 << 20 // that a burst must find room in
)

func newSender(conn transport.PacketConn) sender {
	u, ok := conn.(*net.UDPConn)
	if !ok || !supports(u, unix.UDP_SEGMENT) {
		return single{conn}
	}
	o := &offload{conn: u, single: single{conn}, control: make([]byte, unix.CmsgSpace(2))}
	binary.NativeEndian.PutUint64(o.control, uint64(unix.CmsgLen(2)))
	h := o.control[unix.SizeofCmsghdr-8:]
	binary.NativeEndian.PutUint32(h, unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(h[4:], unix.UDP_SEGMENT)
	return o
}

// supports reports whether the system knows an option of UDP.
func supports(u *net.UDPConn, option int) (known bool) {
	raw, err := u.SyscallConn()
	if err != nil || unix.SizeofCmsghdr != 16 {
		return false
	}
	raw.Control(func(fd uintptr) {
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, option)
		known = err == nil
	})
	return known
}

func (o *offload) most() int { return mostSegments }

func (o *offload) segments(b []byte, size int, to netip.AddrPort) error {
	if len(b) > size && !o.refused {
		binary.NativeEndian.PutUint16(o.control[unix.SizeofCmsghdr:], uint16(size))
		_, _, err := o.conn.WriteMsgUDPAddrPort(b, o.control, to)
		if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EMSGSIZE) {
			return err
		}
		o.refused = !errors.Is(err, syscall.EMSGSIZE)
	}
	var failed error
	for len(b) > 0 {
		k := min(size, len(b))
		if err := o.single.segments(b[:k], k, to); err != nil {
			failed = err
		}
		b = b[k:]
	}
	return failed
}

// joined is a socket that gives datagrams of one sender put together, and their marks.
type joined struct {
	conn    *net.UDPConn
	control []byte
}

func newReceiver(conn transport.PacketConn) receiver {
	u, ok := conn.(*net.UDPConn)
	if !ok {
		return single{conn}
	}
	u.SetReadBuffer(socketBuffer)
	u.SetWriteBuffer(socketBuffer)
	raw, err := u.SyscallConn()
	if err != nil || unix.SizeofCmsghdr != 16 {
		return single{conn}
	}
	on := false
	raw.Control(func(fd uintptr) {
		// Packets are as large as the session says, and routers on the way do not cut them.
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
		on = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
		on = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) == nil || on
		on = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1) == nil || on
	})
	if !on {
		return single{conn}
	}
	return &joined{conn: u, control: make([]byte, 64)}
}

func (j *joined) receive(b []byte) (n, size int, from source, err error) {
	n, control, _, at, err := j.conn.ReadMsgUDPAddrPort(b, j.control)
	if err != nil {
		return 0, 0, from, err
	}
	size, marked := controls(j.control[:control])
	if size == 0 {
		size = n
	}
	return n, size, source{at, marked}, nil
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
