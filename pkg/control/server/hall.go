package server

import (
	"context"
	"errors"
	"net"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
)

// Hall opens the destinations of a router for the tools.
type Hall struct {
	Destinations *destinations.Hall
	Defaults     func() options.Options // what holds where a tool asks for nothing else
}

// OpenDestination makes a local destination. Options that have no effect do no harm; all else
// that is not obeyed is refused.
func (h Hall) OpenDestination(ctx context.Context, cfg DestinationConfig) (Destination, error) {
	asked, problems := options.Parse(h.Defaults(), cfg.Options)
	if err := problems.But(options.Moot).Err(); err != nil {
		return nil, control.Errorf(control.BadRequest, "%v", err)
	}
	d, err := h.Destinations.Open(ctx, destinations.Request{Keys: cfg.Keys, Options: asked})
	if err != nil {
		return nil, codes.Explain(err)
	}
	return local{d}, nil
}

// codes are those of the hall's errors, which the tools turn into exit statuses.
var codes = control.Codes{
	{destinations.ErrInUse, control.InUse},
	{destinations.ErrKeys, control.Unsupported},
	{destinations.ErrStopped, control.Stopping},
	{destinations.ErrClosed, control.Stopping},
	{destinations.ErrNoTunnels, control.NoTunnels},
	{destinations.ErrTimeout, control.Timeout},
	{destinations.ErrNotFound, control.NotFound},
	{destinations.ErrUnreachable, control.Unreachable},
	{destinations.ErrBusy, control.Busy},
	{destinations.ErrEncryption, control.Unsupported},
	{destinations.ErrLeaseSet, control.Unsupported},
	{destinations.ErrRefused, control.Refused},
	{destinations.ErrBlinding, control.BadRequest},
	{destinations.ErrLocked, control.Locked},
	{destinations.ErrOtherKeys, control.BadData},
	{destinations.ErrReset, control.Reset},
	{destinations.ErrTaken, control.InUse},
}

// local is a destination of the hall's, as the server wants it.
type local struct{ *destinations.Local }

func (l local) Ready(ctx context.Context) error {
	return codes.Explain(l.Local.Ready(ctx))
}

func (l local) Dial(ctx context.Context, to i2p.Destination, port uint16) (Stream, error) {
	c, err := l.Local.Dial(ctx, to, port)
	if err != nil {
		return nil, codes.Explain(err)
	}
	return remote{c}, nil
}

func (l local) Ping(ctx context.Context, to i2p.Destination) (time.Duration, error) {
	rtt, err := l.Local.Ping(ctx, to)
	return rtt, codes.Explain(err)
}

func (l local) Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error) {
	d, err := l.Local.Resolve(ctx, hash)
	return d, codes.Explain(err)
}

func (l local) ResolveBlinded(ctx context.Context, a i2p.BlindedAddress) (i2p.Destination, error) {
	d, err := l.Local.ResolveBlinded(ctx, a)
	return d, codes.Explain(err)
}

func (l local) Rekey(keys *i2p.PrivateKeys) error { return codes.Explain(l.Local.Rekey(keys)) }

func (l local) LeaseSet(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	set, err := l.Local.Lookup(ctx, hash)
	return set, codes.Explain(err)
}

func (l local) Listen(port uint16) (Listener, error) {
	ln, err := l.Local.Listen(port)
	if err != nil {
		return nil, codes.Explain(err)
	}
	return listener{ln}, nil
}

func (l local) ListenDatagrams(port uint16, free bool, protocols ...byte) (Datagrams, error) {
	var p *sockets.PacketConn
	var err error
	if free {
		p, err = l.Local.ListenFree(protocols...)
	} else {
		p, err = l.Local.ListenDatagrams(port, protocols...)
	}
	if err != nil {
		return nil, codes.Explain(err)
	}
	return packets{p}, nil
}

func (l local) Reach(ctx context.Context, hash i2p.Hash) error {
	_, err := l.Local.Lookup(ctx, hash)
	return codes.Explain(err)
}

// packets are datagrams whose errors have codes.
type packets struct{ *sockets.PacketConn }

func (p packets) WriteMessage(m datagram.Message) error {
	err := p.PacketConn.WriteMessage(m)
	if size := (datagram.SizeError{}); errors.As(err, &size) || errors.Is(err, datagram.ErrOffline) || errors.Is(err, datagram.ErrProtocol) {
		return control.Errorf(control.BadData, "%v", err)
	}
	return codes.Explain(err)
}

type listener struct{ *sockets.Listener }

func (l listener) Accept(ctx context.Context) (Stream, error) {
	c, err := l.AcceptStream(ctx)
	if errors.Is(err, net.ErrClosed) { // nobody but the router closes it before the tool has gone
		err = destinations.ErrClosed
	}
	if err != nil {
		return nil, codes.Explain(err)
	}
	return remote{c}, nil
}

// remote is a stream that names its peer.
type remote struct{ *sockets.Conn }

func (r remote) Remote() i2p.Destination { return r.RemoteAddr().(sockets.Addr).Destination }

func (r remote) Reset() error {
	r.Abort()
	return nil
}
