package udploss

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SO_MEMINFO gives nine numbers of 32 bits, the last of which is how many datagrams were dropped (linux/sock_diag.h,
// SK_MEMINFO_DROPS).
const (
	memoryFigures = 9
	drops         = 8
)

// dropped is what the system says of a socket; 0 where it says nothing.
func dropped(conn *net.UDPConn) uint64 {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	var figures [memoryFigures]uint32
	raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(figures))
		// A system that does not know it leaves the figures zero.
		unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&figures)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return uint64(figures[drops])
}
