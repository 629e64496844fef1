// Package client is one local destination: its lease sets, its ratchet
// sessions with other destinations, and the streams and datagrams that travel
// in them. The tunnels are the router's; two clients share nothing, so that
// nobody can link one destination to another, or either to the router.
//
// One loop owns all of it. What the router has to tell, and what users ask
// for, is only noted, so that no cryptography of a destination's runs in
// anybody else's goroutine.
package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/elgamalaes"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/tally"
)

// Tunnels is a destination's pair of tunnel pools, as its router gives it.
// No method blocks.
type Tunnels interface {
	// Send passes messages through the outbound tunnel via, or through any
	// other where that one has gone, to a tunnel of somebody's. It takes
	// ownership of the messages.
	Send(via uint32, gateway i2p.Hash, tunnel uint32, messages []i2np.Message)
	// SendPaced is Send for who has more to send, and has passed called, from any goroutine, once the next hop
	// has room for that.
	SendPaced(via uint32, gateway i2p.Hash, tunnel uint32, messages []i2np.Message, passed func())
	// LookupLeaseSet asks the netDb through these tunnels, for a lease set
	// that was published later than the date where it is not zero; where there is
	// none, it gives an older one.
	LookupLeaseSet(hash i2p.Hash, than i2p.Date, done func(leaseset.Record, error))
	// Publish stores a lease set in the netDb through these tunnels, and
	// sees to it that it can be found.
	Publish(set leaseset.Record)
	// Suspect has the tunnels tested: what goes through them seems to get lost.
	Suspect()
	// Withdraw stores a lease set that ends at once, in place of the published one.
	Withdraw(set leaseset.Record)
	// Reshape has the pools keep tunnels of other shapes from now on.
	Reshape(in, out options.Tunnels)
	// Rest ends the building of tunnels, and Resume begins it again; those that
	// stand still serve.
	Rest()
	Resume()
	Close()
}

// Callbacks are what a router tells a client. They do not block.
type Callbacks struct {
	Deliver   func(tunnel uint32, m i2np.Message) // which came through that tunnel; takes ownership
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
	env.Env
	// Keys are the destination's. Without them it is Destination, Keeper makes
	// its lease sets, and there are no streams: to open them takes a signature.
	Keys        *i2p.PrivateKeys
	Destination i2p.Destination
	Keeper      Keeper // nil: with Keys

	// OpenTunnels asks the router for tunnels. Deliver is called with each
	// message that arrives in one of them, Changed when the tunnels do.
	OpenTunnels func(Callbacks) Tunnels
	// Options are what the destination's owner asks for. The zero value is
	// options.Default.
	Options options.Options
	// Resumable keeps the destination for Resume, for as long after Retire as
	// there are tunnels that its peers may still send into.
	Resumable bool
}

// Stats count what went wrong and what went well.
type Stats struct {
	Received, Sent          uint64 // messages
	Undecryptable, Rejected uint64
	Crowded                 uint64 // of nobody we knew, when too many such came
	Dropped                 uint64 // incoming that came too fast, and outgoing for want of a lease set or tunnels
	LeaseSets               uint64 // made
	Seeks, SeeksRefused     uint64 // lookups of those who say to have sent something, and those beyond the limit
	Scouts, ScoutsRefused   uint64 // messages that look for a path that works, and those beyond the limit
	SentBack                uint64 // confirmations of elders' messages
	Sessions                ratchet.Stats
	ElGamal                 elgamalaes.Stats
	Streams                 sockets.Stats
}

// Client is a local destination. New starts nothing; Run does. Its methods wait
// for the loop, or leave it a note.
type Client struct {
	dest     i2p.Destination
	ended    chan struct{} // closed by Run
	patience time.Duration // of Dial; 0: its caller's
	dialled  atomic.Uint64 // streams, until now

	loop
}

