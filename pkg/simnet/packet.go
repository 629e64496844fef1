package simnet

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// PacketConn is a socket for datagrams: a net.PacketConn with net.UDPConn's
// AddrPort calls. Net.mu guards it.
type PacketConn struct {
	net    *Net
	addr   netip.AddrPort
	ready  *sync.Cond
	readBy deadline
	in     []*event
	seq    map[netip.AddrPort]uint64
	closed bool
}

func newPacketConn(n *Net, addr netip.AddrPort) *PacketConn {
	p := &PacketConn{net: n, addr: addr, ready: sync.NewCond(&n.mu), seq: map[netip.AddrPort]uint64{}}
	p.readBy.cond = p.ready
	return p
}

// datagram puts one in its socket's queue. The caller holds mu.
func (n *Net) datagram(e *event) {
	p := n.packets[e.dst]
	switch {
	case p == nil:
		n.stats.Unclaimed++
	case len(p.in) >= n.cfg.Queue:
		n.stats.Overflowed++
	default:
		p.in = append(p.in, e)
		p.ready.Broadcast()
	}
}

// ReadFromUDPAddrPort reads one datagram; what b cannot hold is lost.
func (p *PacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for {
		switch {
		case p.closed:
			return 0, netip.AddrPort{}, opError("read", "udp", p.addr, netip.AddrPort{}, net.ErrClosed)
		case p.readBy.passed():
			return 0, netip.AddrPort{}, opError("read", "udp", p.addr, netip.AddrPort{}, os.ErrDeadlineExceeded)
		case len(p.in) > 0:
			e := p.in[0]
			p.in[0] = nil
			p.in = p.in[1:]
			return copy(b, e.data), e.src, nil
		}
		p.ready.Wait()
	}
}

// WriteToUDPAddrPort sends one datagram. It never blocks.
func (p *PacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return p.Forge(p.addr, to, b)
}

// Forge sends one datagram in the name of another sender, as who has a line of his own can.
func (p *PacketConn) Forge(from, to netip.AddrPort, b []byte) (int, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.closed {
		return 0, opError("write", "udp", p.addr, to, net.ErrClosed)
	}
	e := &event{kind: Datagram, src: from, dst: to, seq: p.seq[to], data: append([]byte(nil), b...)}
	p.seq[to]++
	p.net.stage(e)
	return len(b), nil
}

// ReadFrom is ReadFromUDPAddrPort for net.PacketConn.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	k, from, err := p.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return k, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is WriteToUDPAddrPort for net.PacketConn; addr must be a *net.UDPAddr.
func (p *PacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("simnet: WriteTo wants a *net.UDPAddr and got %T", addr)
	}
	ap := to.AddrPort()
	return p.WriteToUDPAddrPort(b, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
}

// Close closes the socket.
func (p *PacketConn) Close() error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.closed {
		return opError("close", "udp", p.addr, netip.AddrPort{}, net.ErrClosed)
	}
	p.shut()
	return nil
}

// shut closes the socket. The caller holds mu.
func (p *PacketConn) shut() {
	p.closed = true
	p.in = nil
	p.readBy.stop()
	delete(p.net.packets, p.addr)
	p.ready.Broadcast()
}

// LocalAddr is the socket's address.
func (p *PacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.addr) }

// SetDeadline sets the read deadline; writes never block.
func (p *PacketConn) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline makes reads fail from t on; the zero time is never.
func (p *PacketConn) SetReadDeadline(t time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.closed {
		return opError("set", "udp", p.addr, netip.AddrPort{}, net.ErrClosed)
	}
	p.readBy.reset(t)
	return nil
}

// SetWriteDeadline is there for net.PacketConn; writes never block.
func (p *PacketConn) SetWriteDeadline(time.Time) error { return nil }
