// Package router is the core of an I2P router. A Router is a loop around a
// dispatcher, which takes the messages of the transports and hands each to whom
// it concerns:
//
//	transit  carries tunnels for others, within limits
//	pools    keeps the tunnels of the router's own parties: the router itself
//	         (exploratory tunnels) and the local destinations. Its builds and
//	         tests are on their way, paths chooses whom to go through, and ends
//	         are our ends of the tunnels
//	opener   opens the garlic that is for the router
//	mail     asks the netDb and publishes for the parties, and answers others
//
// One goroutine, the loop in Run, owns all state. Everything else reaches it
// through the inbox.
//
// Messages to be sent lie on one tray until the dispatcher passes them to the
// transports, and are not returned. What is sent is often made deep below: an
// answer ends a lookup, whoever waited for it asks the next question, which goes
// through a tunnel. All on the way up would do nothing but append what they were
// given to what they have, and the tray is just that slice, made once. Nor may
// they send at once: what cannot be sent is told to its part, which must be done
// with its state by then. Only transit returns what it carried, for it encrypts
// the messages of a turn together.
package router

import (
	"context"
	"errors"
	"sync"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tally"
)

// Transport is what the router needs of its transports. No method blocks.
type Transport interface {
	// Send takes ownership of the message.
	Send(to *routerinfo.RouterInfo, m i2np.Message) error
	// SendTo takes ownership of the message; false means that there is no
	// session with the peer, or no room.
	SendTo(peer i2p.Hash, m i2np.Message) bool
	Connected(peer i2p.Hash) bool
	// Dials reports whether a router can be dialled from here.
	Dials(ri *routerinfo.RouterInfo) bool
	// Dial has a session with a router opened, unless there is one: it tells Peers when that
	// stands, or cannot be had.
	Dial(ri *routerinfo.RouterInfo) error
	// Testing reports whether it is being found out how others reach us: with routers to
	// whom there is no session.
	Testing() bool
	// Congested reports whether the peer takes less than is sent to it.
	Congested(peer i2p.Hash) bool
	// Waiting is how many messages of tunnels wait for the peer to take them.
	Waiting(peer i2p.Hash) int
}

// Limits bound what others may use of the router. A zero field means its
// default.
type Limits struct {
	Inbox          int           // messages that wait for the loop; 16384
	TransitTunnels int           // tunnels of others; 10000, negative for none
	BuildsPerSec   float64       // build requests of others a second; 200
	GarlicPerSec   float64       // garlic messages to the router a second; 500
	BuildTimeout   time.Duration // of our own tunnels; 10 s
	BuildEvery     time.Duration // between two of our own builds, after a few at once; 250 ms
}

func (l Limits) withDefaults() Limits {
	if l.Inbox == 0 {
		l.Inbox = 16384
	}
	if l.TransitTunnels == 0 {
		l.TransitTunnels = 10000
	}
	if l.BuildsPerSec == 0 {
		l.BuildsPerSec = 200
	}
	if l.GarlicPerSec == 0 {
		l.GarlicPerSec = 500
	}
	if l.BuildTimeout == 0 {
		l.BuildTimeout = 10 * time.Second
	}
	return l
}

// Config is what a Router is made of.
type Config struct {
	env.Env
	Hash      i2p.Hash
	Static    noise.KeyPair // the identity's encryption key
	Transport Transport
	DB        *netdb.DB
	Profiles  *profile.Table
	Limits    Limits
	// Testnet allows hops of one /16 and family in a tunnel.
	Testnet bool
	// Inbound and Outbound shape the router's own, exploratory tunnels.
	Inbound, Outbound Shape
	// TransitKBps is what we say to have for a tunnel of others, in KB per
	// second (proposal 168); 0 says nothing.
	TransitKBps int
	// Info makes a RouterInfo of the present moment, to be published; what is known of the
	// netDb is for it to tell.
	Info func(routers, leaseSets int) *routerinfo.RouterInfo
	// Event is told of changes; it must not block.
	Event func(Event)
}