// loop owns the whole of a destination: nobody else's goroutine touches it, but for
// the inbox, the gates and the handlers, which have locks of their own. What it
// decides by stands in its parts, which it asks: our lease set, our tunnels, the
// destinations that we know, how we speak to them, and users coming and going.
// Its own methods bring them together: sealing and opening (garlic.go), the
// lease set (leaseset.go), telling it to peers (announce.go), looking peers' up
// (lookup.go), what time asks for (upkeep.go).
type loop struct {
	cfg     Config
	in      *mailbox.Box[arrival]
	gates   gates
	demux   demux
	host    *sockets.Host // nil without keys
	tunnels Tunnels
	lobby   lobby

	now   time.Time // of this turn
	over  bool      // it has ended
	stats Stats

	seeking int // lookups of seek
	scouts  bucket.Bucket
	sending atomic.Int64 // bytes of payloads that Send has taken and that have not been passed on
	outbox  outbox

	own   ownSet
	life  life
	dials dials
	ways
	others
	voice
}

const (
	inboxSize   = 4096             // messages that wait for the loop
	inboxBytes  = inboxSize * 4096 // which most of them fit in, whatever anybody sends
	messageLife = 60 * time.Second // of what we send, at most
)

// New makes a client.
func New(cfg Config) (*Client, error) {
	cfg.Env = cfg.Env.Complete()
	if len(cfg.Options.Encryption) == 0 {
		cfg.Options = options.Default()
	}
	c := &Client{
		dest:     cfg.Destination,
		ended:    make(chan struct{}),
		patience: cfg.Options.Streaming.ConnectTimeout,
		loop: loop{
			cfg: cfg, in: newInbox(cfg.Gather), gates: newGates(), lobby: newLobby(cfg.Rand),
			dials: dials{}, others: newOthers(), voice: newVoice(cfg.Rand, cfg.Options),
		},
	}
	if cfg.Keys != nil {
		c.dest = cfg.Keys.Destination()
		var err error
		if c.host, err = sockets.New(c.streams()); err != nil {
			return nil, err
		}
	}
	c.own.hash = c.dest.Hash()
	c.demux.open()
	switch {
	case cfg.Keeper != nil:
	case cfg.Keys != nil:
		if err := blindable(cfg); err != nil {
			return nil, err
		}
		own := newKeeper(cfg.Keys, cfg.Rand)
		c.cfg.Keeper, c.elders.keeper = own, &own
		c.voice.use(cfg.Now(), own.encryption(cfg.Options.Encryption))
	default:
		return nil, errors.New("client: neither keys nor a keeper of lease sets")
	}
	return c, nil
}

// blindable tells whether there can be an encrypted lease set where one is asked for.
func blindable(cfg Config) error {
	if !cfg.Options.Blinding.Own {
		return nil
	}
	if cfg.Keys.Offline != nil {
		return fmt.Errorf("%w: its own signing key is kept offline, and the key of each day is made of it", ErrBlinding)
	}
	if _, err := cfg.Keys.Identity.Blinded().B33(); err != nil {
		return fmt.Errorf("%w: %w", ErrBlinding, err)
	}
	return nil
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
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := c.turn()
		if c.leaves(c.cfg.Now()) {
			break
		}
		timer.Reset(deadline.Rest(wait))
		select {
		case <-ctx.Done():
		case <-c.in.Ready():
		case <-timer.C:
		}
		if ctx.Err() != nil {
			break
		}
	}
	c.demux.close()
	if c.host != nil {
		c.host.Shutdown(c.cfg.Now())
	}
	c.tunnels.Close()
	for _, r := range c.remotes {
		release(contents(r.waiting))
	}
	c.lobby.clear()
	c.outbox.clear()
	c.stats = c.counts()
	c.over = true
	c.in.Close()
	close(c.ended)
	return nil
}

func newInbox(gather func()) *mailbox.Box[arrival] {
	return mailbox.New(mailbox.Config[arrival]{
		Limit: inboxSize, Bytes: inboxBytes, Size: arrival.memory, Drop: arrival.release, Gather: gather,
	})
}

