package simnet

import (
	"net"
	"net/netip"
	"sync"
)

// listener queues the streams that were opened to its address. Net.mu guards it.
type listener struct {
	net     *Net
	addr    netip.AddrPort
	ready   *sync.Cond
	waiting []*Conn
	closed  bool
}

func newListener(n *Net, addr netip.AddrPort) *listener {
	return &listener{net: n, addr: addr, ready: sync.NewCond(&n.mu)}
}

// Accept waits for the next stream.
func (l *listener) Accept() (net.Conn, error) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.ready.Wait()
	}
	if l.closed {
		return nil, opError("accept", "tcp", netip.AddrPort{}, l.addr, net.ErrClosed)
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// Close stops listening; streams that nobody accepted are reset.
func (l *listener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.closed {
		return opError("close", "tcp", netip.AddrPort{}, l.addr, net.ErrClosed)
	}
	for _, c := range l.waiting {
		c.abort()
	}
	l.shut()
	return nil
}

// shut closes without a word to the peers. The caller holds mu.
func (l *listener) shut() {
	l.closed = true
	l.waiting = nil
	delete(l.net.listeners, l.addr)
	l.ready.Broadcast()
}

// Addr is the address that it listens on.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }
