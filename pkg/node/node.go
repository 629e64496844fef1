// Package node puts a whole router together: its identity and files, the
// transport, the core, the local destinations and the control socket.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/metrics"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/presence"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/reseed/join"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/transport"
)

// Config is what a Node is made of.
type Config struct {
	Settings config.Config
	Network  transport.Network // nil is the Internet
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
	// Ready is called once the router listens and its control socket answers.
	Ready func() error
}

// Node is a router in one piece. New reads what there is on disk; Run does
// all the rest.
type Node struct {
	*answers.Answers
	server.Hall
	cfg        Config
	set        heldSettings
	log        *slog.Logger
	env        *env.Whole
	keys       *i2p.PrivateKeys
	hash       i2p.Hash
	profiles   *profile.Table
	router     *router.Router
	transport  *transport.Transport
	keeper     *keeper
	joiner     *join.Joiner
	reseedRand *draw.Source  // shuffles its servers, and varies its pauses
	listening  chan struct{} // closed once others can reach us, and we have said how
	loaded     chan struct{} // closed once the netDb has been read
	hosts      *hosts
	events     *answers.Hub
	started    time.Time
	presence   *presence.Presence
	lines      metrics.LineCounter
	server     atomic.Pointer[server.Server] // nil before Run, and where there is no socket
	metrics    func() *metrics.Registry      // made when somebody asks for the first time

	stop     chan struct{} // closed by Stop
	stopNow  chan struct{}
	stopOnce [2]sync.Once
	stopping atomic.Bool
}

// New makes a node. It reads or creates the router's identity, so that what is
// wrong with the data directory is known at once.
func New(cfg Config) (*Node, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Ready == nil {
		cfg.Ready = func() error { return nil }
	}
	s := cfg.Settings
	n := &Node{
		cfg: cfg, events: answers.NewHub(cfg.Now),
		stop: make(chan struct{}), stopNow: make(chan struct{}),
		listening: make(chan struct{}), loaded: make(chan struct{}), started: cfg.Now(),
	}
	n.set.asked = s
	n.set.now.Store(&s)
	n.log = n.lines.Logger(cfg.Log)
	n.env = env.New(env.Config{Now: cfg.Now, Rand: cfg.Rand, Log: n.log, Gather: cfg.Gather})
	n.metrics = sync.OnceValue(n.newMetrics)
	n.hosts = newHosts(s.PublishedHosts(), s.Publishable)
	var err error
	if s.DataDir != "" {
		if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
			return nil, err
		}
	}
	if n.keys, err = loadIdentity(s.DataDir, n.env.Part("identity").Rand); err != nil {
		return nil, err
	}
	n.hash = n.keys.Identity.Hash()
	n.presence = n.newPresence()
	if n.keeper, err = newKeeper(s.DataDir, n.hash, n.log, cfg.Now); err != nil {
		return nil, err
	}
	if s.Port, err = keptPort(s); err != nil {
		return nil, err
	}
	if n.transport, err = n.newTransport(); err != nil {
		return nil, err
	}
	n.newRouter()
	n.newHall()
	if n.joiner, err = n.newJoiner(); err != nil {
		return nil, err
	}
	n.Answers = answers.New(answers.Config{
		Router: n.router, Transport: n.transport, Joiner: n.joiner, Hub: n.events, Now: cfg.Now, Started: n.started,
		Settings: n.settings,
		Info:     n.presence.Current, Standing: n.standing,
	})
	return n, nil
}

// standing is what the answers tell of the node itself.
func (n *Node) standing() answers.Standing {
	at := answers.Standing{
		Hash: n.hash.String(), Caps: n.presence.Caps(), AddressLost: n.hosts.notes(), LogLevel: n.LogLevel(),
		Stopping: n.stopping.Load(),
	}
	select {
	case <-n.loaded:
		at.Loaded = true
	default:
	}
	return at
}

const portFile = "port"

// keptPort is the port of the last run where the settings leave it open: peers
// know us by it.
func keptPort(s config.Config) (int, error) {
	if s.Port != 0 || s.DataDir == "" {
		return s.Port, nil
	}
	path := filepath.Join(s.DataDir, portFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return int(port), nil
}

func (n *Node) newRouter() {
	s := n.settings()
	part := n.env.Part("router") // profiles and netDb are its loop's as well
	n.profiles = n.keeper.loadProfiles(profile.Config{Rand: part.Rand})
	db := netdb.New(netdb.Config{
		Self: n.hash, NetID: s.NetID, Profiles: n.profiles, Rand: part.Rand,
		Own:        n.presence.Current,
		SamePrefix: s.Testnet, Floodfill: s.Floodfill,
	}, n.started)
	in, out := exploratory(s)
	n.router = router.New(router.Config{
		Env: part, Hash: n.hash, Static: routerStatic(n.keys), Transport: n.transport, DB: db, Profiles: n.profiles,
		Limits: router.Limits{TransitTunnels: transitLimit(s.Transit.MaxTunnels)}, Testnet: s.Testnet,
		Inbound: in, Outbound: out,
		Info: n.renewInfo,
		Event: func(e router.Event) {
			n.events.Publish(control.Event{Event: e.Kind, Router: hashText(e.Router), Tunnel: e.Tunnel, Owner: e.Owner, Detail: e.Detail})
		},
	})
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func hashText(h i2p.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}
