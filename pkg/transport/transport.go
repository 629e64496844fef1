// Package transport keeps the NTCP2 sessions of one router: it listens, dials,
// holds the table of peers, and moves I2NP messages between their queues and
// the connections within limits of number, memory and bandwidth.
//
// The protocol is package ntcp2's. Each session has one goroutine that reads
// and one that writes; every goroutine ends before Run returns.
package transport

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// Config is what a Transport is made of. The funcs are called from many
// goroutines and must not block.
type Config struct {
	Network Network          // nil is Internet{}
	Keys    *i2p.PrivateKeys // the router's identity
	Static  noise.KeyPair    // NTCP2 static key, published as s=
	IV      [16]byte         // published as i=
	NetID   byte
	Listen  []netip.AddrPort
	Rand    io.Reader        // nil is crypto/rand; it is read by one goroutine at a time
	Now     func() time.Time // for dates on the wire; nil is time.Now
	Log     *slog.Logger     // nil is silence
	Limits  Limits

	BandwidthIn, BandwidthOut int // bytes per second, 0 is no limit

	// OurInfo is the current RouterInfo.
	OurInfo func() *routerinfo.RouterInfo
	// Deliver is given each message that arrives, and owns it.
	Deliver func(from i2p.Hash, m i2np.Message)
	// PeerInfo is given each verified RouterInfo that a peer sent of itself;
	// flood is set where it asks to have it flooded.
	PeerInfo func(ri *routerinfo.RouterInfo, flood bool)
	// Up and Down tell that the first session with a peer stands, and that the
	// last has ended, in this order for each peer. Failed tells that a dial came
	// to nothing.
	Up     func(peer i2p.Hash, inbound bool)
	Down   func(peer i2p.Hash, why error)
	Failed func(peer i2p.Hash, why error)
	// Stalled tells that a peer has acknowledged nothing for a while, although
	// the session still stands: what is sent over it should take another way.
	Stalled func(peer i2p.Hash)
	// Moved is told of the machine's addresses: before Ready, and when they have
	// changed, before the sessions from addresses that are gone are opened anew.
	Moved func(addrs []netip.Addr)
	// AllowPeer may refuse a peer that has authenticated.
	AllowPeer func(peer i2p.Hash, ri *routerinfo.RouterInfo) error
	// Wanted reports the peers whose session is to outlive idleness.
	Wanted func(peer i2p.Hash) bool
	// LocalAllowed admits loopback, private and reserved addresses, and does not
	// count their sessions by address.
	LocalAllowed bool
	// Gather is for simulations, nil elsewhere: a writer that has woken calls it
	// before it looks at what there is to send. It returns when the goroutines
	// that may still add to that are at rest, so that what a frame holds does
	// not depend on the scheduler.
	Gather func()
}

// The errors of Send.
var (
	ErrClosed    = errors.New("transport: not running")
	ErrNoAddress = errors.New("transport: peer has no NTCP2 address for us")
	ErrBusy      = errors.New("transport: too many dials under way")
	ErrBackoff   = errors.New("transport: peer could not be reached a moment ago")
	ErrQueueFull = errors.New("transport: queue is full")
	ErrStalled   = errors.New("transport: peer acknowledges nothing at the moment")
	ErrTooLarge  = errors.New("transport: message is too large")
	ErrSelf      = errors.New("transport: that is this router")
)

// maxBody is the largest I2NP body that is sent; i2pd takes little more.
const maxBody = 61 << 10

// Transport is the table of a router's sessions.
type Transport struct {
	cfg      Config
	hash     i2p.Hash
	limits   Limits
	replay   *ntcp2.ReplayCache
	in, out  bandwidth
	epoch    time.Time
	ready    chan struct{}
	counters counters

	randMu sync.Mutex

	mu       sync.Mutex
	ctx      context.Context // of Run; nil before
	closed   bool
	wg       sync.WaitGroup
	addrs    []netip.AddrPort
	peers    map[i2p.Hash]*peer
	retryAt  map[i2p.Hash]time.Time
	sources  sources
	pending  map[net.Conn]*pendingConn // incoming and outgoing handshakes
	incoming int                       // of these, incoming ones
	dials    int
	sequence uint64
	sessions int

	lookNow      chan struct{}
	connects     context.Context // of connections that are being made; ends when the machine moves
	stopConnects context.CancelFunc

	events eventLine
}

// New checks the configuration. Nothing runs before Run.
func New(cfg Config) (*Transport, error) {
	if cfg.Keys == nil || cfg.Static.IsZero() || cfg.OurInfo == nil || cfg.Deliver == nil {
		return nil, errors.New("transport: Config needs Keys, Static, OurInfo and Deliver")
	}
	if cfg.Network == nil {
		cfg.Network = Internet{}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Gather == nil {
		cfg.Gather = func() {}
	}
	return &Transport{
		cfg:     cfg,
		hash:    cfg.Keys.Router().Hash(),
		limits:  cfg.Limits.withDefaults(),
		replay:  ntcp2.NewReplayCache(0),
		in:      newBandwidth(cfg.BandwidthIn),
		out:     newBandwidth(cfg.BandwidthOut),
		epoch:   time.Now(),
		ready:   make(chan struct{}),
		peers:   map[i2p.Hash]*peer{},
		retryAt: map[i2p.Hash]time.Time{},
		sources: newSources(),
		pending: map[net.Conn]*pendingConn{},
		lookNow: make(chan struct{}, 1),
	}, nil
}

// Ready is closed once Run listens.
func (t *Transport) Ready() <-chan struct{} { return t.ready }

// Addrs are the addresses that are listened on, once Ready is closed.
func (t *Transport) Addrs() []netip.AddrPort {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.addrs)
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
	t.connects, t.stopConnects = context.WithCancel(ctx)
	t.mu.Unlock()
	known := t.lookAround(ctx, nil)

	var listeners []net.Listener
	closeAll := func() {
		for _, l := range listeners {
			l.Close()
		}
	}
	for _, addr := range t.cfg.Listen {
		l, err := t.cfg.Network.Listen(ctx, addr)
		if err != nil {
			closeAll()
			t.shutdown(cancel)
			return fmt.Errorf("transport: %w", err)
		}
		listeners = append(listeners, l)
	}
	t.mu.Lock()
	for _, l := range listeners {
		t.addrs = append(t.addrs, addrOf(l.Addr()))
	}
	t.mu.Unlock()
	for _, l := range listeners {
		t.spawn(func() { t.accept(ctx, l) })
	}
	t.spawn(func() { t.watchAddrs(ctx, known) })
	close(t.ready)
	t.cfg.Log.Debug("transport listens", "addresses", len(listeners))
	<-ctx.Done()
	closeAll()
	t.shutdown(cancel)
	return nil
}

