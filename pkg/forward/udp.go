package forward

import (
	"context"
	"errors"
	"net"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/udpforward"
)

var errNoDatagrams = errors.New("datagrams need an address such as 127.0.0.1:7000, and no Unix socket")

// udp is the plan's local address or target, as one of UDP.
func udp(text string) (*net.UDPAddr, error) {
	network, address, err := plan.Local(text)
	switch {
	case err != nil:
		return nil, err
	case network != "tcp":
		return nil, errNoDatagrams
	}
	return net.ResolveUDPAddr("udp", address)
}

// near binds the plan's local address.
func (f *forward) near() (*net.UDPConn, error) {
	at, err := udp(f.plan().Listen)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP(door.Version("udp", f.plan().Listen), at)
	if err == nil {
		f.listens(c.LocalAddr().String())
	}
	return c, err
}

// toTarget makes a socket whose datagrams go to the plan's first target.
func (f *forward) toTarget() (net.Conn, error) {
	at, err := udp(f.plan().Targets[0])
	if err != nil {
		return nil, err
	}
	return net.DialUDP("udp", nil, at)
}

// flows is a client of datagrams: it goes to the plan's first destination.
func (f *forward) flows(ctx context.Context) error {
	p := f.plan()
	host, port, err := plan.Remote(p.Destinations[0])
	if err != nil {
		return err
	}
	if p.Type == plan.StreamrClient {
		r, leave := f.inhabit(ctx)
		defer leave()
		c := udpforward.NewConsumer(udpforward.ConsumerConfig{
			Log: f.m.cfg.Log, Resolve: r.finder(host), Port: port, Listen: r.datagrams, Dial: f.toTarget,
		})
		defer f.m.counts.of(c)()
		return c.Serve(r.ctx)
	}
	near, err := f.near()
	if err != nil {
		return err
	}
	r, leave := f.inhabit(ctx)
	defer leave()
	protocol, signed := byUDP(p)
	c := udpforward.NewClient(udpforward.ClientConfig{
		Protocol: protocol, Signed: signed,
		Log: f.m.cfg.Log, Resolve: r.finder(host), Port: port, Listen: r.datagrams, Limits: udpforward.Limits{Flows: p.Limits.Streams},
	})
	defer f.m.counts.of(c)()
	return c.Serve(r.ctx, near)
}

// byUDP is how a plan's datagrams say from whom they are, and whether all have to.
func byUDP(p plan.Plan) (protocol byte, signed bool) {
	if p.UDP == nil {
		return 0, false
	}
	protocol, err := datagram.ParseName(p.UDP.Protocol)
	if err != nil {
		protocol = 0 // the usual one
	}
	return protocol, p.UDP.Signed
}

// finder finds the destination of a host.
func (r *resident) finder(host string) func(context.Context) (i2p.Destination, error) {
	return func(ctx context.Context) (i2p.Destination, error) { return r.resolve(ctx, host) }
}

// serveDatagrams leads datagrams to the plan's target, or sends what comes from here to subscribers.
func (f *forward) serveDatagrams(ctx context.Context, local *destinations.Local) error {
	p := f.plan()
	listen := func() (udpforward.Datagrams, error) {
		c, err := local.ListenDatagrams(uint16(p.Port))
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	limits := udpforward.Limits{Flows: p.Limits.Streams, PeerFlows: p.Limits.PeerStreams}
	if p.Type == plan.UDPServer {
		_, signed := byUDP(p)
		c := udpforward.NewServer(udpforward.ServerConfig{
			Signed: signed, Log: f.m.cfg.Log, Listen: listen, Limits: limits,
			Allows: f.takesFlow, Dial: func(i2p.Hash) (net.Conn, error) { return f.toTarget() },
		})
		defer f.m.counts.of(c)()
		return c.Serve(ctx)
	}
	near, err := f.near()
	if err != nil {
		return err
	}
	c := udpforward.NewProducer(udpforward.ProducerConfig{Log: f.m.cfg.Log, Listen: listen, Allows: f.lets, Limits: limits})
	defer f.m.counts.of(c)()
	return c.Serve(ctx, near)
}

// takesFlow tells whether a peer's datagrams are taken. A list that can be got around by a claim is none.
func (f *forward) takesFlow(peer i2p.Hash, proven bool) bool {
	a := f.plan().Access
	if !proven && (len(a.Allow)+len(a.Deny) > 0 || a.Filter != "") {
		return false
	}
	return f.lets(peer)
}
