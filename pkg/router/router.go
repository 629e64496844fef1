// Package router is the core of an I2P router. Router takes the messages of the
// transports and hands each to whom it concerns: transit carries tunnels for
// others within limits; pools builds the tunnels of the router's own parties,
// which are the router itself (exploratory tunnels) and the local destinations;
// mail asks the netDb and publishes for them, and answers others. What they want
// sent Router passes to the transports.
//
// One goroutine, the loop in Run, owns all state. Everything else reaches it
// through the inbox.
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
	"i2ptoolkit/pkg/tunnel"
)

// Transport is what the router needs of its transports. No method blocks.
type Transport interface {
	// Send takes ownership of the message.
	Send(to *routerinfo.RouterInfo, m i2np.Message) error
	// SendTo takes ownership of the message; false means that there is no
	// session with the peer, or no room.
	SendTo(peer i2p.Hash, m i2np.Message) bool
	Connected(peer i2p.Hash) bool
	// Congested reports whether the peer takes less than is sent to it.
	Congested(peer i2p.Hash) bool
}

// Limits bound what others may use of the router. A zero field means its
// default.
type Limits struct {
	Inbox          int           // messages that wait for the loop; 16384
	TransitTunnels int           // tunnels of others; 10000, negative for none
	TransitPerPeer int           // of them, asked for by one previous hop; 1000
	BuildsPerPeer  float64       // build requests a second from one peer; 20
	BuildsPerSec   float64       // and from all; 200
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
	if l.TransitPerPeer == 0 {
		l.TransitPerPeer = 1000
	}
	if l.BuildsPerPeer == 0 {
		l.BuildsPerPeer = 20
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
	// Info makes a RouterInfo of the present moment, to be published.
	Info func() *routerinfo.RouterInfo
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

// arrival is a message from a peer.
type arrival struct {
	from i2p.Hash
	msg  i2np.Message
}

// Router takes what comes, has it handled by those whom it concerns, and sends
// what they want sent. New starts nothing; Run does.
type Router struct {
	*core
	in      *mailbox.Box[arrival] // the only way into the loop
	transit *transit
	pools   *pools
	mail    *mail
	looped  []i2np.Message // sent to ourselves
	spare   []outgoing     // an empty tray

	ended      sync.Mutex // held by who uses what is left after Run
	started    bool       // tunnels may be built
	lastExpire time.Time
	ticked     time.Time
}

// ErrStopped is the answer to whoever asks a router that has ended.
var ErrStopped = errors.New("router: stopped")

// Counts are totals since the start.
type Counts struct {
	BuildsAccepted, BuildsRefused, BuildsExpired uint64
	TransitAccepted, TransitRefused              uint64
	TransitMessages, TransitBytes                uint64
	Malformed, Expired, Unknown, Undecryptable   uint64
	Strayed                                      uint64 // answers that came in another way than the one that was named
	InboxDropped, BuildsLimited, GarlicLimited   uint64
	TestsOK, TestsFailed                         uint64
	BuildTook                                    tally.Durations // of those that were accepted
}

// New makes a router.
func New(cfg Config) *Router {
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.Env = cfg.Env.Complete()
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	c := &core{cfg: cfg, rand: cfg.Rand, now: cfg.Now(), db: cfg.DB, peers: cfg.Profiles}
	r := &Router{core: c, in: mailbox.New(mailbox.Config[arrival]{
		Limit: cfg.Limits.Inbox, Gather: cfg.Gather, Drop: func(a arrival) { a.msg.Release() },
	})}
	budget := tunnel.NewBudget(0)
	r.transit = newTransit(c, budget, func(id uint32) bool { return r.pools.owns(id) })
	r.pools = newPools(c, budget, r.transit.carries)
	r.mail = newMail(c, r.pools)
	return r
}

const maxSources = 8192

// Deliver is the transport's way in. It takes ownership of the message.
func (r *Router) Deliver(from i2p.Hash, m i2np.Message) { r.in.Post(arrival{from, m}) }

// Ready is closed once exploratory tunnels stand both ways.
func (r *Router) Ready() <-chan struct{} { return r.pools.ready }

// Run works until ctx ends.
func (r *Router) Run(ctx context.Context) error {
	defer r.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.in.Ready():
		case <-timer.C:
		}
		r.in.Take()
		r.now = r.cfg.Now()
		timer.Reset(r.turn())
	}
}

