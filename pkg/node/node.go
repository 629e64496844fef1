// Package node puts a whole router together: its identity and files, the
// transport, the core, the local destinations and the control socket.
package node

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/forward"
	"i2ptoolkit/pkg/i2cpserver"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/metrics"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/portmap"
	"i2ptoolkit/pkg/presence"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sam"
	"i2ptoolkit/pkg/transport"
)

// Config is what a Node is made of.
type Config struct {
	Settings config.Config
	// Passphrase opens the data directory, or encrypts one that is in clear; New wipes it.
	Passphrase []byte
	Network    transport.Network // nil is the Internet
	// Drivers are transports beside those of the settings.
	Drivers []transport.Driver
	// Dial is how reseed servers are reached; nil is the Internet.
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	Log   *slog.Logger
	Level *slog.LevelVar // of Log; nil where it cannot be changed
	Rand  io.Reader      // nil is crypto/rand; else each part draws from a stream of its own
	Now   func() time.Time
	// Gather is for simulations, nil elsewhere: every loop of the router calls
	// it once it has woken, with its number. It returns when all other loops
	// are at rest, so that what one finds to do does not depend on the
	// scheduler.
	Gather func(loop int)
	// Reread gives the settings as a reload finds them; nil where there is
	// nothing to read again.
	Reread func() (config.Config, error)
	// Edit sets keys in the file that Reread reads, and calls apply; at an error of that the file is to be as it was.
	// Nil: there is no file.
	Edit func(set map[string]any, apply func() error) error
	// Introduced is closed once the router was told of others by Learn, where
	// it will be: before, it is no lack that it knows none. It may be nil.
	Introduced <-chan struct{}
	// Ready is called once the router listens and its control socket answers.
	Ready func() error
}

// Node is a router in one piece. New reads what there is on disk; Run does
// all the rest.
type Node struct {
	api
	names     *naming.Names
	forwards  *forward.Manager
	bridges   *bridges
	i2cp      *i2cpserver.Server
	doorParts []reload.Part // who applies changed settings of the doors and their servers
	turns     door.Turns    // that the doors share
	sam       *sam.Server
	cfg       Config
	hash      i2p.Hash
	dir       dataDir
	unlock    func() // gives the data directory up
	settings  *reload.Settings
	router    *router.Router
	transport *transport.Transport
	keeper    *keeper
	mapper    *portmap.Mapper // nil: no gateway is asked
	announcer *announcer
	events    *answers.Hub
	control   *controlSocket
	listening chan struct{} // closed once others can reach us, and we have said how
	loaded    chan struct{} // closed once the netDb has been read
}

// New makes a node. It reads or creates the router's identity, so that what is
// wrong with the data directory is known at once. The directory is the node's
// alone until Run returns, or until Close.
func New(cfg Config) (*Node, error) {
	dir := dataDirOf(cfg.Settings)
	if err := dir.create(); err != nil {
		return nil, err
	}
	unlock, err := dir.lock()
	if err != nil {
		return nil, err
	}
	n, err := makeNode(cfg, dir)
	if err != nil {
		unlock()
		return nil, err
	}
	n.unlock = unlock
	return n, nil
}

// Close gives up the data directory of a node that is not to run.
func (n *Node) Close() { n.unlock() }

// makeNode puts the parts together.
func makeNode(cfg Config, dir dataDir) (*Node, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Ready == nil {
		cfg.Ready = func() error { return nil }
	}
	s := cfg.Settings
	books := newLogbook(cfg.Log, cfg.Level, s.LogLevel)
	if err := dir.unlock(cfg.Passphrase, books.log); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, dir: dir, control: &controlSocket{path: socketPath(s)}, events: answers.NewHub(cfg.Now),
		listening: make(chan struct{}), loaded: make(chan struct{}),
	}
	n.logbook, n.stopping = books, newStopping()
	env := env.New(env.Config{Now: cfg.Now, Rand: cfg.Rand, Log: n.log, Gather: cfg.Gather})
	n.dir.tighten(n.log)
	keys, err := n.dir.identity(env.Part("identity").Rand)
	if err != nil {
		return nil, err
	}
	n.hash = keys.Identity.Hash()
	if n.keeper, err = newKeeper(n.dir, n.hash, n.log, cfg.Now); err != nil {
		return nil, err
	}
	holds := s
	if s.Port == 0 {
		if holds.Port, err = n.dir.port(); err != nil {
			n.log.Warn("port not read, another is drawn", "error", err)
		}
	}
	n.settings = reload.NewSettings(s, holds)
	n.newAnnouncer(keys)
	if err := n.newTransport(env, keys.Signing); err != nil {
		return nil, err
	}
	n.newRouter(env.Part("router"), keys)
	n.Hall = newHall(env, n.router, n.settings, func() string { return n.Lacks() })
	policies := reseedPolicies{n.log, cfg.Dial}
	if err := n.newJoiner(env.Part("reseed"), policies); err != nil {
		return nil, err
	}
	n.mapper = n.newMapper(env)
	n.names = newNames(n.dir, env.Part("names"), n.fetchFeed, func() config.Names { return n.settings.Current().Names })
	n.forwards = n.newForwards(env.Part("forwards"))
	if n.bridges, err = n.newBridges(); err != nil {
		return nil, err
	}
	if err := n.newI2CP(env.Part("i2cp")); err != nil {
		return nil, err
	}
	if err := n.newSAM(env.Part("SAM")); err != nil {
		return nil, err
	}
	n.reloader = n.newReloader(policies)
	n.again = n.reloadForwards
	n.newAPI()
	return n, nil
}

