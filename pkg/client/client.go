// Package client is one local destination: its lease sets, its ratchet
// sessions with other destinations, and the streams that travel in them. The
// tunnels are the router's; two clients share nothing, so that nobody can
// link one destination to another, or either to the router.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/stream"
)

// Tunnels is a destination's pair of tunnel pools, as its router gives it.
// No method blocks.
type Tunnels interface {
	// Send passes messages through the outbound tunnel via, or through any
	// other where that one has gone, to a tunnel of somebody's. It takes
	// ownership of the messages.
	Send(via uint32, gateway i2p.Hash, tunnel uint32, messages []i2np.Message)
	// LookupLeaseSet asks the netDb through these tunnels, for a lease set
	// that was published later than the date where it is not zero; where there is
	// none, it gives an older one.
	LookupLeaseSet(hash i2p.Hash, than i2p.Date, done func(leaseset.Set, error))
	// Publish stores a lease set in the netDb through these tunnels, and
	// sees to it that it can be found.
	Publish(set leaseset.Set)
	// Suspect has the tunnels tested: what goes through them seems to get lost.
	Suspect()
	// Withdraw stores a lease set that ends at once, in place of the published one.
	Withdraw(set leaseset.Set)
	// Rest ends the building of tunnels, and Resume begins it again; those that
	// stand still serve.
	Rest()
	Resume()
	Close()
}

// Callbacks are what a router tells a client. They must not block.
type Callbacks struct {
	Deliver   func(i2np.Message) // takes ownership
	Changed   func(TunnelState)
	Published func() // a floodfill has confirmed the lease set
}

// TunnelState is what stands at the moment: the leases of the inbound tunnels
// and the ids of the outbound ones, the preferred first.
type TunnelState struct {
	Leases   []leaseset.Lease
	Outbound []uint32
	RTT      time.Duration // out through one and in through another: the longest seen
}

// Config is what a client needs.
type Config struct {
	Keys *i2p.PrivateKeys
	Rand io.Reader        // nil is crypto/rand
	Now  func() time.Time // nil is time.Now
	Log  *slog.Logger
	// OpenTunnels asks the router for tunnels. Deliver is called with each
	// message that arrives in one of them, Changed when the tunnels do.
	OpenTunnels func(Callbacks) Tunnels
	// Options are what the destination's owner asks for, but for the shape of
	// its tunnels, which is between OpenTunnels and the router. The zero value
	// is options.Default.
	Options options.Options
	// Resumable keeps the destination for Resume, for as long after Retire as
	// there are tunnels that its peers may still send into.
	Resumable bool
	Stream    stream.Config // Rand and Gather are taken from it; the rest follows from the other fields
	// Gather is for simulations, nil elsewhere: the loop calls it once it has
	// woken. It returns when the goroutines that may still add to the inbox are
	// at rest.
	Gather func()
}

// Stats count what went wrong and what went well.
type Stats struct {
	Received, Sent          uint64 // messages
	Undecryptable, Rejected uint64
	Dropped                 uint64 // outgoing, for want of a lease set or tunnels
	LeaseSets               uint64 // published
}

// Client is a local destination. New starts nothing; Run does.
type Client struct {
	cfg     Config
	dest    i2p.Destination
	static  noise.KeyPair
	host    *stream.Host
	tunnels Tunnels
	inbox   chan i2np.Message
	wake    chan struct{}

	arrival sync.Mutex // a leaf: nothing enters the inbox once ended is set
	ended   bool

	mu        sync.Mutex // never held across I/O, a channel or a call of the router's
	sessions  *ratchet.Sessions
	remotes   map[i2p.Hash]*remote
	byStatic  map[[32]byte]*remote
	state     TunnelState
	newWay    uint32        // an outbound tunnel that has come since the last tick
	standing  chan struct{} // closed once tunnels stand both ways
	stands    bool
	set       *leaseset.LeaseSet2
	dated     i2p.Date  // the newest lease set made
	stored    []byte    // set as a DatabaseStore message has it
	toPublish bool      // set is
	offered   bool      // a set was published
	dirty     bool      // the leases changed since set was made
	changedAt time.Time // the first of these changes
	missing   bool      // set was taken back: there must be another
	pushAt    time.Time // when a peer may be due to be sent set by itself; zero: none is
	ready     chan struct{}
	confirmed bool // a floodfill has a lease set of ours
	isReady   bool
	life      life
	stats     Stats
}

const (
	inboxSize   = 4096
	messageLife = 60 * time.Second // I2NP expiration of what we send
)

// ErrClosed is returned once a client has ended.
var ErrClosed = errors.New("client: destination closed")

// New makes a client.
func New(cfg Config) (*Client, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Gather == nil {
		cfg.Gather = func() {}
	}
	if len(cfg.Options.Encryption) == 0 {
		cfg.Options = options.Default()
	}
	static := cfg.Keys.LeaseSetKey()
	c := &Client{
		cfg:      cfg,
		dest:     cfg.Keys.Destination(),
		static:   static,
		inbox:    make(chan i2np.Message, inboxSize),
		wake:     make(chan struct{}, 1),
		life:     life{retired: make(chan struct{})},
		remotes:  make(map[i2p.Hash]*remote),
		byStatic: make(map[[32]byte]*remote),
		ready:    make(chan struct{}),
		standing: make(chan struct{}),
	}
	c.sessions = ratchet.New(ratchet.Config{Static: static, Hybrid: hybrid(cfg.Options), Rand: cfg.Rand})
	sc := c.streams(cfg.Options)
	var err error
	if c.host, err = stream.New(sc); err != nil {
		return nil, err
	}
	return c, nil
}

