package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"i2ptoolkit/pkg/i2p"
)

// Addr is a destination and a port.
type Addr struct {
	Destination i2p.Destination
	Port        uint16
}

// Network is "i2p".
func (Addr) Network() string { return "i2p" }

func (a Addr) String() string {
	if a.Destination.IsZero() { // the sender of a raw datagram
		return net.JoinHostPort("", strconv.Itoa(int(a.Port)))
	}
	return net.JoinHostPort(a.Destination.B32(), strconv.Itoa(int(a.Port)))
}

// HashAddr is a destination of which only the hash is known, and a port.
type HashAddr struct {
	Hash i2p.Hash
	Port uint16
}

// Network is "i2p".
func (HashAddr) Network() string { return "i2p" }

func (a HashAddr) String() string {
	return net.JoinHostPort(a.Hash.B32(), strconv.Itoa(int(a.Port)))
}

// Listener takes the incoming streams of a port.
type Listener struct {
	h     *Host
	port  uint16
	queue chan *Conn
	done  chan struct{}
	once  sync.Once
}

// ErrListening means that a port has a listener already.
var ErrListening = errors.New("sockets: the port has a listener already")

// Listen takes the streams for a port, or for every port without a listener
// of its own when port is 0.
func (h *Host) Listen(port uint16) (*Listener, error) {
	l := &Listener{h: h, port: port, queue: make(chan *Conn, h.cfg.Backlog), done: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.listeners == nil {
		return nil, ErrClosed
	}
	if h.listeners[port] != nil {
		return nil, fmt.Errorf("%w: %d", ErrListening, port)
	}
	h.listeners[port] = l
	return l, nil
}

// Accept waits for the next stream.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptStream(context.Background())
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptStream waits for the next stream or the end of ctx.
func (l *Listener) AcceptStream(ctx context.Context) (*Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close ends the listener and the streams that nobody took.
func (l *Listener) Close() error {
	l.h.mu.Lock()
	if l.h.listeners[l.port] == l {
		delete(l.h.listeners, l.port)
	}
	l.h.mu.Unlock()
	l.end()
	return nil
}

func (l *Listener) end() {
	l.once.Do(func() { close(l.done) })
	for {
		select {
		case c := <-l.queue:
			c.Abort()
		default:
			return
		}
	}
}

// Addr is the destination and port.
func (l *Listener) Addr() net.Addr { return Addr{l.h.local.Destination, l.port} }
