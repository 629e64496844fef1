package simnet

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"i2ptoolkit/pkg/transport"
)

// firstEphemeral is the first port that a host gives to its own dials.
const firstEphemeral = 32768

// backlog is how many streams may wait for Accept.
const backlog = 256

// Host is one machine of the network; it is what a router gets as its transport.Network.
type Host struct {
	net   *Net
	addrs []netip.Addr
}

// Host gives the machine with these addresses, the first of each family being the one it dials from.
func (n *Net) Host(addrs ...netip.Addr) *Host { return &Host{net: n, addrs: addrs} }

// Addrs are the machine's addresses.
func (h *Host) Addrs() ([]netip.Addr, error) { return slices.Clone(h.addrs), nil }

// source picks the address to use towards, or for, addr.
func (h *Host) source(addr netip.Addr) (netip.Addr, error) {
	for _, a := range h.addrs {
		if a == addr {
			return a, nil
		}
	}
	for _, a := range h.addrs {
		if a.Is4() == addr.Is4() {
			return a, nil
		}
	}
	return netip.Addr{}, errNoHost
}

// bind resolves an unspecified address and a zero port. The caller holds mu.
func (h *Host) bind(addr netip.AddrPort, taken func(netip.AddrPort) bool) (netip.AddrPort, error) {
	ip, err := h.source(addr.Addr())
	if err != nil {
		return netip.AddrPort{}, err
	}
	if !addr.Addr().IsUnspecified() && ip != addr.Addr() {
		return netip.AddrPort{}, syscall.EADDRNOTAVAIL
	}
	port := addr.Port()
	for port == 0 || addr.Port() == 0 && taken(netip.AddrPortFrom(ip, port)) {
		port = h.net.nextPort(ip)
	}
	bound := netip.AddrPortFrom(ip, port)
	if taken(bound) {
		return netip.AddrPort{}, syscall.EADDRINUSE
	}
	return bound, nil
}

// nextPort counts through a host's ephemeral ports. The caller holds mu.
func (s *sockets) nextPort(ip netip.Addr) uint16 {
	p := s.ports[ip]
	if p < firstEphemeral {
		p = firstEphemeral
	}
	s.ports[ip] = p + 1 // wraps to 0, which is below firstEphemeral
	return p
}

// Listen listens for streams.
func (h *Host) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, opError("listen", "tcp", netip.AddrPort{}, addr, err)
	}
	bound, err := h.bind(addr, func(a netip.AddrPort) bool { return n.listeners[a] != nil })
	if err == nil && n.closed {
		err = net.ErrClosed
	}
	if err != nil {
		return nil, opError("listen", "tcp", netip.AddrPort{}, addr, err)
	}
	l := newListener(n, bound)
	n.listeners[bound] = l
	return l, nil
}

// ListenPacket opens a socket for datagrams.
func (h *Host) ListenPacket(ctx context.Context, addr netip.AddrPort) (transport.PacketConn, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, opError("listen", "udp", netip.AddrPort{}, addr, err)
	}
	bound, err := h.bind(addr, func(a netip.AddrPort) bool { return n.packets[a] != nil })
	if err == nil && n.closed {
		err = net.ErrClosed
	}
	if err != nil {
		return nil, opError("listen", "udp", netip.AddrPort{}, addr, err)
	}
	p := newPacketConn(n, bound)
	n.packets[bound] = p
	return p, nil
}

// DialContext opens a stream.
func (h *Host) DialContext(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	n := h.net
	src, err := h.source(addr.Addr())
	if err != nil {
		return nil, opError("dial", "tcp", netip.AddrPort{}, addr, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.killed[src] {
		return nil, opError("dial", "tcp", netip.AddrPort{}, addr, net.ErrClosed)
	}
	c := newConn(n, netip.AddrPortFrom(src, 0), addr)
	n.stage(&event{kind: Open, src: c.local, dst: addr, from: c})
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		c.wake()
	})
	defer stop()
	for !c.established && c.err == nil && ctx.Err() == nil {
		c.readable.Wait()
	}
	switch {
	case c.err != nil:
		return nil, opError("dial", "tcp", netip.AddrPort{}, addr, c.err)
	case !c.established:
		c.abort()
		return nil, opError("dial", "tcp", netip.AddrPort{}, addr, ctx.Err())
	}
	return c, nil
}

// assignPort gives a dialling stream its port when its turn has come. The caller holds mu.
func (n *Net) assignPort(e *event) {
	if e.src.Port() != 0 { // kept back by a partition before
		return
	}
	e.src = netip.AddrPortFrom(e.src.Addr(), n.nextPort(e.src.Addr()))
	e.from.local = e.src
}

// open takes a dial to its listener. The caller holds mu.
func (n *Net) open(e *event) {
	if e.from.err != nil { // the dialler has given up
		return
	}
	l := n.listeners[e.dst]
	if l == nil || len(l.waiting) >= backlog {
		n.stage(&event{kind: Refused, src: e.dst, dst: e.src, to: e.from})
		return
	}
	c := newConn(n, e.dst, e.src)
	c.established = true
	c.peer, e.from.peer = e.from, c
	l.waiting = append(l.waiting, c)
	l.ready.Signal()
	c.send(&event{kind: Opened})
}

func opError(op, network string, src, dst netip.AddrPort, err error) error {
	e := &net.OpError{Op: op, Net: network, Err: err}
	if network == "tcp" {
		e.Addr = net.TCPAddrFromAddrPort(dst)
		if src.IsValid() {
			e.Source = net.TCPAddrFromAddrPort(src)
		}
		return e
	}
	e.Addr = net.UDPAddrFromAddrPort(dst)
	if src.IsValid() {
		e.Source = net.UDPAddrFromAddrPort(src)
	}
	return e
}
