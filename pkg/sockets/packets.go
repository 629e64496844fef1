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
	Keys *i2p.PrivateKeys // to sign with
	// KeysNow are those in their place where they change; nil: they do not.
	KeysNow  func() *i2p.PrivateKeys
	Local    Addr
	Protocol byte // by which WriteTo sends (package datagram)
	// Plain has messages be the payloads of any protocol but that of streams, and what is in them left as it is.
	Plain bool
	// Send passes a framed payload on, and owns it.
	Send func(to i2p.Hash, framed []byte) error
	// Seek is told who says to have sent something, where nothing proves it; nil: nobody is.
	Seek func(i2p.Hash)
	// Closed is called by the first Close.
	Closed func()
	Counts *PacketCounts    // of several together; nil: there are none
	Now    func() time.Time // nil is time.Now
}

// PacketConn sends and receives the datagrams of a port, of whatever kind those are that it is
// given. What is wrong with one that came is found by whoever reads it.
type PacketConn struct {
	cfg PacketConfig
	deadlines
	counts PacketCounts

	mu       sync.Mutex // a leaf
	queue    []packet
	bytes    int // in queue
	readable chan struct{}
	closing  bool // by Close
	closed   bool
}

// packet is a framed payload that came, and whose session it came in.
type packet struct {
	framed  []byte
	session i2p.Hash
}

// PacketCounts count the datagrams of one PacketConn, or of several.
type PacketCounts struct {
	received, sent, dropped, malformed, badSignature, expired, unproven, misdirected atomic.Uint64

	waiting atomic.Int64 // bytes, of all
}

// PacketStats are what they counted.
type PacketStats struct {
	Received, Sent uint64
	Dropped        uint64 // they came faster than they were read, or nobody read them to the end
	Malformed      uint64
	BadSignature   uint64
	Expired        uint64 // with an offline signature that is over
	Unproven       uint64 // received, of a sender that nothing proves
	Misdirected    uint64 // received, signed over the sender's hash in place of ours
}

// Stats returns the counts.
func (c *PacketCounts) Stats() PacketStats {
	return PacketStats{
		Received: c.received.Load(), Sent: c.sent.Load(), Dropped: c.dropped.Load(), Malformed: c.malformed.Load(),
		BadSignature: c.badSignature.Load(), Expired: c.expired.Load(), Unproven: c.unproven.Load(), Misdirected: c.misdirected.Load(),
	}
}

var _ net.PacketConn = (*PacketConn)(nil)

// Limits of what waits for a reader: as much as a burst brings, but where those who share their counts have much
// waiting together, less.
const (
	maxPackets       = 4096
	maxPacketBytes   = 4 << 20
	sharePacketBytes = 1 << 20  // for each in any case
	allPacketBytes   = 64 << 20 // beyond that, of all
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
	if cfg.Seek == nil {
		cfg.Seek = func(i2p.Hash) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &PacketConn{cfg: cfg, deadlines: makeDeadlines()}, nil
}

// Stats are the counts of this PacketConn alone.
func (p *PacketConn) Stats() PacketStats { return p.counts.Stats() }

// count counts one more of what it is given.
func (p *PacketConn) count(of func(*PacketCounts) *atomic.Uint64) {
	of(&p.counts).Add(1)
	of(p.cfg.Counts).Add(1)
}

// Deliver takes a framed payload that came for the port, and whose session it
// came in, or zero. It copies it and does not block.
func (p *PacketConn) Deliver(h datagram.Header, framed []byte, session i2p.Hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed || p.cfg.Plain && h.Protocol == datagram.Streaming:
	case len(p.queue) >= maxPackets || p.bytes+len(framed) > p.room():
		p.count(func(c *PacketCounts) *atomic.Uint64 { return &c.dropped })
	default:
		p.queue = append(p.queue, packet{slices.Clone(framed), session})
		p.holds(len(framed))
		signal(&p.readable)
	}
}

