package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// PacketConfig is what a PacketConn is made of.
type PacketConfig struct {
	Keys     *i2p.PrivateKeys // to sign with
	Local    Addr
	Protocol byte // by which WriteTo sends (package datagram)
	// Send passes a framed payload on, and owns it.
	Send func(to i2p.Hash, framed []byte) error
	// Closed is called by the first Close.
	Closed func()
	Counts *PacketCounts    // nil: of its own
	Now    func() time.Time // nil is time.Now
}

// PacketConn sends and receives the datagrams of a port, of whatever kind those are that it is
// given. What is wrong with one that came is found by whoever reads it.
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

var errUnsigned = errors.New("sockets: without keys no datagram is signed")

// NewPacketConn makes a PacketConn.
func NewPacketConn(cfg PacketConfig) (*PacketConn, error) {
	if !datagram.Known(cfg.Protocol) {
		return nil, fmt.Errorf("%w: %d", ErrProtocol, cfg.Protocol)
	}
	if cfg.Keys == nil && (datagram.Message{Protocol: cfg.Protocol}).Signed() {
		return nil, errUnsigned
	}
	if cfg.Counts == nil {
		cfg.Counts = new(PacketCounts)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
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
// address is an Addr; that of a raw datagram has no destination. Of a Datagram3
// it is a HashAddr.
func (p *PacketConn) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	m, err := p.ReadMessage()
	if err != nil {
		return 0, nil, err
	}
	if from = (Addr{m.From, m.PeerPort}); m.Protocol == datagram.Datagram3 {
		from = HashAddr{m.Peer, m.PeerPort}
	}
	return copy(b, m.Payload), from, nil
}

// ReadMessage waits for a datagram, and gives all that it says.
func (p *PacketConn) ReadMessage() (datagram.Message, error) {
	for {
		framed, wait, err := p.take()
		if err != nil {
			return datagram.Message{}, err
		}
		if wait != nil {
			select {
			case <-wait:
			case <-p.reading.wait():
			}
			continue
		}
		m, err := datagram.ParseMessage(framed, p.cfg.Local.Destination.Hash(), p.cfg.Now())
		if err != nil {
			p.cfg.Counts.refused.Add(1)
			continue
		}
		p.cfg.Counts.received.Add(1)
		return m, nil
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

// WriteTo sends a datagram to an Addr with a destination, or to a HashAddr. That it was sent does
// not mean that it arrives.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	m := datagram.Message{Protocol: p.cfg.Protocol, Payload: b}
	switch to := to.(type) {
	case Addr:
		if !to.Destination.IsZero() {
			m.Peer = to.Destination.Hash()
		}
		m.PeerPort = to.Port
	case HashAddr:
		m.Peer, m.PeerPort = to.Hash, to.Port
	}
	if m.Peer.IsZero() {
		return 0, fmt.Errorf("sockets: a datagram to %v, which is no destination", to)
	}
	if err := p.WriteMessage(m); err != nil {
		return 0, err
	}
	return len(b), nil
}

// WriteMessage sends a datagram of any kind to a peer and its port. It keeps nothing of it. Where
// the message says no port of ours, it is that of the PacketConn.
func (p *PacketConn) WriteMessage(m datagram.Message) error {
	select {
	case <-p.writing.wait():
		return os.ErrDeadlineExceeded
	default:
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	if m.Signed() && p.cfg.Keys == nil {
		return errUnsigned
	}
	if m.Port == 0 {
		m.Port = p.cfg.Local.Port
	}
	framed, err := m.AppendFrom(nil, p.cfg.Keys, p.cfg.Local.Destination.Hash())
	if err != nil {
		return err
	}
	if err := p.cfg.Send(m.Peer, framed); err != nil {
		return err
	}
	p.cfg.Counts.sent.Add(1)
	return nil
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
