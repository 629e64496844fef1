// Package server answers the control API on a Unix socket: JSON over HTTP, and raw streams
// by HTTP Upgrade. Everything that it knows of a router is the interface Node.
package server

import (
	"context"
	"net"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// Node is the router behind the socket. All methods may be called at once from several
// goroutines. Lists come in a stable order (sorted by hash, tunnels by kind, direction and
// id). Errors that are *control.Error keep their code; context.DeadlineExceeded becomes
// control.Timeout; any other is control.Internal.
type Node interface {
	Status() control.Status
	Peers() []control.Peer
	Tunnels() []control.Tunnel
	Transports() []control.Transport
	// Doors are the servers for applications, open or not.
	Doors() []control.Door
	// Doctor tells what keeps the router from its work.
	Doctor() []control.Finding
	// Metrics are all that the router counts, in the Prometheus text format.
	Metrics() []byte
	// NetDB returns what is stored of one kind, control.KindRouterInfo or
	// control.KindLeaseSet. Record.Data may be shared: the server only reads it.
	NetDB(kind string) []control.Record

	// Events subscribes. The channel is closed when ctx ends or the router has stopped. A
	// subscriber that does not keep up loses events, and the next one's Lost says how many.
	Events(ctx context.Context) <-chan control.Event
	// Wait returns nil once the state stands: control.WaitReady or control.WaitTunnels.
	Wait(ctx context.Context, state string) error

	// Reload reads the settings again, and says which have changed and when they hold.
	Reload(ctx context.Context) (control.Reloaded, error)
	LogLevel() string
	ChangeLogLevel(level string) error
	// Stop begins a stop that gives what is open some seconds to end, StopNow one that waits for
	// nobody, and StopGracefully one that lets the tunnels of others run out. They return at once.
	Stop()
	StopNow()
	StopGracefully()

	// Reseed asks for RouterInfos now, and returns once that is done: URLs of servers, and
	// absolute paths; none: those of the configuration. A try that gave nothing is no error,
	// the answer says why.
	Reseed(ctx context.Context, sources []string) (control.Reseed, error)

	// Lookup asks the network (or the store, where it has a fresh answer) for the record
	// of one kind under hash. control.NotFound: the floodfills asked have none.
	Lookup(ctx context.Context, kind string, hash i2p.Hash) (control.Record, error)
	// Trace asks the network as Lookup does, and tells how that went.
	Trace(ctx context.Context, kind string, hash i2p.Hash) control.Trace

	// Store stores an entry that is not the router's own at floodfills, and asks others for
	// it. control.BadData: it is no good entry.
	Store(ctx context.Context, req control.Store) (control.Stored, error)

	// Explore looks for routers near that many random keys, and returns once those that were
	// named have been looked up.
	Explore(ctx context.Context, searches int) control.Explored

	// OpenDestination makes a local destination and returns without waiting for its tunnels.
	// The context bounds this call only; Destination.Close ends the destination.
	OpenDestination(ctx context.Context, cfg DestinationConfig) (Destination, error)
}

// DestinationConfig is a local destination to be made.
type DestinationConfig struct {
	// Keys is nil for a transient destination, which is never written to a disk.
	Keys *i2p.PrivateKeys
	// Options are I2CP options by their documented names (inbound.length,
	// outbound.quantity, i2cp.leaseSetEncType, …). One that is not known, or that the
	// router does not have, or that does not parse is a control.BadRequest.
	Options map[string]string
}

// Destination is a local one.
type Destination interface {
	Destination() i2p.Destination
	// Ready waits until tunnels stand both ways and the lease set is published.
	Ready(ctx context.Context) error
	// Dial waits for tunnels by itself.
	Dial(ctx context.Context, to i2p.Destination, port uint16) (Stream, error)
	// Ping measures a round trip to a destination that echoes.
	Ping(ctx context.Context, to i2p.Destination) (time.Duration, error)
	// Resolve finds the destination behind a b32 hash by its lease set.
	Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error)
	// ResolveBlinded finds the one behind a b33 address.
	ResolveBlinded(ctx context.Context, a i2p.BlindedAddress) (i2p.Destination, error)
	// Rekey has it go on with other keys of its own.
	Rekey(keys *i2p.PrivateKeys) error
	// LeaseSet finds the lease set of a destination, or of who serves in its place.
	LeaseSet(ctx context.Context, hash i2p.Hash) (leaseset.Set, error)
	// Address is what peers are to be given, b32 or b33.
	Address() string
	// Listen takes streams for a port; port 0 those for any port without a listener.
	Listen(port uint16) (Listener, error)
	// ListenDatagrams takes datagrams for a port, or a free one, by some protocols or by all.
	ListenDatagrams(port uint16, free bool, protocols ...byte) (Datagrams, error)
	// Reach returns once datagrams to a destination need not wait for its lease set.
	Reach(ctx context.Context, hash i2p.Hash) error
	// Pass returns once what was sent before is on its way.
	Pass()
	// Done is closed when the destination has ended, by Close or by the router.
	Done() <-chan struct{}
	Close() error
}

// Listener yields incoming streams.
type Listener interface {
	// Accept returns ctx's error when it ends first; no stream is lost then.
	Accept(ctx context.Context) (Stream, error)
	Close() error
}

// Stream is one stream. A Read error other than io.EOF means that the peer broke it off.
// Close returns once the peer acknowledged all that was written, or after a bound; after a
// Reset it returns at once.
type Stream interface {
	net.Conn
	CloseWrite() error
	// Reset breaks the stream off, so that the peer sees an error and not an end. BreakOff
	// does once the peer has what was written.
	Reset() error
	BreakOff()
	// Wait returns once a closed stream has ended: nil when all that was written has been
	// acknowledged by the peer.
	Wait(ctx context.Context) error
	// Remote is the peer's destination.
	Remote() i2p.Destination
	// HalfCloses tells whether the peer, if it was dialled, is known to go on sending
	// after a CloseWrite: others end both directions.
	HalfCloses() bool
	// Encryption names the type of key by which the stream is encrypted; "" is not known.
	Encryption() string
}