// room is how much may wait now.
func (p *PacketConn) room() int {
	if p.cfg.Counts.waiting.Load() > allPacketBytes {
		return sharePacketBytes
	}
	return maxPacketBytes
}

// holds notes that so many bytes more wait, or less.
func (p *PacketConn) holds(more int) {
	p.bytes += more
	p.cfg.Counts.waiting.Add(int64(more))
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
		next, wait, err := p.take()
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
		m, err := p.parse(next)
		if err == nil {
			p.took(m)
			return m, nil
		}
		p.count(func(c *PacketCounts) *atomic.Uint64 {
			switch {
			case errors.Is(err, datagram.ErrSignature):
				return &c.badSignature
			case errors.Is(err, datagram.ErrExpired):
				return &c.expired
			}
			return &c.malformed
		})
	}
}

// Waiting is how many datagrams have come and were not read.
func (p *PacketConn) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

func (p *PacketConn) parse(next packet) (datagram.Message, error) {
	if !p.cfg.Plain {
		return datagram.Receiver{Own: p.cfg.Local.Destination.Hash(), Now: p.cfg.Now(), Session: next.session}.Parse(next.framed)
	}
	h, body, err := datagram.Decode(next.framed, 0)
	return datagram.Message{Protocol: h.Protocol, Port: h.To, PeerPort: h.From, Payload: body}, err
}

// took counts a datagram that is read, and has its sender looked up where that may prove the next.
func (p *PacketConn) took(m datagram.Message) {
	p.count(func(c *PacketCounts) *atomic.Uint64 { return &c.received })
	if m.Misdirected {
		p.count(func(c *PacketCounts) *atomic.Uint64 { return &c.misdirected })
	}
	if m.Protocol != datagram.Raw && !p.cfg.Plain && !m.Proven {
		p.count(func(c *PacketCounts) *atomic.Uint64 { return &c.unproven })
		p.cfg.Seek(m.Peer)
	}
}

// take is the next payload, or what is to be waited for.
func (p *PacketConn) take() (next packet, wait <-chan struct{}, err error) {
	select {
	case <-p.reading.wait():
		return packet{}, nil, os.ErrDeadlineExceeded
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return packet{}, nil, net.ErrClosed
	}
	if len(p.queue) == 0 {
		return packet{}, waiter(&p.readable), nil
	}
	next = p.queue[0]
	p.queue[0] = packet{}
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
	p.holds(-len(next.framed))
	return next, nil, nil
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
	if m.Port == 0 {
		m.Port = p.cfg.Local.Port
	}
	framed, err := p.frame(m)
	if err != nil {
		return err
	}
	if err := p.cfg.Send(m.Peer, framed); err != nil {
		return err
	}
	p.count(func(c *PacketCounts) *atomic.Uint64 { return &c.sent })
	return nil
}

func (p *PacketConn) frame(m datagram.Message) ([]byte, error) {
	if p.cfg.Plain {
		return m.AppendPlain(nil)
	}
	if m.Signed() && p.cfg.Keys == nil {
		return nil, errUnsigned
	}
	keys := p.cfg.Keys
	if p.cfg.KeysNow != nil {
		keys = p.cfg.KeysNow()
	}
	return m.AppendFrom(nil, keys, p.cfg.Local.Destination.Hash())
}

// Close ends the PacketConn, and then whoever waits for a datagram: who sees the end may take the port anew.
func (p *PacketConn) Close() error {
	p.mu.Lock()
	first := !p.closed && !p.closing
	p.closing = true
	p.mu.Unlock()
	if !first {
		return net.ErrClosed
	}
	p.cfg.Closed()
	p.End()
	return nil
}

// End is Close where it is known that nothing arrives any more: Closed is not
// called.
func (p *PacketConn) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	for range p.queue {
		p.count(func(c *PacketCounts) *atomic.Uint64 { return &c.dropped })
	}
	p.holds(-p.bytes)
	p.closed, p.queue = true, nil
	signal(&p.readable)
}

// LocalAddr is our destination and port.
func (p *PacketConn) LocalAddr() net.Addr { return p.cfg.Local }
