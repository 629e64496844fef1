package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// PacketConfig is what a PacketConn is made of.
type PacketConfig struct {
	Keys     *i2p.PrivateKeys // to sign with
	Local    Addr
	Protocol byte // datagram.Repliable or datagram.Raw
	// Send passes a framed payload on, and owns it.
	Send func(to i2p.Destination, framed []byte) error
	// Closed is called by the first Close.
	Closed func()
	Counts *PacketCounts // nil: of its own
}

// PacketConn sends and receives the datagrams of a port. Repliable ones come
// with their sender's address; of raw ones nobody can tell whose they are. What
// is wrong with a datagram that came is found by whoever reads it.
type PacketConn struct {
	cfg PacketConfig
	deadlines

	mu       sync.Mutex // a leaf
	queue    [][]byte   // framed
	bytes    int        // in queue
	readable chan struct{}
	closed   bool
}

// PacketCounts count the datagrams of one PacketConn, or of several.
type PacketCounts struct{ received, sent, dropped, refused atomic.Uint64 }

// PacketStats are what they counted.
type PacketStats struct {
	Received, Sent uint64
	Dropped        uint64 // they came faster than they were read
	Refused        uint64 // malformed, or badly signed
}

// Stats returns the counts.
func (c *PacketCounts) Stats() PacketStats {
	return PacketStats{Received: c.received.Load(), Sent: c.sent.Load(), Dropped: c.dropped.Load(), Refused: c.refused.Load()}
}

var _ net.PacketConn = (*PacketConn)(nil)

// Limits of what waits for a reader.
const (
	maxPackets     = 1024
	maxPacketBytes = 1 << 20
)

// ErrProtocol means that there are no sockets for a protocol.
var ErrProtocol = errors.New("sockets: not a protocol of datagrams that is spoken")

// NewPacketConn makes a PacketConn.
func NewPacketConn(cfg PacketConfig) (*PacketConn, error) {
	if cfg.Protocol != datagram.Repliable && cfg.Protocol != datagram.Raw {
		return nil, fmt.Errorf("%w: %d", ErrProtocol, cfg.Protocol)
	}
	if cfg.Protocol == datagram.Repliable && cfg.Keys == nil {
		return nil, errors.New("sockets: without keys there are no repliable datagrams")
	}
	if cfg.Counts == nil {
		cfg.Counts = new(PacketCounts)
	}
	return &PacketConn{cfg: cfg, deadlines: makeDeadlines()}, nil
}

// Deliver takes a framed payload that came for the port. It copies it and does
// not block.
func (p *PacketConn) Deliver(_ datagram.Header, framed []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
	case len(p.queue) >= maxPackets || p.bytes+len(framed) > maxPacketBytes:
		p.cfg.Counts.dropped.Add(1)
	default:
		p.queue = append(p.queue, slices.Clone(framed))
		p.bytes += len(framed)
		signal(&p.readable)
	}
}

// ReadFrom waits for a datagram. What of it has no room in b is lost. The
// address is an Addr; that of a raw datagram has no destination.
func (p *PacketConn) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	for {
		framed, wait, err := p.take()
		if err != nil {
			return 0, nil, err
		}
		if wait != nil {
			select {
			case <-wait:
			case <-p.reading.wait():
			}
			continue
		}
		payload, sender, err := p.read(framed)
		if err != nil {
			p.cfg.Counts.refused.Add(1)
			continue
		}
		p.cfg.Counts.received.Add(1)
		return copy(b, payload), sender, nil
	}
}

// take is the next payload, or what is to be waited for.
func (p *PacketConn) take() (framed []byte, wait <-chan struct{}, err error) {
	select {
	case <-p.reading.wait():
		return nil, nil, os.ErrDeadlineExceeded
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, net.ErrClosed
	}
	if len(p.queue) == 0 {
		return nil, waiter(&p.readable), nil
	}
	framed = p.queue[0]
	p.queue[0] = nil
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
	p.bytes -= len(framed)
	return framed, nil, nil
}

// read unpacks a payload, and verifies it where it says from whom it is.
func (p *PacketConn) read(framed []byte) (payload []byte, from Addr, err error) {
	h, body, err := datagram.Decode(framed, 0)
	if err != nil || h.Protocol == datagram.Raw {
		return body, Addr{Port: h.From}, err
	}
	dest, payload, err := datagram.ParseRepliable(body)
	return payload, Addr{dest, h.From}, err
}

// WriteTo sends a datagram to an Addr with a destination. That it was sent does
// not mean that it arrives.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-p.writing.wait():
		return 0, os.ErrDeadlineExceeded
	default:
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	addr, ok := to.(Addr)
	if !ok || addr.Destination.IsZero() {
		return 0, fmt.Errorf("sockets: a datagram to %v, which is no destination", to)
	}
	h := datagram.Header{Protocol: p.cfg.Protocol, From: p.cfg.Local.Port, To: addr.Port}
	body := b
	if h.Protocol == datagram.Repliable {
		var err error
		if body, err = datagram.AppendRepliable(nil, p.cfg.Keys, b); err != nil {
			return 0, err
		}
	}
	if err := p.cfg.Send(addr.Destination, h.AppendDeflated(nil, body)); err != nil {
		return 0, err
	}
	p.cfg.Counts.sent.Add(1)
	return len(b), nil
}

// Close ends the PacketConn, and whoever waits for a datagram.
func (p *PacketConn) Close() error {
	if !p.End() {
		return net.ErrClosed
	}
	p.cfg.Closed()
	return nil
}

// End is Close where it is known that nothing arrives any more: Closed is not
// called. It reports whether this is the end.
func (p *PacketConn) End() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.closed, p.queue, p.bytes = true, nil, 0
	signal(&p.readable)
	return true
}

// LocalAddr is our destination and port.
func (p *PacketConn) LocalAddr() net.Addr { return p.cfg.Local }
