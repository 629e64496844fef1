package destinations

import (
	"context"
	"errors"
	"sync"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
)

// Local is one use of a local destination, from its opening to its Close.
type Local struct {
	*resident
	once  sync.Once
	mu    sync.Mutex // a leaf
	asked options.Options
}

// Destination is what peers know it by.
func (d *Local) Destination() i2p.Destination { return d.client.Destination() }

// Options are what was asked for.
func (d *Local) Options() options.Options {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// Ready waits until peers can find the destination: tunnels stand both ways,
// and its lease set is published where it is to be.
func (d *Local) Ready(ctx context.Context) error { return failure(d, d.client.Ready(ctx)) }

// Lost waits until the tunnels that stood have gone, those of one way or of both: until Ready is to be waited
// for again. The error, where there is one, is that of the context or the end of the destination.
func (d *Local) Lost(ctx context.Context) error {
	err := d.client.Lost(ctx)
	if err != nil && ctx.Err() == nil {
		return failure(d, err)
	}
	return err
}

// Lack is why the router has no tunnels, where that is known.
func (d *Local) Lack() string { return d.hall.lack() }

// Dial opens a stream to a port of another destination. It waits for tunnels by
// itself.
func (d *Local) Dial(ctx context.Context, to i2p.Destination, port uint16) (*sockets.Conn, error) {
	return d.DialWith(ctx, to, sockets.Options{Port: port})
}

// DialWith is Dial from a port of ours as well.
func (d *Local) DialWith(ctx context.Context, to i2p.Destination, o sockets.Options) (*sockets.Conn, error) {
	c, err := d.client.DialWith(ctx, to, o)
	if err != nil {
		return nil, failure(d, err)
	}
	return c, nil
}

// Listen takes the streams for a port, or for every port without a listener of
// its own when port is 0.
func (d *Local) Listen(port uint16) (*sockets.Listener, error) {
	l, err := d.client.Listen(port)
	return l, failure(d, err)
}

// ListenPacket sends from a port, and takes what comes for it by one protocol of
// datagrams (package datagram). With port 0 it takes what no other port does.
func (d *Local) ListenPacket(protocol byte, port uint16) (*sockets.PacketConn, error) {
	return d.listenPacket(sockets.PacketConfig{Protocol: protocol}, port, protocol)
}

// ListenPlain sends from a port, and takes what comes for it, as ListenPacket, but of any protocol, 0 being all but
// that of streams, and leaves what is in it as it is.
func (d *Local) ListenPlain(protocol byte, port uint16) (*sockets.PacketConn, error) {
	return d.listenPacket(sockets.PacketConfig{Protocol: datagram.Raw, Plain: true}, port, protocol)
}

// ListenDatagrams is ListenPacket for what comes by some protocols of datagrams, or by any.
// WriteTo sends repliable ones.
func (d *Local) ListenDatagrams(port uint16, protocols ...byte) (*sockets.PacketConn, error) {
	if len(protocols) == 0 {
		protocols = datagram.Protocols[:]
	}
	return d.listenPacket(sockets.PacketConfig{Protocol: datagram.Repliable}, port, protocols...)
}

// portTries is how often a port is drawn before all are taken to be in use.
const portTries = 16

// ListenFree is ListenDatagrams at a port that nobody can guess: who knows one can
// send raw datagrams to it, which do not tell whose they are.
func (d *Local) ListenFree(protocols ...byte) (p *sockets.PacketConn, err error) {
	for range portTries {
		p, err = d.ListenDatagrams(uint16(1+draw.From(nil).Below(1<<16-1)), protocols...)
		if !errors.Is(err, ErrTaken) {
			break
		}
	}
	return p, err
}

func (d *Local) listenPacket(cfg sockets.PacketConfig, port uint16, protocols ...byte) (*sockets.PacketConn, error) {
	var stops []func()
	stop := func() {
		for _, f := range stops {
			f()
		}
	}
	cfg.Keys, cfg.KeysNow, cfg.Local = d.keys.Load(), d.keys.Load, sockets.Addr{Destination: d.Destination(), Port: port}
	cfg.Send, cfg.Seek, cfg.Closed, cfg.Counts, cfg.Now = d.Send, d.client.Seek, func() { stop() }, &d.hall.packets, d.now
	p, err := sockets.NewPacketConn(cfg)
	if err != nil {
		return nil, err
	}
	for _, protocol := range protocols {
		f, err := d.client.Handle(protocol, port, p.Deliver, p.End)
		if err != nil {
			stop()
			p.End() // something may have come already
			return nil, failure(d, err)
		}
		stops = append(stops, f)
	}
	return p, nil
}

// Handle has h called with what arrives for a protocol and port, framed as it
// came. 0 is any protocol, and every port without a handler of its own. It lasts
// until stop, or until the destination is closed or ends: then gone is called,
// which may be nil.
func (d *Local) Handle(protocol byte, port uint16, h client.Handler, gone func()) (stop func(), err error) {
	stop, err = d.client.Handle(protocol, port, h, gone)
	return stop, failure(d, err)
}

// Send sends a payload, framed by package datagram, once there is a way to its
// destination. It does not block.
func (d *Local) Send(to i2p.Hash, framed []byte) error {
	return failure(d, d.client.Send(to, framed))
}

// SendHinted is Send in a way that the program has asked for.
func (d *Local) SendHinted(to i2p.Hash, framed []byte, h client.Hints) error {
	return failure(d, d.client.SendHinted(to, framed, h))
}

// Pass waits until what Send took before has been passed on, or waits for a way to its destination.
func (d *Local) Pass() { d.client.Pass() }

// Lookup finds the lease set of a destination. It waits for tunnels by itself.
func (d *Local) Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	if err := d.client.Standing(ctx); err != nil {
		return nil, failure(d, err)
	}
	set, err := d.client.Lookup(ctx, hash)
	return set, failure(d, err)
}