// Destination is the client's own.
func (c *Client) Destination() i2p.Destination { return c.dest }

// Run opens the tunnels and works until ctx ends, or for a while after
// Retire; then it closes the streams and the tunnels.
//
//	in use --Retire--> resting --nothing left to tell--> ended
//	  ^                   |
//	  +------Resume-------+
func (c *Client) Run(ctx context.Context) error {
	c.tunnels = c.cfg.OpenTunnels(Callbacks{c.deliver, c.changed, c.published})
	var err error
	hostDone := make(chan struct{})
	hostCtx, stopHost := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(hostDone)
		err = c.host.Run(hostCtx)
	}()
	c.loop(ctx, hostDone)
	stopHost()
	<-hostDone
	c.tunnels.Close()
	c.arrival.Lock()
	c.ended = true // the router may still be about to deliver
	c.arrival.Unlock()
	for {
		select {
		case m := <-c.inbox:
			m.Release()
			continue
		default:
		}
		return err
	}
}

// loop opens what arrives and keeps the sessions' and the lease set's time.
func (c *Client) loop(ctx context.Context, hostDone <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		gone := c.rest()
		if c.leaves() {
			return
		}
		timer.Reset(c.tick())
		select {
		case <-ctx.Done():
			return
		case <-hostDone:
			return
		case <-gone:
			c.streamsGone(gone)
		case m := <-c.inbox:
			c.cfg.Gather()
			c.open(m)
		case <-c.wake:
			c.cfg.Gather()
		case <-timer.C:
			c.cfg.Gather()
		}
		select { // what woke the loop again is looked at now
		case <-c.wake:
		default:
		}
		c.openAll()
	}
}

// openAll opens what else came meanwhile, for one tick.
func (c *Client) openAll() {
	for {
		select {
		case m := <-c.inbox:
			c.open(m)
		default:
			return
		}
	}
}

// deliver is called by the router with a message from one of our tunnels.
func (c *Client) deliver(m i2np.Message) {
	if c.take(m) {
		return
	}
	m.Release() // full: the streams will retransmit
	c.mu.Lock()
	c.stats.Dropped++
	c.mu.Unlock()
}

func (c *Client) take(m i2np.Message) bool {
	c.arrival.Lock()
	defer c.arrival.Unlock()
	if c.ended {
		return false
	}
	select {
	case c.inbox <- m:
		return true
	default:
		return false
	}
}

// changed is called by the router when the tunnels did.
func (c *Client) changed(s TunnelState) {
	now := c.cfg.Now()
	c.mu.Lock()
	if c.dirty = c.missing || c.news(now, s.Leases); c.dirty && c.changedAt.IsZero() {
		c.changedAt = now
	}
	for _, id := range s.Outbound {
		if !slices.Contains(c.state.Outbound, id) {
			c.newWay = id
		}
	}
	c.state = s
	c.mu.Unlock()
	c.nudge()
}

// pathRTT guesses the round trip to another destination: twice our own, as each
// way leads through tunnels of both ends.
func (c *Client) pathRTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return 2 * c.state.RTT
}

func (c *Client) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Ready waits until others can find the destination: tunnels stand both ways,
// and a floodfill has its lease set (or, where that is not to be published, it
// is made).
func (c *Client) Ready(ctx context.Context) error {
	c.mu.Lock()
	ready := c.ready
	c.mu.Unlock()
	return await(ctx, ready)
}

// Standing waits until tunnels stand both ways: enough to dial and to look up.
func (c *Client) Standing(ctx context.Context) error { return await(ctx, c.stood()) }

// stood is closed once tunnels stand both ways.
func (c *Client) stood() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing
}

func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// published is called by the router when a floodfill confirmed the lease set.
func (c *Client) published() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.withdrawal == withdrawing {
		c.life.withdrawal = withdrawn
		c.nudge()
		return
	}
	c.confirmed = true
	c.becomeReady()
}

func (c *Client) becomeReady() {
	if !c.isReady && c.stands && (c.confirmed || c.cfg.Options.Unpublished) {
		c.isReady = true
		close(c.ready)
	}
}

// Stands reports what Standing waits for.
func (c *Client) Stands() bool {
	select {
	case <-c.stood():
		return true
	default:
		return false
	}
}

// Dial opens a stream to another destination.
func (c *Client) Dial(ctx context.Context, to i2p.Destination, port uint16) (*stream.Conn, error) {
	if limit := c.cfg.Options.Streaming.ConnectTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if err := c.Standing(ctx); err != nil {
		return nil, fmt.Errorf("client: waiting for tunnels: %w", err)
	}
	if _, err := c.Lookup(ctx, to.Hash()); err != nil {
		return nil, err
	}
	return c.host.Dial(ctx, to, port)
}

// Listen takes the streams for a port, or for every port without a listener
// when port is 0.
func (c *Client) Listen(port uint16) (*stream.Listener, error) { return c.host.Listen(port) }

// Stats returns the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
