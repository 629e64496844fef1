package ssu2link

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/transport"
)

// TestMarked: what comes with the mark of a congested path is known for such by what the
// system says of it, of both families, and its sender is told.
func TestMarked(t *testing.T) {
	for _, c := range []struct {
		name          string
		host          netip.Addr
		level, option int
	}{
		{"IPv4", loopback4, unix.IPPROTO_IP, unix.IP_TOS},
		{"IPv6", netip.IPv6Loopback(), unix.IPPROTO_IPV6, unix.IPV6_TCLASS},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := netip.AddrPortFrom(c.host, 0)
			a, b := newNode(t, 31, transport.Internet{}, at, nil), newNode(t, 32, transport.Internet{}, at, nil)
			a.start(t, c.host)
			b.start(t, c.host)
			transfer(t, a, b, 50000, 1028, 20*time.Second)
			if counter(b, "marked_in")+counter(a, "marked_out") > 0 {
				t.Errorf("marks that nobody made: %s; %s", show(a), show(b))
			}
			raw, err := a.driver.sockets[0].conn.(*net.UDPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), c.level, c.option, ecnCE) })
			if err != nil {
				t.Fatal(err)
			}
			transfer(t, a, b, 50000, 1028, 20*time.Second)
			await(t, "the sender is told of marks", func() bool { return counter(a, "marked_out") > 0 })
			if counter(b, "marked_in") == 0 || counter(a, "marked_in") > 0 {
				t.Errorf("%s; %s", show(a), show(b))
			}
			a.halt(t)
			b.halt(t)
		})
	}
}

func counter(n *node, name string) uint64 {
	for _, c := range n.driver.Counters() {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}