// Resolve finds the destination behind a hash.
func (d *Local) Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error) {
	if err := d.client.Standing(ctx); err != nil {
		return i2p.Destination{}, failure(d, err)
	}
	to, err := d.client.Resolve(ctx, hash)
	return to, failure(d, err)
}

// ResolveBlinded finds the destination behind the address of an encrypted lease set, which the secret
// and the key of the options open.
func (d *Local) ResolveBlinded(ctx context.Context, a i2p.BlindedAddress) (i2p.Destination, error) {
	if err := d.client.Standing(ctx); err != nil {
		return i2p.Destination{}, failure(d, err)
	}
	to, err := d.client.ResolveBlinded(ctx, a)
	return to, failure(d, err)
}

// Unlock says what opens the encrypted lease sets behind an address, beside what the options say for all. hash is
// that of its destination, or zero.
func (d *Local) Unlock(by leaseset.Reader, hash i2p.Hash) { d.client.Unlock(by, hash) }

// Address is what peers are to be given: the b32 address, or the b33 one of a destination whose lease
// set is encrypted.
func (d *Local) Address() string {
	id := d.Destination()
	if b := d.Options().Blinding; b.Own {
		a := id.Blinded()
		a.Secret, a.PerClient = b.Secret != "", b.Admission != leaseset.Everybody
		if text, err := a.B33(); err == nil {
			return text
		}
	}
	return id.B32()
}

// Ping measures a round trip to a destination, which not every one answers.
func (d *Local) Ping(ctx context.Context, to i2p.Destination) (time.Duration, error) {
	rtt, err := d.client.Ping(ctx, to)
	return rtt, failure(d, err)
}

// Reshape changes what is asked for: the shape of tunnels, whether the
// destination is published, and what its lease set says. It reports false where
// the options differ in more than that.
func (d *Local) Reshape(asked options.Options) bool {
	if !d.client.Reshape(asked) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = asked
	return true
}

// Rekey has the destination go on with other keys of its own: another transient one, of those kept offline.
// Its streams go on. ErrOtherKeys tells that they are not its own, or of no use.
func (d *Local) Rekey(keys *i2p.PrivateKeys) error { return failure(d, d.rekey(keys)) }

// KeyExpires is when its transient key does; zero where it has the key proper.
func (d *Local) KeyExpires() (at time.Time) {
	if keys := d.keys.Load(); keys != nil && keys.Offline != nil {
		at = time.Unix(int64(keys.Offline.Expires), 0)
	}
	return at
}

// Stats returns the destination's counters.
func (d *Local) Stats() client.Stats { return d.client.Stats() }

// Done is closed when the destination has ended.
func (d *Local) Done() <-chan struct{} { return d.done }

// Close says that the destination has no user any more. It ends by itself once
// its peers know all that it has to tell them.
func (d *Local) Close() error {
	d.once.Do(d.leave)
	return nil
}