// Event is a change that somebody may want to follow.
type Event struct {
	Kind   string // tunnel_up, tunnel_down, published, …
	Router i2p.Hash
	Tunnel uint32
	Owner  string
	Detail string
}

// inboxRoom is what messages may take in the inbox on average: nearly all take less, and the
// largest sixteen times as much.
const inboxRoom = 4 << 10

// arrival is a message from a peer.
type arrival struct {
	from i2p.Hash
	msg  i2np.Message
}

// Router is a dispatcher in a loop, and the way in to it. New starts nothing;
// Run does.
type Router struct {
	*dispatcher
	in    *mailbox.Box[arrival] // the only way into the loop
	ended sync.Mutex            // held by who uses what is left after Run
}

// ErrStopped is the answer to whoever asks a router that has ended.
var ErrStopped = errors.New("router: stopped")

// Counts are totals since the start. They are one table, whichever part counts:
// the metrics list it field by field, and a reader wants it whole.
type Counts struct {
	BuildsAccepted, BuildsRefused, BuildsExpired uint64
	BuildsHeld                                   uint64 // a destination's, for want of a tunnel to go through
	TransitAccepted, TransitRefused              uint64
	TransitGaveWay                               uint64 // tunnels of others that were dropped for those of others
	TransitMessages, TransitBytes                uint64
	Malformed, Expired, Unknown, Undecryptable   uint64
	Strayed                                      uint64 // answers that came in another way than the one that was named
	InboxDropped, BuildsLimited, GarlicLimited   uint64
	TestsOK, TestsFailed                         uint64
	BuildTook                                    tally.Durations // of those that were accepted
	Exploratory, Client                          Fates           // of our own tunnels with hops
}

// Fates are how far tunnels came: a hop may agree to a tunnel and then carry nothing.
type Fates struct {
	Asked   uint64 // their builds went out
	Stood   uint64 // all hops agreed
	Carried uint64 // a message came through
}

// New makes a router.
func New(cfg Config) *Router {
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.Env = cfg.Env.Complete()
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	return &Router{dispatcher: newDispatcher(cfg), in: mailbox.New(mailbox.Config[arrival]{
		Limit: cfg.Limits.Inbox, Bytes: cfg.Limits.Inbox * inboxRoom, Size: func(a arrival) int { return a.msg.Memory() },
		Gather: cfg.Gather, Drop: func(a arrival) { a.msg.Release() },
	})}
}

// Deliver is the transport's way in. It takes ownership of the message.
func (r *Router) Deliver(from i2p.Hash, m i2np.Message) { r.in.Post(arrival{from, m}) }

// Ready is closed once exploratory tunnels stand both ways.
func (r *Router) Ready() <-chan struct{} { return r.parties.ready }

// Run works until ctx ends.
func (r *Router) Run(ctx context.Context) error {
	defer r.end()
	timer := time.NewTimer(deadline.Rest(0))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.in.Ready():
		case <-timer.C:
		}
		timer.Reset(deadline.Rest(r.turnNow()))
	}
}

// turnNow is one turn of the loop with what has come.
func (r *Router) turnNow() time.Duration {
	r.in.Take()
	r.now = r.cfg.Now()
	return r.turn()
}

// turn is one turn of the loop: what was taken out of the inbox, and what time
// asks for. It returns how long the loop may sleep.
func (r *Router) turn() time.Duration {
	r.in.Each(func(a arrival) { r.take(a.from, a.msg) })
	return r.rest()
}

// end lets go of everything, and answers those who still wait: what they ask is
// done first, while the parties are open.
func (r *Router) end() {
	r.ended.Lock()
	defer r.ended.Unlock()
	r.in.Close()
	r.dispatcher.end()
}

// within runs f where nothing else uses the router's state: in the loop, or
// once that has ended.
func (r *Router) within(f func()) {
	if r.in.Do(f) {
		return
	}
	r.ended.Lock()
	defer r.ended.Unlock()
	f()
}
