// Package destinations is the hall on which every door of a router stands:
// local destinations, opened with options and keys. A door gets a Local
// and of it net.Conn, net.Listener and net.PacketConn, or the payloads
// themselves; what it speaks to its own users is its own matter.
//
// One key is open once. A destination outlives its user for a while, and where
// that comes back goes on as it was.
package destinations

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/tally"
)

// Config is what a Hall needs.
type Config struct {
	// OpenTunnels is the router's.
	OpenTunnels func(router.TunnelsConfig) *router.Tunnels
	Lacks       func() string // why there are no tunnels, where that is known; nil: nobody knows
	Env         *env.Whole    // each destination gets a part; nil is the system's
}

// Hall has the local destinations of a router. New starts nothing; Run does.
type Hall struct {
	cfg Config
	log *slog.Logger

	mu        sync.Mutex // a leaf
	ctx       context.Context
	ended     bool // nothing more is opened
	residents map[*resident]struct{}
	keys      map[i2p.Hash]*resident // those that were opened by keys
	opened    int                    // ever
	gone      client.Stats           // of those that have ended
	packets   sockets.PacketCounts
	running   sync.WaitGroup
}

// Stats count what all destinations did, those that have ended included.
type Stats struct {
	Destinations int    // now
	Opened       uint64 // ever
	client.Stats
	Datagrams sockets.PacketStats
}

// Stats returns the counts.
func (h *Hall) Stats() Stats {
	h.mu.Lock()
	all := Stats{Destinations: len(h.residents), Opened: uint64(h.opened), Stats: h.gone, Datagrams: h.packets.Stats()}
	var live []*client.Client
	for l := range h.residents {
		live = append(live, l.client)
	}
	h.mu.Unlock()
	for _, c := range live {
		tally.Add(&all.Stats, c.Stats())
	}
	return all
}

// New makes a Hall.
func New(cfg Config) *Hall {
	if cfg.Env == nil {
		cfg.Env = env.New(env.Config{})
	}
	return &Hall{cfg: cfg, log: cfg.Env.Log(), residents: make(map[*resident]struct{}), keys: make(map[i2p.Hash]*resident)}
}

// Run lets destinations be opened until ctx ends, and then waits for them to
// end as well: their streams are broken off.
func (h *Hall) Run(ctx context.Context) error {
	h.mu.Lock()
	h.ctx = ctx
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.running.Wait()
	return nil
}

// Leave has all destinations take leave: nothing is opened any more, and their lease sets are
// taken back. It returns once their streams have ended and it is known that nobody will look for
// them any more, or when ctx ends.
func (h *Hall) Leave(ctx context.Context) {
	h.mu.Lock()
	h.ended = true
	all := make([]*resident, 0, len(h.residents))
	for l := range h.residents {
		all = append(all, l)
	}
	h.mu.Unlock()
	for _, l := range all {
		l.client.Leave()
	}
	for _, l := range all {
		select {
		case <-l.done:
		case <-ctx.Done():
			return
		}
	}
}

// Request says what destination is to be opened.
type Request struct {
	// Keys are the destination's. Without them it is Destination where Keeper
	// makes its lease sets, and else a new one that ends with its user.
	Keys        *i2p.PrivateKeys
	Destination i2p.Destination
	Keeper      client.Keeper
	Options     options.Options
}

// hash names what is open once; false for a new destination.
func (r Request) hash() (i2p.Hash, bool) {
	switch {
	case r.Keys != nil:
		return r.Keys.Destination().Hash(), true
	case r.Keeper != nil:
		return r.Destination.Hash(), true
	}
	return i2p.Hash{}, false
}

// leavePatience is how long one who opens a destination waits for its last
// user to leave: a tool's end takes a moment to be noticed.
const leavePatience = 500 * time.Millisecond

// Open gives its caller a destination, and returns without waiting for tunnels.
// The context bounds this call only.
func (h *Hall) Open(ctx context.Context, r Request) (*Local, error) {
	hash, named := r.hash()
	if !named {
		return h.settle(r)
	}
	patience, cancel := context.WithTimeoutCause(ctx, leavePatience, errWaited)
	defer cancel()
	for {
		l, free := h.claim(hash)
		switch {
		case l == nil:
			d, err := h.settle(r)
			if err != nil || d != nil {
				return d, err
			}
			continue // somebody else was faster
		case free == nil:
			if d := l.takeOver(r); d != nil {
				return d, nil
			}
			free = l.done
		}
		select {
		case <-free:
		case <-l.done:
		case <-patience.Done():
			if err := context.Cause(patience); err != errWaited {
				return nil, failure(nil, err)
			}
			return nil, fmt.Errorf("%s is %w", hash.B32(), ErrInUse)
		}
	}
}

