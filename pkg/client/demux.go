package client

import (
	"fmt"
	"sync"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// Handler takes the I2CP payloads of a protocol and port, framed as they came
// (package datagram), and whose session they came in: zero where that is not
// known. They are lent until it returns. It is called from the destination's
// loop, must not block, and may call Send.
type Handler func(h datagram.Header, framed []byte, session i2p.Hash)

// demux knows who takes what arrives: the handler of the protocol and port, or
// of the protocol, or of the port, or of all that has none. Streams are those
// of protocol 6 that nobody else takes.
type demux struct {
	mu       sync.Mutex          // a leaf
	handlers map[target]*handler // nil while the destination has no user
}

// handler is a Handler, and who is told that it is none any more.
type handler struct {
	take Handler
	gone func() // may be nil
}

// target is a protocol, or 0 for any, and a port of ours, or 0 for any (I2CP
// overview, "Important Differences from Standard IP").
type target struct {
	protocol byte
	port     uint16
}

// Handle has h called with what arrives for a protocol and port of ours. 0 is
// any protocol, or every port that has no handler of its own. It lasts until
// stop, or until the destination is retired or ends: then gone is called, which
// may be nil.
func (c *Client) Handle(protocol byte, port uint16, h Handler, gone func()) (stop func(), err error) {
	d, at := &c.demux, target{protocol, port}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handlers == nil {
		return nil, ErrClosed
	}
	if d.handlers[at] != nil {
		return nil, fmt.Errorf("%w: protocol %d, port %d", ErrTaken, protocol, port)
	}
	mine := &handler{h, gone}
	d.handlers[at] = mine
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.handlers[at] == mine {
			delete(d.handlers, at)
		}
	}, nil
}

// open lets handlers come.
func (d *demux) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handlers = make(map[target]*handler)
}

// close forgets all handlers, and takes no more.
func (d *demux) close() {
	d.mu.Lock()
	gone := d.handlers
	d.handlers = nil
	d.mu.Unlock()
	for _, h := range gone {
		if h.gone != nil {
			h.gone()
		}
	}
}

// find is the handler that takes what arrives; nil where there is none. Where
// there are streams, protocol 6 is not among those of which any is meant.
func (d *demux) find(h datagram.Header, streams bool) Handler {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, at := range [...]target{{h.Protocol, h.To}, {h.Protocol, 0}, {datagram.Any, h.To}, {datagram.Any, 0}} {
		if streams && at.protocol == datagram.Any && h.Protocol == datagram.Streaming {
			continue
		}
		if mine := d.handlers[at]; mine != nil {
			return mine.take
		}
	}
	return nil
}

// data hands on what a peer sent in a session.
func (l *loop) data(now time.Time, body []byte, session i2p.Hash) {
	payload, err := i2np.ParseData(body)
	if err != nil {
		l.stats.Rejected++
		return
	}
	h, _, err := datagram.ParseHeader(payload)
	if err != nil {
		l.stats.Rejected++
		return
	}
	handle := l.demux.find(h, l.host != nil)
	switch {
	case handle != nil:
		handle(h, payload, session)
	case h.Protocol == datagram.Streaming && l.host != nil:
		if r := l.remotes[session]; !l.host.Handle(now, payload) && r != nil && r.set != nil {
			l.host.Disown(now, r.set.Destination(), payload)
		}
	default:
		l.stats.Rejected++
	}
}

// MaxSend is the longest payload, framed, that Send takes: what a garlic
// message has room for beside our lease set.
const MaxSend = datagram.MaxFramed

// maxSending bounds what Send has taken and the loop not yet sent, in bytes.
const maxSending = 1 << 20

// Hints are what a program says of how one message of its is to be sent.
type Hints struct {
	NoLeaseSet bool         // ours does not go along: the peer has it, or is not to have it
	Tags       options.Tags // of ElGamal sessions; 0: as the destination has them
	Expires    i2p.Date     // there is no use in sending it later; 0: whenever there is a way
}

// Send sends an I2CP payload, framed by package datagram, once there is a way
// to its destination; as all datagrams it may get lost. It does not block.
func (c *Client) Send(to i2p.Hash, framed []byte) error { return c.SendHinted(to, framed, Hints{}) }

// SendHinted is Send in a way that the program has asked for.
func (c *Client) SendHinted(to i2p.Hash, framed []byte, h Hints) error {
	if len(framed) > MaxSend {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(framed), MaxSend)
	}
	n := int64(len(framed))
	if c.sending.Add(n) > maxSending {
		c.sending.Add(-n)
		select {
		case <-c.ended:
			return ErrClosed
		default:
			return ErrBusy
		}
	}
	p := buf.Copy(framed)
	if !c.in.Call(func() {
		if c.over {
			p.Release()
			return
		}
		c.outbox.put(to, parcel{p, h})
	}) {
		p.Release()
		return ErrClosed
	}
	return nil
}