// end lets go of everything, and answers those who still wait: what they ask is
// done first, while the parties are open.
func (r *Router) end() {
	r.ended.Lock()
	defer r.ended.Unlock()
	r.in.Close()
	for n := len(r.pools.parties); n > 0; n-- {
		r.closeParty(r.pools.parties[n-1])
	}
	r.transit.close()
	r.sendAll()
	r.mail.end()
}

// turn is one turn of the loop: what was taken out of the inbox, and what time
// asks for. It returns how long the loop may sleep.
func (r *Router) turn() time.Duration {
	r.in.Each(func(a arrival) {
		r.direct(a.from, a.msg)
		if len(r.tray) > 0 || r.transit.full() {
			r.sendAll()
		}
	})
	r.sendAll() // before tick closes tunnels
	if wait := tickEvery - r.now.Sub(r.ticked); wait > 0 {
		return min(wait, tickEvery)
	}
	r.ticked = r.now
	sleep := r.tick()
	r.sendAll()
	return sleep
}

// tickEvery is how often the time is looked at under load, when the loop turns
// far more often.
const tickEvery = time.Millisecond

// tick does what time asks for and returns how long the loop may sleep.
func (r *Router) tick() time.Duration {
	next := r.now.Add(time.Minute)
	next = deadline.Earliest(next, r.transit.tick())
	for i := 0; i < len(r.pools.parties); i++ {
		next = deadline.Earliest(next, r.tickParty(r.pools.parties[i]))
	}
	if r.now.Sub(r.lastExpire) >= time.Minute {
		r.lastExpire = r.now
		r.db.Expire(r.now)
		r.pools.expire()
	}
	return max(next.Sub(r.now), tickEvery)
}

func (r *Router) tickParty(p *party) time.Time {
	if p.closed || !r.started {
		return time.Time{}
	}
	next := r.pools.tick(p)
	return deadline.Earliest(next, r.mail.tick(p))
}

// sendAll sends what there is to send: first what was carried for others, then
// what was put on the tray meanwhile, so that messages leave in the order in
// which they came.
func (r *Router) sendAll() {
	for {
		carried := r.transit.forward()
		tray, looped, later := r.tray, r.looped, r.later
		if len(carried)+len(tray)+len(looped)+len(later) == 0 {
			return
		}
		r.tray, r.looped, r.later = r.spare[:0], nil, nil
		for i := range carried {
			r.transmit(carried[i].To, carried[i].Message, nil)
		}
		for i := range tray {
			r.transmit(tray[i].to, tray[i].msg, tray[i].failed)
		}
		clear(tray)
		r.spare = tray
		for _, m := range looped {
			r.direct(r.cfg.Hash, m)
		}
		for _, f := range later {
			f()
		}
	}
}

// transmit passes a message to a router, over its session or a new one. It takes
// ownership; failed is called where there is no way, unless it is nil.
func (r *Router) transmit(to i2p.Hash, m i2np.Message, failed func()) {
	if to == r.cfg.Hash {
		r.looped = append(r.looped, m)
		return
	}
	sent := true
	if r.cfg.Transport.Connected(to) {
		sent = r.cfg.Transport.SendTo(to, m)
	} else if ri := r.db.Router(to); ri == nil {
		r.mail.wantRouter(to, m)
	} else if err := r.cfg.Transport.Send(ri, m); err != nil {
		r.cfg.Log.Debug("message not sent", "type", m.Type, "error", err)
		sent = false
	}
	if !sent && failed != nil {
		failed()
	}
}