// shutdown ends every session with a Termination and waits for all goroutines.
func (t *Transport) shutdown(cancel context.CancelFunc) {
	t.mu.Lock()
	t.closed = true
	conns := make([]*pendingConn, 0, len(t.pending))
	for _, p := range t.pending {
		conns = append(conns, p)
	}
	peers := t.sortedPeers()
	t.mu.Unlock()
	cancel()
	slices.SortFunc(conns, func(a, b *pendingConn) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, p := range conns {
		p.conn.Close()
	}
	for _, p := range peers {
		p.endAll(&ntcp2.TerminationError{Reason: ntcp2.ReasonShutdown})
	}
	t.wg.Wait()
	t.mu.Lock()
	peers = t.sortedPeers()
	clear(t.peers)
	t.mu.Unlock()
	for _, p := range peers {
		p.kill()
	}
}

// spawn starts a goroutine that Run waits for. It reports false when the
// transport does not run.
func (t *Transport) spawn(f func()) bool {
	t.mu.Lock()
	if t.closed || t.ctx == nil {
		t.mu.Unlock()
		return false
	}
	t.wg.Add(1)
	t.mu.Unlock()
	go func() {
		defer t.wg.Done()
		f()
	}()
	return true
}

// sortedPeers returns the peers in the order of their hashes, so that what is
// done to all is done in the same order each time. The caller holds mu.
func (t *Transport) sortedPeers() []*peer {
	peers := make([]*peer, 0, len(t.peers))
	for _, p := range t.peers {
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b *peer) int { return a.hash.Compare(b.hash) })
	return peers
}

// Send takes ownership of m and queues it for a peer, dialling where there is
// no session. It never blocks. On error the message is released.
func (t *Transport) Send(to *routerinfo.RouterInfo, m i2np.Message) error {
	err := ErrTooLarge
	if len(m.Body) <= maxBody {
		p := t.peer(to.Hash())
		if p != nil {
			err = p.put(m)
		}
		if p == nil || err == errGone {
			if p, err = t.start(to, m); p != nil {
				err = p.put(m)
			}
		}
	}
	if err != nil {
		t.counters.dropped.Add(1)
		m.Release()
	}
	return err
}

// SendTo takes ownership of m and queues it for a peer that has a session or
// is being dialled. Where there is neither, or the queue is full, the message
// is released and SendTo reports false.
func (t *Transport) SendTo(hash i2p.Hash, m i2np.Message) bool {
	p := t.peer(hash)
	if p == nil || len(m.Body) > maxBody || p.put(m) != nil {
		t.counters.dropped.Add(1)
		m.Release()
		return false
	}
	return true
}

func (t *Transport) peer(hash i2p.Hash) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peers[hash]
}

// Connected reports whether a session with the peer stands.
func (t *Transport) Connected(hash i2p.Hash) bool {
	p := t.peer(hash)
	return p != nil && p.connected()
}

// Disconnect ends the sessions with a peer.
func (t *Transport) Disconnect(hash i2p.Hash, reason ntcp2.Reason) {
	if p := t.peer(hash); p != nil {
		p.endAll(&ntcp2.TerminationError{Reason: reason})
	}
}

// InfoChanged sends our RouterInfo, which has changed, to all peers.
func (t *Transport) InfoChanged() {
	t.mu.Lock()
	peers := t.sortedPeers()
	t.mu.Unlock()
	for _, p := range peers {
		p.announce()
	}
}

// since is the time since the transport's epoch.
func (t *Transport) since() time.Duration { return time.Since(t.epoch) }

// connRand is the source of randomness for one connection. A configured source
// is split into one stream for each connection, so that goroutines that run
// side by side draw the same numbers each time.
func (t *Transport) connRand() io.Reader {
	if t.cfg.Rand == nil {
		return rand.Reader
	}
	t.randMu.Lock()
	defer t.randMu.Unlock()
	var seed [32]byte
	if _, err := io.ReadFull(t.cfg.Rand, seed[:]); err != nil {
		panic("transport: Config.Rand: " + err.Error())
	}
	return mathrand.NewChaCha8(seed)
}

// draw returns a random number below n.
func draw(r io.Reader, n int64) int64 {
	if n <= 0 {
		return 0
	}
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0
	}
	v := int64(0)
	for _, c := range b {
		v = v<<8 | int64(c)
	}
	return (v & (1<<63 - 1)) % n
}

func drawDuration(r io.Reader, d time.Duration) time.Duration {
	return time.Duration(draw(r, int64(d)))
}