// newAnnouncer makes what says who we are.
func (n *Node) newAnnouncer(keys *i2p.PrivateKeys) {
	s := n.settings.Current()
	hosts := newHosts(s.PublishedHosts(), s.Publishable)
	n.announcer = &announcer{hosts: hosts, dir: n.dir, log: n.log, events: n.events}
	n.announcer.presence = presence.New(presence.Config{
		Keys: keys, NetID: s.NetID, Version: control.APILevel, Now: n.cfg.Now,
		Terms: func() presence.Terms {
			s := n.settings.Current()
			return presence.Terms{
				Hidden: s.Hidden, Floodfill: n.announcer.duty.serves(s), Refuses: s.Transit.MaxTunnels == 0 || n.begun.Load(),
				In: s.Bandwidth.In, Out: s.Bandwidth.Out, Share: s.Bandwidth.Share,
			}
		},
		Hosts:     n.announcer.published,
		Addresses: func(hosts []netip.Addr) []routerinfo.Address { return n.transport.Publish(hosts) },
	})
}

// newRouter makes the core.
func (n *Node) newRouter(env env.Env, keys *i2p.PrivateKeys) {
	s := n.settings.Current()
	profiles := n.keeper.loadProfiles(profile.Config{Rand: env.Rand}) // the core's loop has them, and the netDb
	db := netdb.New(netdb.Config{
		Self: n.hash, NetID: s.NetID, Profiles: profiles, Rand: env.Rand,
		Own:        n.announcer.presence.Current,
		SamePrefix: s.Testnet, Floodfill: n.announcer.duty.serves(s),
	}, n.cfg.Now())
	in, out := exploratory(s)
	n.router = router.New(router.Config{
		Env: env, Hash: n.hash, Transport: n.transport, DB: db, Profiles: profiles,
		Static: noise.NewKeyPair([32]byte(keys.Crypto)), // the encryption key of our identity
		Limits: transitLimits(s), Testnet: s.Testnet,
		Inbound: in, Outbound: out,
		Info: n.announcer.renewKnowing,
		Event: func(e router.Event) {
			n.events.Publish(control.Event{Event: e.Kind, Router: hashText(e.Router), Tunnel: e.Tunnel, Owner: e.Owner, Detail: e.Detail})
		},
	})
	n.announcer.router = n.router
}

// newAPI makes what the control socket asks.
func (n *Node) newAPI() {
	started := n.cfg.Now()
	n.Answers = answers.New(answers.Config{
		Router: n.router, Transport: n.transport, Joiner: n.joiner, Hub: n.events, Now: n.cfg.Now, Started: started, Mapper: n.mapper, Local: n.announcer.hosts.here,
		Settings: n.settings.Current, Info: n.announcer.presence.Current, Standing: n.standing, Doors: func() []control.Door { return statuses(n.doors) },
	})
	n.ready, n.tunnels = n.listening, n.router.Ready()
	n.metrics = sync.OnceValue(func() *metrics.Registry { return n.newMetrics(started) })
}

// standing is what the answers tell of the node itself.
func (n *Node) standing() answers.Standing {
	serves, why := n.announcer.duty.tell(n.settings.Current())
	return answers.Standing{
		Hash: n.hash.String(), Caps: n.announcer.presence.Caps(), Floodfill: serves, FloodfillWhy: why, AddressLost: n.announcer.hosts.notes(), LogLevel: n.LogLevel(),
		Loaded: isClosed(n.loaded), Stopping: n.begun.Load(),
	}
}

func hashText(h i2p.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}
