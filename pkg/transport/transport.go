package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tally"
)

// Config is what a Transport is made of. Its funcs are called from many
// goroutines and must not block.
type Config struct {
	// Now is for dates on the wire. Every link that has woken calls Gather before it
	// looks at what there is to send, so that what goes out together does not depend
	// on the scheduler.
	env.Env
	Self    i2p.Hash // the router's own
	NetID   byte
	Drivers []Driver
	Network Network // nil is Internet{}
	// DrawPort draws a port to listen on where any will do. Nil leaves it to the system.
	DrawPort func() uint16
	Limits   Limits

	BandwidthIn, BandwidthOut int // bytes per second, 0 is no limit

	// OurInfo is the current RouterInfo.
	OurInfo func() *routerinfo.RouterInfo
	Events  Events
	// AllowPeer may refuse a peer that has authenticated.
	AllowPeer func(peer i2p.Hash, ri *routerinfo.RouterInfo) error
	// Wanted reports the peers whose session is to outlive idleness.
	Wanted func(peer i2p.Hash) bool
	// Carries reports the peers to or from whom we carry living tunnels of others:
	// their sessions are among the last to give way to others. Those of Wanted
	// never do. Nil is none.
	Carries func(peer i2p.Hash) bool
	// Others are the routers that are known; its funcs may be nil.
	Others Others
	// Hidden reports whether nobody is to be told where we are. Nil is no.
	Hidden func() bool
	// LocalAllowed admits loopback, private and reserved addresses, and does not
	// count their sessions by address.
	LocalAllowed bool
}

// Others are the routers that are known. Each func is called from a goroutine that may wait.
type Others struct {
	// Find returns a RouterInfo, after a lookup in the netDb where it is not known.
	Find func(ctx context.Context, router i2p.Hash) *routerinfo.RouterInfo
	// Known returns a RouterInfo, nil where it is not known.
	Known func(router i2p.Hash) *routerinfo.RouterInfo
	// All are the RouterInfos that are known.
	All func() []*routerinfo.RouterInfo
}

// Events are whom the transport tells; all but Deliver may be nil.
type Events struct {
	// Deliver is given each message that arrives, and owns it.
	Deliver func(from i2p.Hash, m i2np.Message)
	// PeerInfo is given each verified RouterInfo that a peer sent of itself, and by
	// which session; flood is set where it asks to have it flooded.
	PeerInfo func(ri *routerinfo.RouterInfo, by Meeting, flood bool)
	// Up and Down tell that the first session with a peer stands, and that the
	// last has ended, in this order for each peer, and by which transport. Reached
	// tells of each session that we opened. Failed tells that a dial came to nothing.
	Up      func(peer i2p.Hash, by Meeting)
	Reached func(peer i2p.Hash, by Meeting)
	Down    func(peer i2p.Hash, transport string, why error)
	Failed  func(peer i2p.Hash, why error)
	// Stalled tells that a peer has acknowledged nothing for a while, although
	// the session still stands: what is sent over it should take another way.
	Stalled func(peer i2p.Hash)
	// Moved is told of the machine's addresses: before Ready, and when they have
	// changed, before the sessions from addresses that are gone are opened anew.
	Moved func(addrs []netip.Addr)
	// Readdressed tells that Publish gives other addresses than before.
	Readdressed func()
}

// Meeting is how a session with a peer came about.
type Meeting struct {
	Transport string
	Inbound   bool       // the peer opened it
	Remote    netip.Addr // the peer's end
}

// The errors of Send, and of drivers.
var (
	ErrClosed    = errors.New("transport: not running")
	ErrNoAddress = errors.New("transport: peer has no address for us")
	ErrBusy      = errors.New("transport: too many dials under way")
	ErrBackoff   = errors.New("transport: peer could not be reached a moment ago")
	ErrQueueFull = errors.New("transport: queue is full")
	ErrStalled   = errors.New("transport: peer acknowledges nothing at the moment")
	ErrTooLarge  = errors.New("transport: message is too large")
	ErrSelf      = errors.New("transport: that is this router")
	// ErrRefused is what a driver's end of a session is where the peer will not
	// have us, and would say the same again.
	ErrRefused = errors.New("transport: the peer refuses us")
)

// Transport is a router's sessions with its peers.
type Transport struct {
	*table
	in, out Bandwidth
	watch   *watch
}

// way is a driver, and what the table counts of it.
type way struct {
	Driver
	name     string
	listens  []netip.AddrPort
	counters counters
	// Under the transport's mutex.
	sessions, pending, dials int
	dialTime, acceptTime     tally.Durations
}

