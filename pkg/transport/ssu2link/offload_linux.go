package ssu2link

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/transport"
)

// socketBuffer is what a burst must find room in.
const socketBuffer = 4 << 20

// newSender is one that sends many datagrams with a call, where the system has it.
func newSender(conn transport.PacketConn) sender {
	u, raw := systems(conn)
	if raw == nil || !knows(raw, unix.SYS_SENDMMSG) {
		return &single{conn: conn}
	}
	return newBatchSender(u, raw, has(raw, unix.UDP_SEGMENT))
}

// newReceiver is one that reads many datagrams with a call, and their marks, where the system has it.
func newReceiver(conn transport.PacketConn) receiver {
	u, raw := systems(conn)
	if u != nil {
		u.SetReadBuffer(socketBuffer)
		u.SetWriteBuffer(socketBuffer)
	}
	if raw == nil {
		return &single{conn: conn}
	}
	raw.Control(func(fd uintptr) {
		// Packets are as large as the session says, and routers on the way do not cut them.
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	})
	if !knows(raw, unix.SYS_RECVMMSG) {
		return &single{conn: conn}
	}
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
	})
	return newBatchReceiver(raw)
}

// systems is the socket of a connection, where it is one of the system's.
func systems(conn transport.PacketConn) (*net.UDPConn, syscall.RawConn) {
	u, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, nil
	}
	raw, err := u.SyscallConn()
	if err != nil || unix.SizeofCmsghdr != 16 { // numbers of 64 bits are in it, below
		return u, nil
	}
	return u, raw
}

// has reports whether the system knows an option of UDP.
func has(raw syscall.RawConn, option int) (known bool) {
	raw.Control(func(fd uintptr) {
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, option)
		known = err == nil
	})
	return known
}

// knows reports whether the system has, and lets us use, sendmmsg or recvmmsg: a call with no
// message does nothing.
func knows(raw syscall.RawConn, call uintptr) (known bool) {
	raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(call, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0)
		known = errno != unix.ENOSYS && errno != unix.EPERM && errno != unix.EACCES
	})
	return known
}