// claim takes a destination that has no user, for the caller to go on with or
// to end. Where it has one, free is closed when that has gone.
func (h *Hall) claim(hash i2p.Hash) (l *resident, free <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l = h.keys[hash]; l == nil {
		return nil, nil
	}
	select {
	case <-l.free:
		l.free = make(chan struct{})
		return l, nil
	default:
		return l, l.free
	}
}

// settle makes a destination. It returns nil where there is one already.
func (h *Hall) settle(r Request) (*Local, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx == nil || h.ended || h.ctx.Err() != nil {
		return nil, ErrStopped
	}
	hash, named := r.hash()
	if named && h.keys[hash] != nil {
		return nil, nil
	}
	l, err := h.newResident(r)
	if err != nil {
		return nil, err
	}
	h.opened++
	h.residents[l] = struct{}{}
	if named {
		h.keys[hash] = l
	}
	ctx, cancel := context.WithCancel(h.ctx)
	l.cancel = cancel
	h.running.Go(func() { l.run(ctx) })
	return &Local{resident: l, asked: r.Options}, nil
}

// resident is a local destination, with a user or without.
type resident struct {
	hall   *Hall
	client *client.Client
	keys   atomic.Pointer[i2p.PrivateKeys] // nil where somebody else has them
	given  bool                            // they were, and did not have to be made
	now    func() time.Time
	cancel context.CancelFunc
	done   chan struct{}
	asked  options.Options // by its first user

	free chan struct{} // under hall.mu: closed while it has no user
}

func (h *Hall) newResident(r Request) (*resident, error) {
	surroundings := h.cfg.Env.Part("destination")
	l := &resident{hall: h, given: r.Keys != nil, now: surroundings.Now, done: make(chan struct{}), free: make(chan struct{}), asked: r.Options}
	keys := r.Keys
	var err error
	if keys == nil && r.Keeper == nil {
		if keys, err = i2p.GenerateDestination(r.Options.Signature, i2p.CryptoElGamal, surroundings.Rand); err != nil {
			return nil, fmt.Errorf("destinations: %w", err)
		}
	}
	if keys != nil && !keys.SigningType().CanSign() {
		return nil, fmt.Errorf("%w: they are of type %v", ErrKeys, keys.SigningType())
	}
	l.keys.Store(keys)
	l.client, err = client.New(client.Config{
		Env: surroundings, Keys: keys, Destination: r.Destination, Keeper: r.Keeper,
		Options: r.Options, Resumable: l.given,
		OpenTunnels: l.openTunnels,
	})
	return l, err
}

// tunnels are the router's, for a client.
type tunnels struct{ *router.Tunnels }

func (t tunnels) Reshape(in, out options.Tunnels) { t.Tunnels.Reshape(shape(in), shape(out)) }

func shape(t options.Tunnels) router.Shape {
	return router.Shape{Hops: t.Length, Variance: t.Variance, Quantity: t.Quantity}
}

func (l *resident) openTunnels(to client.Callbacks) client.Tunnels {
	return tunnels{l.hall.cfg.OpenTunnels(router.TunnelsConfig{
		Name: l.client.Destination().B32(), Inbound: shape(l.asked.Inbound), Outbound: shape(l.asked.Outbound),
		Deliver: to.Deliver, Published: to.Published,
		Changed: func(s router.TunnelState) { to.Changed(client.TunnelState(s)) },
	})}
}

func (l *resident) run(ctx context.Context) {
	if err := l.client.Run(ctx); err != nil {
		l.hall.log.Error("local destination ended", "error", err)
	}
	l.cancel()
	h := l.hall
	h.mu.Lock()
	delete(h.residents, l)
	tally.AddTotals(&h.gone, l.client.Stats())
	if hash := l.client.Destination().Hash(); h.keys[hash] == l {
		delete(h.keys, hash)
	}
	h.mu.Unlock()
	close(l.done)
}

// takeOver gives the destination, which the caller has claimed, to another
// user. It returns nil where it has to end first: it is signed elsewhere, or its
// sessions or streams are to behave otherwise.
func (l *resident) takeOver(r Request) *Local {
	if l.given && r.Keys != nil && l.rekey(r.Keys) == nil && l.client.Resume(r.Options) {
		return &Local{resident: l, asked: r.Options}
	}
	l.cancel()
	return nil
}

// rekey has the destination go on with these keys of its own.
func (l *resident) rekey(keys *i2p.PrivateKeys) error {
	if had := l.keys.Load(); had != nil && bytes.Equal(had.AppendTo(nil), keys.AppendTo(nil)) {
		return nil
	}
	if err := l.client.Rekey(keys); err != nil {
		return err
	}
	l.keys.Store(keys)
	return nil
}

// leave is the end of a use.
func (l *resident) leave() {
	l.client.Retire()
	l.hall.mu.Lock()
	defer l.hall.mu.Unlock()
	close(l.free)
}
