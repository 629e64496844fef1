// Package router is the core of an I2P router: it takes the messages of the
// transport, dispatches them, carries tunnels for others within limits, and
// builds the tunnels of its own parties, which are the router itself
// (exploratory tunnels) and the local destinations.
//
// One goroutine, the loop in Run, owns all state. Everything else reaches it
// through the inbox.
package router

import (
	"context"
	"sync"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/ratchet"
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

// Router is the core. New starts nothing; Run does.
type Router struct {
	cfg   Config
	in    inbox
	rand  *draw.Source
	now   time.Time // of the batch that the loop works on
	db    *netdb.DB
	peers *profile.Table

	self    *party
	parties []*party // self first; in the order of their opening
	inbound map[uint32]*ownTunnel
	transit transit
	unsent  map[i2p.Hash][]i2np.Message // for routers that are being looked up
	doubts  doubts
	garlic  sourceLimit
	opener  *ratchet.Router // of garlic to our identity's key
	wanted  wanted
	pace    *tunnel.BuildLimit
	asked   neighbours

	ended      sync.Mutex    // held by who uses what is left after Run
	ready      chan struct{} // closed once exploratory tunnels stand both ways
	isReady    bool
	started    bool // tunnels may be built
	stopping   bool // no more tunnels of others
	lastExpire time.Time
	ticked     time.Time
	counts     Counts
	gone       netdb.SegmentStats // of parties that were closed
}

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
	r := &Router{
		cfg: cfg, in: newInbox(cfg.Limits.Inbox, cfg.Gather), rand: cfg.Rand, now: cfg.Now(),
		db: cfg.DB, peers: cfg.Profiles,
		inbound: make(map[uint32]*ownTunnel),
		unsent:  make(map[i2p.Hash][]i2np.Message),
		doubts:  make(doubts),
		wanted:  wanted{peers: make(map[i2p.Hash]int)},
		pace:    tunnel.NewBuildLimit(cfg.Limits.BuildEvery, 0),
		opener:  ratchet.NewRouter(ratchet.RouterConfig{Static: cfg.Static, NewPerSecond: int(cfg.Limits.GarlicPerSec)}),
		asked:   newNeighbours(cfg.Hash),
		ready:   make(chan struct{}),
		garlic: sourceLimit{
			rate: cfg.Limits.GarlicPerSec / 4, burst: cfg.Limits.GarlicPerSec / 2,
			allRate: cfg.Limits.GarlicPerSec, allBurst: cfg.Limits.GarlicPerSec,
			maxSources: maxSources, sources: make(map[i2p.Hash]*bucket),
		},
	}
	r.transit = newTransit(r)
	r.self = r.newParty(TunnelsConfig{Name: "exploratory", Inbound: cfg.Inbound, Outbound: cfg.Outbound}, false)
	r.parties = []*party{r.self}
	return r
}

const maxSources = 8192

// Deliver is the transport's way in. It takes ownership of the message.
func (r *Router) Deliver(from i2p.Hash, m i2np.Message) { r.in.message(from, m) }

// Ready is closed once exploratory tunnels stand both ways.
func (r *Router) Ready() <-chan struct{} { return r.ready }

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

// end lets go of everything, and answers those who still wait.
func (r *Router) end() {
	r.ended.Lock()
	defer r.ended.Unlock()
	r.closeAll()
	r.in.Close()
}

// turn is one turn of the loop: what was taken out of the inbox, and what time
// asks for. It returns how long the loop may sleep.
func (r *Router) turn() time.Duration {
	r.in.Each(func(a arrival) { r.direct(a.from, a.msg) })
	r.forward() // before tick closes tunnels
	if wait := tickEvery - r.now.Sub(r.ticked); wait > 0 {
		return min(wait, tickEvery)
	}
	r.ticked = r.now
	sleep := r.tick()
	r.forward()
	return sleep
}

// tickEvery is how often the time is looked at under load, when the loop turns
// far more often.
const tickEvery = time.Millisecond

// tick does what time asks for and returns how long the loop may sleep.
func (r *Router) tick() time.Duration {
	now := r.now
	next := now.Add(time.Minute)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	earlier(r.transit.expire(now))
	for i := 0; i < len(r.parties); i++ {
		earlier(r.tickParty(now, r.parties[i]))
	}
	if now.Sub(r.lastExpire) >= time.Minute {
		r.lastExpire = now
		r.db.Expire(now)
		r.asked.expire(now)
		for _, p := range r.parties {
			p.expected.expire(now)
		}
	}
	return max(next.Sub(now), tickEvery)
}

// random32 draws a non-zero number: a tunnel or message id.
func (r *Router) random32() uint32 {
	return r.rand.Nonzero32()
}

// messageLife is how long our own messages live (NETWORK: at most 60 s ahead).
const messageLife = 30 * time.Second

func (r *Router) message(t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: r.random32(), Expiration: i2p.DateOf(r.now.Add(messageLife)), Body: body}
}

// send passes a message to a router, over its session or a new one. It takes
// ownership of the message.
func (r *Router) send(to i2p.Hash, m i2np.Message) bool {
	r.forward()
	if to == r.cfg.Hash {
		r.direct(to, m)
		return true
	}
	if r.cfg.Transport.Connected(to) {
		return r.cfg.Transport.SendTo(to, m)
	}
	ri := r.db.Router(to)
	if ri == nil {
		r.wantRouter(to, m)
		return true
	}
	return r.sendInfo(ri, m)
}

func (r *Router) sendInfo(ri *routerinfo.RouterInfo, m i2np.Message) bool {
	r.forward()
	if ri.Hash() == r.cfg.Hash {
		r.direct(ri.Hash(), m)
		return true
	}
	if err := r.cfg.Transport.Send(ri, m); err != nil {
		r.cfg.Log.Debug("message not sent", "type", m.Type, "error", err)
		return false
	}
	return true
}

// garlicTo wraps a message so that only the router with that key reads it
// (ECIES routers, Noise_N).
func (r *Router) garlicTo(ri *routerinfo.RouterInfo, m i2np.Message) (i2np.Message, error) {
	static, ok := ri.EncryptionKey()
	if !ok {
		return i2np.Message{}, ratchet.ErrType
	}
	body, err := ratchet.SealToRouter(r.rand, r.now, static, []i2np.Clove{{Message: m}})
	if err != nil {
		return i2np.Message{}, err
	}
	return r.message(i2np.GarlicType, i2np.AppendGarlic(nil, body)), nil
}
