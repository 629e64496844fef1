// Package forward runs what joins this machine with I2P: client and server tunnels, proxies, and
// the filters of some protocols. Each does what its plan says (package plan), until that changes; what
// is the same in a changed plan goes on, streams included.
package forward

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// Config is what a Manager needs.
type Config struct {
	// Open opens a destination of the router's; Defaults are the options that hold where a plan says
	// nothing.
	Open     func(context.Context, destinations.Request) (*destinations.Local, error)
	Defaults func() options.Options
	// Resolve finds the destination that a name or address stands for; Lookup and Save are the
	// address book alone, and never wait.
	Resolve func(ctx context.Context, by *destinations.Local, host string) (i2p.Destination, error)
	Lookup  func(name string) (i2p.Destination, error)
	Save    func(ctx context.Context, name string, to i2p.Destination) error
	// Jumps are links to services that may know a name, for proxies whose plans name none; nil: there are none.
	Jumps func(name string) []httpproxy.Link
	// Keys are those of a key file in the router's data directory, which is made where it is missing.
	Keys func(name string) (*i2p.PrivateKeys, error)
	// Take puts a key file there, unless there is another of its name.
	Take func(name string, file []byte) error
	// Store keeps the plans; nil: they are gone with the process.
	Store Store
	// Listen binds local addresses, and Dial reaches local targets; nil is the system's.
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Log    *slog.Logger
	Now    func() time.Time
}

// Store keeps plans where they outlive the process.
type Store interface {
	Load() ([]plan.Plan, error) // with an error for those that cannot be read, and all others
	// Change keeps some plans, in place of others of their names, and forgets others.
	Change(keep []plan.Plan, forget []string) error
}

// Manager has the forwards of a router. New starts nothing; Run does.
type Manager struct {
	cfg   Config
	homes homes
	turn  sync.Mutex // one change at a time

	counts counts

	mu      sync.Mutex // a leaf
	ctx     context.Context
	running sync.WaitGroup
	all     map[string]*forward
	changed chan struct{} // closed and made anew when a state has changed
}

// New makes a Manager.
func New(cfg Config) *Manager {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Listen == nil {
		cfg.Listen = net.Listen
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	return &Manager{cfg: cfg, homes: homes{cfg: &cfg, groups: map[string]*home{}}, all: map[string]*forward{}, changed: make(chan struct{})}
}

// sampling is how often rates are taken.
const sampling = 2 * time.Second

// Run runs the forwards that the store has, and those that are asked for, until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	m.turn.Lock()
	m.mu.Lock()
	m.ctx = ctx
	m.mu.Unlock()
	if m.cfg.Store != nil {
		plans, err := m.cfg.Store.Load()
		if err != nil {
			m.cfg.Log.Error("forwards left out", "error", err)
		}
		for i, p := range plans {
			m.beginRefused(p, false, conflict(p, plans[:i]))
		}
	}
	m.turn.Unlock()
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.each(func(f *forward) { f.sample() })
		case <-ctx.Done():
			m.turn.Lock() // nothing begins any more
			defer m.turn.Unlock()
			m.running.Wait()
			return nil
		}
	}
}

// each calls f with every forward, by name.
func (m *Manager) each(f func(*forward)) {
	m.mu.Lock()
	var all []*forward
	for _, x := range m.all {
		all = append(all, x)
	}
	m.mu.Unlock()
	slices.SortFunc(all, func(a, b *forward) int { return strings.Compare(a.name, b.name) })
	for _, x := range all {
		f(x)
	}
}

// List is how all forwards are, by name.
func (m *Manager) List() (all []control.Forward) {
	m.each(func(f *forward) { all = append(all, f.state()) })
	return all
}

func (m *Manager) find(name string) *forward {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[name]
}

var errStopping = control.Errorf(control.Stopping, "the router is stopping")

// ErrStarting means that Run has not begun, which will do what the store says.
var ErrStarting = control.Errorf(control.Busy, "the router is starting")

var errFull = control.Errorf(control.Busy, "there are %d forwards, which is all there may be", plan.MaxPlans)

func (m *Manager) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

// begin makes a forward run. It is called by whoever has the turn.
func (m *Manager) begin(p plan.Plan, foreground bool) *forward {
	return m.beginRefused(p, foreground, nil)
}

// beginRefused makes a forward that does nothing but say why, where there is a reason.
func (m *Manager) beginRefused(p plan.Plan, foreground bool, why error) *forward {
	f := newForward(m, p, foreground)
	if f.refusal = why; why != nil { // it is of no group
		m.homes.leave(f.home, f.name)
		f.home = &home{cfg: m.homes.cfg}
	}
	m.mu.Lock()
	m.all[p.Name] = f
	ctx, cancel := context.WithCancel(m.ctx)
	f.cancel = cancel
	m.running.Add(1)
	m.mu.Unlock()
	go func() {
		defer m.running.Done()
		defer close(f.done)
		f.run(ctx)
	}()
	return f
}

// end ends a forward, and waits for that.
func (m *Manager) end(f *forward) {
	f.cancel()
	<-f.done
	m.homes.leave(f.home, f.name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[f.name] == f {
		delete(m.all, f.name)
	}
}

// rests tells why nothing is to begin, not yet or not any more.
func (m *Manager) rests() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.ctx == nil:
		return ErrStarting
	case m.ctx.Err() != nil:
		return errStopping
	}
	return nil
}

// Remove ends a forward, and forgets it.
func (m *Manager) Remove(_ context.Context, name string) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	if err := m.rests(); err != nil {
		return err
	}
	f := m.find(name)
	switch {
	case f == nil:
		return control.Errorf(control.NotFound, "there is no forward %s", name)
	case f.foreground:
		return control.Errorf(control.InUse, "a command runs the forward %s, and ends it", name)
	}
	m.end(f)
	return m.store(nil, []string{name})
}

// RunWhile runs a forward until ctx ends. Each change of its state is told.
func (m *Manager) RunWhile(ctx context.Context, p plan.Plan, each func(control.Forward) error) error {
	f, err := m.beginForeground(p)
	if err != nil {
		return err
	}
	defer func() {
		m.turn.Lock()
		defer m.turn.Unlock()
		m.end(f)
	}()
	var last control.Forward
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		now := f.state()
		if now.State != last.State || now.Error != last.Error || now.Listen != last.Listen || now.Address != last.Address {
			last = now
			if err := each(now); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-f.done:
			return errStopping
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *Manager) beginForeground(p plan.Plan) (*forward, error) {
	m.turn.Lock()
	defer m.turn.Unlock()
	if err := m.rests(); err != nil {
		return nil, err
	}
	if m.find(p.Name) != nil {
		return nil, control.Errorf(control.InUse, "there is a forward %s already", p.Name)
	}
	if m.count() >= plan.MaxPlans {
		return nil, errFull
	}
	if err := conflict(p, m.staying(control.ApplyForwards{Add: true})); err != nil {
		return nil, control.Errorf(control.InUse, "%v", err)
	}
	return m.begin(p, true), nil
}

// tell wakes those who follow a state.
func (m *Manager) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.changed)
	m.changed = make(chan struct{})
}
