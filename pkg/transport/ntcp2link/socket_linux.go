package ntcp2link

import (
	"math"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// congestionControl carries 0.2 MB/s and more where 1% of the packets are lost
// over 200 ms, and builds up no queue before a slow line; the usual one, cubic,
// carries 0.06.
const congestionControl = "bbr"

// unsentMost is how much the kernel may hold that it has not sent yet: what
// waits longer waits in our queue, where it can be put in order and dropped.
const unsentMost = 64 << 10

// tune prepares a connection for a session. Where the system refuses a
// setting, the session does without it.
func tune(conn net.Conn, unanswered time.Duration) {
	control(conn, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unanswered.Milliseconds()))
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMost)
		_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestionControl)
	})
}

// acknowledger returns what makes the kernel acknowledge at once all that was
// read from a TCP connection. Otherwise it waits 40 ms for data that could
// carry the acknowledgement, and a peer that writes by Nagle's rules, as i2pd
// does, holds its next small message back for so long.
func acknowledger(conn net.Conn) func() {
	raw := rawConn(conn)
	if raw == nil {
		return func() {}
	}
	set := func(fd uintptr) {
		// Where it fails, the acknowledgement is late: nothing is lost.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(set) }
}

// tcpAcknowledged tells how much of what was written to a TCP connection the
// peer has acknowledged, and whether that is all.
func tcpAcknowledged(conn net.Conn) (bytes uint64, all, known bool) {
	control(conn, func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			bytes, all, known = info.Bytes_acked, info.Unacked == 0 && info.Notsent_bytes == 0, true
		}
	})
	return bytes, all, known
}

// tcpFlow tells how a TCP connection fares.
func tcpFlow(conn net.Conn) (f flow, known bool) {
	control(conn, func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		known = true
		f = flow{
			sent: info.Bytes_sent, resent: info.Bytes_retrans, packets: info.Data_segs_out,
			delivered: info.Delivered, rate: float64(info.Delivery_rate) / float64(info.Snd_mss),
			rtt: time.Duration(info.Rtt) * time.Microsecond, shortest: time.Duration(info.Min_rtt) * time.Microsecond,
		}
	})
	return f, known
}

// govern has a TCP connection send at most so many bytes a second, and choose by BBR or by
// cubic how much of that.
func govern(conn net.Conn, rate float64, cubic bool) {
	by := congestionControl
	if cubic {
		by = "cubic"
	}
	control(conn, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, int(min(rate, math.MaxInt32)))
		_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, by)
	})
}

func control(conn net.Conn, f func(fd int)) {
	if raw := rawConn(conn); raw != nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // a closed connection needs nothing more
	}
}

func rawConn(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
