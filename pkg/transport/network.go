package transport

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Network is where connections and datagrams come from: Internet, or a
// simulated one.
type Network interface {
	Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
	ListenPacket(ctx context.Context, addr netip.AddrPort) (PacketConn, error)
	DialContext(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
	// Addrs are the addresses that this machine has at the moment.
	Addrs() ([]netip.Addr, error)
}

// PacketConn is a socket for datagrams. The calls with a netip.AddrPort allocate
// nothing, as net.UDPConn's do.
type PacketConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// Internet is the real network. Source chooses the address to dial from; where
// it is nil, or gives none, the system chooses.
type Internet struct {
	Source func(to netip.Addr) netip.Addr
}

// keepAlive finds out about a peer that has gone while nothing is sent to it.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// Listen opens a TCP listener.
func (Internet) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	return lc.Listen(ctx, "tcp"+family(addr.Addr()), addr.String())
}

// ListenPacket opens a UDP socket.
func (Internet) ListenPacket(ctx context.Context, addr netip.AddrPort) (PacketConn, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp"+family(addr.Addr()), addr.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// DialContext opens a TCP connection.
func (n Internet) DialContext(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive}
	if n.Source != nil {
		if local := n.Source(addr.Addr()); local.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
		}
	}
	return d.DialContext(ctx, "tcp"+family(addr.Addr()), addr.String())
}

// Addrs asks the system.
func (Internet) Addrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out, nil
}

// documented are addresses that nobody has (RFC 5737, RFC 3849): the way to them is the way to most others.
var documented = map[bool]netip.Addr{true: netip.MustParseAddr("192.0.2.1"), false: netip.MustParseAddr("2001:db8::1")}

// Leaves is the address from which the system sends to the Internet over a family; the zero value
// where it has no way there. Nothing is sent.
func (Internet) Leaves(v4 bool) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(documented[v4], 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return AddrOf(conn.LocalAddr()).Addr()
}

// family is what the names of Go's networks end in.
func family(a netip.Addr) string {
	if a.Is4() {
		return "4"
	}
	return "6"
}

// AddrOf is the address of a connection's or a socket's end, without a zone, for
// drivers.
func AddrOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// reserved reports whether no router of the public network can have this
// address.
func reserved(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() {
		return true // with loopback, link-local, multicast, unspecified
	}
	for _, p := range reservedRanges {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// reservedRanges are those of the IANA registries that netip has no name for.
var reservedRanges = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
}
