package sam

import (
	"context"
	"net"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
)

// Local is a local destination.
type Local interface {
	naming.Resolver
	Destination() i2p.Destination
	Address() string
	// Ready waits until peers can find it.
	Ready(ctx context.Context) error
	// Dial opens a stream from a port of ours to one of a peer.
	Dial(ctx context.Context, to i2p.Destination, from, port uint16) (net.Conn, error)
	// Listen takes the streams for a port; 0: for every port that nobody else takes.
	Listen(port uint16) (Listener, error)
	// Datagrams sends and takes those of a kind (package datagram) and a port, with 0 as in Listen.
	Datagrams(protocol byte, port uint16) (Datagrams, error)
	// Raw is Datagrams for payloads of any protocol, 0 being any.
	Raw(protocol byte, port uint16) (Datagrams, error)
	// Pass waits until the datagrams that were written have been passed on.
	Pass()
	// Lookup finds the lease set of a destination.
	Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error)
	// Done is closed when the destination has ended.
	Done() <-chan struct{}
	Close() error
}

// Listener yields streams, whose addresses are sockets.Addr.
type Listener interface {
	Accept(ctx context.Context) (net.Conn, error)
	Close() error
}

// Datagrams are those of one port.
type Datagrams interface {
	ReadMessage() (datagram.Message, error)
	// Waiting is how many have come and were not read.
	Waiting() int
	WriteMessage(datagram.Message) error
	Close() error
}

// Opener makes a destination of keys.
type Opener func(ctx context.Context, keys *i2p.PrivateKeys, o options.Options) (Local, error)

// OpenIn opens destinations in a router's hall.
func OpenIn(hall *destinations.Hall) Opener {
	return func(ctx context.Context, keys *i2p.PrivateKeys, o options.Options) (Local, error) {
		d, err := hall.Open(ctx, destinations.Request{Keys: keys, Options: o})
		if err != nil {
			return nil, err
		}
		return local{d}, nil
	}
}

// local is a destination of the hall's.
type local struct{ *destinations.Local }

func (l local) Dial(ctx context.Context, to i2p.Destination, from, port uint16) (net.Conn, error) {
	c, err := l.DialWith(ctx, to, sockets.Options{LocalPort: from, Port: port})
	if err != nil {
		return nil, err // and no nil *Conn, which would be a net.Conn
	}
	return c, nil
}

func (l local) Listen(port uint16) (Listener, error) {
	ln, err := l.Local.Listen(port)
	if err != nil {
		return nil, err
	}
	return listener{ln}, nil
}

func (l local) Datagrams(protocol byte, port uint16) (Datagrams, error) {
	p, err := l.ListenPacket(protocol, port)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (l local) Raw(protocol byte, port uint16) (Datagrams, error) {
	p, err := l.ListenPlain(protocol, port)
	if err != nil {
		return nil, err
	}
	return p, nil
}

type listener struct{ *sockets.Listener }

func (l listener) Accept(ctx context.Context) (net.Conn, error) {
	c, err := l.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}
