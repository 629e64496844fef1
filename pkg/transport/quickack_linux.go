package transport

import (
	"net"
	"syscall"
)

// acknowledger returns what makes the kernel acknowledge at once all that was
// read from a TCP connection. Otherwise it waits 40 ms for data that could
// carry the acknowledgement, and a peer that writes by Nagle's rules, as i2pd
// does, holds its next small message back for so long.
func acknowledger(conn net.Conn) func() {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(fd uintptr) {
		// Where it fails, the acknowledgement is late: nothing is lost.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(set) }
}