// post has op run by the loop. It reports false after the end.
func (l *loop) post(op func(now time.Time)) bool { return l.in.Call(l.alive(op)) }

// call is post, and waits. It must not be called from the loop itself.
func (l *loop) call(op func(now time.Time)) (ran bool) {
	return l.in.Do(l.alive(func(now time.Time) { op(now); ran = true })) && ran
}

// alive leaves out what was still to be done at the end.
func (l *loop) alive(op func(now time.Time)) func() {
	return func() {
		if !l.over {
			op(l.now)
		}
	}
}

// turn does all there is to do, and says how long there will be nothing.
func (l *loop) turn() time.Duration {
	l.in.Take()
	now := l.cfg.Now()
	l.now = now
	if l.host != nil {
		l.host.Collect(now)
	}
	l.in.Each(func(a arrival) { l.arrived(now, a) })
	l.tendSet(now)
	l.tryNewWay(now)
	l.flushAll(now)
	l.sendOut(now)
	if l.host != nil {
		l.host.Flush(now)
	}
	l.tryPaths(now)
	l.replyEmpty(now)
	l.pushSet(now)
	l.lookAgain(now)
	if l.sessions != nil {
		l.sessions.Tick(now)
	}
	if gone := l.former.tick(now); gone != (ratchet.Stats{}) {
		tally.AddTotals(&l.stats.Sessions, gone)
	}
	if gone := l.elders.tick(now); gone != (elgamalaes.Stats{}) {
		tally.AddTotals(&l.stats.ElGamal, gone)
	}
	l.drop(l.forgetIdle(now))
	l.admit()
	l.heed()
	return l.sleep(now)
}

// shortSleep bounds what timers of little hurry cost.
const shortSleep = 10 * time.Millisecond

// sleep is how long time asks for nothing.
func (l *loop) sleep(now time.Time) time.Duration {
	next := l.askAt(now)
	next = deadline.Earliest(next, l.pushAt)
	next = deadline.Earliest(next, l.lookAt)
	next = deadline.Earliest(next, l.tryAt)
	next = deadline.Earliest(next, l.outbox.next)
	next = deadline.Earliest(next, l.life.next(now, l.cfg.Resumable))
	if l.sessions != nil {
		next = l.elders.deadline(deadline.Earliest(next, l.sessions.Deadline()))
	}
	sleep := time.Minute
	if !next.IsZero() {
		sleep = min(sleep, max(next.Sub(now), shortSleep))
	}
	if l.host != nil {
		if at := l.host.Deadline(); !at.IsZero() {
			sleep = min(sleep, max(at.Sub(l.cfg.Now()), 0))
		}
	}
	if !l.lobby.empty() {
		sleep = min(sleep, l.lobby.wait())
	}
	return sleep
}

// deliver is called by the router with a message from one of our tunnels.
func (c *Client) deliver(tunnel uint32, m i2np.Message) { c.in.Post(arrival{tunnel, m}) }

// changed is called by the router when the tunnels did.
func (c *Client) changed(s TunnelState) { c.post(func(now time.Time) { c.tunnelsChanged(now, s) }) }

// published is called by the router when a floodfill confirmed the lease set.
func (c *Client) published() { c.post(func(time.Time) { c.confirmed() }) }

// Stats returns the counters, after the end those that there were.
func (c *Client) Stats() Stats {
	var s Stats
	if !c.call(func(time.Time) { s = c.counts() }) {
		<-c.ended
		s = c.stats
	}
	s.Dropped += c.in.Dropped()
	return s
}

// counts are the loop's.
func (l *loop) counts() Stats {
	s := l.stats
	if l.sessions != nil {
		tally.Add(&s.Sessions, l.sessions.Stats())
	}
	if l.former.Sessions != nil {
		tally.Add(&s.Sessions, l.former.Stats())
	}
	for _, engine := range l.elders.engines() {
		tally.Add(&s.ElGamal, engine.Stats())
	}
	if l.host != nil {
		s.Streams = l.host.Stats()
	}
	return s
}