// New checks the configuration. Nothing runs before Run.
func New(cfg Config) (*Transport, error) {
	if len(cfg.Drivers) == 0 || cfg.OurInfo == nil || cfg.Events.Deliver == nil {
		return nil, errors.New("transport: Config needs Drivers, OurInfo and Events.Deliver")
	}
	if cfg.Network == nil {
		cfg.Network = Internet{}
	}
	cfg.Env = cfg.Complete()
	if cfg.Gather == nil {
		cfg.Gather = func() {}
	}
	cfg.Limits = cfg.Limits.withDefaults()
	t := newTable(cfg)
	for _, d := range cfg.Drivers {
		t.ways = append(t.ways, &way{Driver: d, name: d.Name()})
	}
	tr := &Transport{table: t, watch: newWatch(t)}
	tr.SetBandwidth(cfg.BandwidthIn, cfg.BandwidthOut)
	return tr, nil
}

// SetSessions changes the limit of Config; the sessions that stand are kept.
func (t *Transport) SetSessions(limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg.Limits.Sessions = limit
}

// SetBandwidth changes the limits of Config.
func (t *Transport) SetBandwidth(in, out int) {
	t.in.set(in)
	t.out.set(out)
}

// Ready is closed once Run listens.
func (t *Transport) Ready() <-chan struct{} { return t.ready }

// Addrs are the addresses that are listened on, once Ready is closed.
func (t *Transport) Addrs() []netip.AddrPort { return t.addrs() }

func (t *table) addrs() (addrs []netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.ways {
		addrs = append(addrs, w.listens...)
	}
	return addrs
}

// Publish gives the addresses for our RouterInfo, where hosts are what this
// router can be reached at from outside; there may be none. Before Ready is closed there are none.
func (t *Transport) Publish(hosts []netip.Addr) (addrs []routerinfo.Address) {
	for _, w := range t.drivers() {
		addrs = append(addrs, w.Publish(hosts)...)
	}
	return addrs
}

// Run listens until ctx ends, then takes leave of all peers and waits for
// every goroutine. It can be called once.
func (t *Transport) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.mu.Lock()
	if t.ctx != nil {
		t.mu.Unlock()
		return errors.New("transport: Run called twice")
	}
	t.ctx = ctx
	t.mu.Unlock()
	known := t.watch.look(nil)
	defer t.shutdown(cancel)
	for i, w := range t.ways {
		if err := t.listen(ctx, w); err != nil {
			cancel()
			for _, w := range t.ways[:i] {
				w.Run(ctx) // closes what it listens on
			}
			return fmt.Errorf("transport: %w", err)
		}
	}
	for _, w := range t.ways {
		t.spawn(func() { w.Run(ctx) })
	}
	t.spawn(func() { t.watch.run(ctx, known) })
	close(t.ready)
	t.cfg.Log.Debug("transport listens", "addresses", len(t.Addrs()))
	<-ctx.Done()
	return nil
}

func (t *Transport) listen(ctx context.Context, w *way) error {
	h := &Host{
		Network: t.cfg.Network, Self: t.cfg.Self, NetID: t.cfg.NetID, Log: t.cfg.Log, Now: t.cfg.Now,
		In: &t.in, Out: &t.out, Gather: t.cfg.Gather,
		t: t.table, watch: t.watch, way: w,
	}
	addrs, err := w.Listen(ctx, h)
	t.mu.Lock()
	defer t.mu.Unlock()
	w.listens = addrs
	return err
}

// Send takes ownership of m and queues it for a peer, dialling where there is
// no session. It never blocks. On error the message is released.
func (t *Transport) Send(to *routerinfo.RouterInfo, m i2np.Message) error {
	p, err := t.peer(to.Hash()), errGone
	if p != nil {
		err = p.put(m)
	}
	if err == errGone {
		if p, err = t.start(to, m); p != nil {
			err = p.put(m)
		}
	}
	if err != nil {
		t.drop(p, m)
	}
	return err
}

// SendTo takes ownership of m and queues it for a peer that has a session or
// is being dialled. Where there is neither, or the queue is full, the message
// is released and SendTo reports false.
func (t *Transport) SendTo(hash i2p.Hash, m i2np.Message) bool {
	p := t.peer(hash)
	if p == nil || p.put(m) != nil {
		t.drop(p, m)
		return false
	}
	return true
}

// Connected reports whether a session with the peer stands.
func (t *Transport) Connected(hash i2p.Hash) bool {
	p := t.peer(hash)
	return p != nil && p.connected()
}

// Dials reports whether one of the drivers can reach a router from here.
func (t *Transport) Dials(ri *routerinfo.RouterInfo) bool { return len(t.bids(ri)) > 0 }

// Dial has a session with a router opened, unless there is one or will be. It never blocks: Events.Up and
// Events.Failed tell how it goes.
func (t *Transport) Dial(ri *routerinfo.RouterInfo) error {
	if t.peer(ri.Hash()) != nil {
		return nil
	}
	_, err := t.start(ri, i2np.Message{})
	return err
}

// Leaves is the address from which the machine sends to the Internet over a family; the zero value
// where there is no way, or it is not known.
func (t *Transport) Leaves(v4 bool) netip.Addr { return t.leaves(v4) }

// InfoChanged sends our RouterInfo, which has changed, to all peers.
func (t *Transport) InfoChanged() {
	for _, p := range t.everyone() {
		p.announce()
	}
}
