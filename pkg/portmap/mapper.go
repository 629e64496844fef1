package portmap

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/env"
)

// Config is what a Mapper is made of.
type Config struct {
	env.Env
	// Ports are those to be mapped at the moment; none is where others reach the machine
	// without.
	Ports func() []Port
	// Changed is told of each other State. It must not block.
	Changed func(State)
}

// Mapper keeps ports mapped.
type Mapper struct {
	cfg     Config
	finders []finder // best first
	again   chan struct{}

	// Run's own.
	gateway gateway // that has mapped ports
	lost    bool    // it is to be looked for anew
	failed  int     // searches in a row

	mu    sync.Mutex
	state State
	stats Stats
}

// Stats are totals since the start, a field for each metric.
type Stats struct {
	Mapped          int    // ports, now
	Granted         uint64 // requests that were granted, renewals among them
	Refused         uint64 // that were not
	Searches, Found uint64 // for gateways
}

// New makes a mapper. Nothing is asked before Run.
func New(cfg Config) *Mapper {
	cfg.Env = cfg.Complete()
	local := func() netip.Addr {
		if at := defaultRouter(); at.IsValid() {
			return localAddr(at)
		}
		return localAddr(netip.AddrFrom4([4]byte{192, 0, 2, 1})) // TEST-NET-1: outside, and nobody's
	}
	pcpServer := func() netip.AddrPort { return netip.AddrPortFrom(defaultRouter(), pcpPort) }
	return &Mapper{
		cfg: cfg, again: make(chan struct{}, 1),
		finders: []finder{pcpFinder(pcpServer, cfg.Rand), natPMPFinder(defaultRouter), upnpFinder(local)},
	}
}

// The times of a mapper.
const (
	searchTime  = 4 * time.Second
	requestTime = 2 * time.Second
	returnTime  = 2 * time.Second // to give all back
	lifetime    = time.Hour
	leastRenew  = 30 * time.Second
	mostRenew   = 15 * time.Minute // a gateway that has restarted knows nothing
)

// retryAfter is how long to wait after searches that found nobody; the last goes on.
var retryAfter = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// Run keeps the ports mapped until ctx ends, and then gives them back, for which it takes little time.
func (m *Mapper) Run(ctx context.Context) error {
	select {
	case <-m.again: // it is about to be looked for
	default:
	}
	for {
		timer := time.NewTimer(m.round(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			m.giveBack(ctx)
			return nil
		case <-m.again:
			timer.Stop()
			m.lost, m.failed = true, 0
		case <-timer.C:
		}
	}
}

// Again has the gateway looked for anew: the machine may be in another network.
func (m *Mapper) Again() {
	select {
	case m.again <- struct{}{}:
	default:
	}
}

// State tells what has come of it.
func (m *Mapper) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Stats tells the totals.
func (m *Mapper) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Mapped = len(m.state.Mappings)
	return s
}

// round asks for all ports, and says when to ask again.
func (m *Mapper) round(ctx context.Context) time.Duration {
	if len(m.cfg.Ports()) == 0 {
		m.giveBack(ctx)
		m.tell(State{})
		return retryAfter[len(retryAfter)-1]
	}
	found := []gateway{m.gateway}
	if m.gateway == nil || m.lost {
		found = m.search(ctx)
	}
	s := State{Problem: errNone.Error()}
	for _, g := range found {
		var next time.Duration
		if s, next = m.ask(ctx, g); len(s.Mappings) > 0 {
			m.gateway, m.lost, m.failed = g, false, 0
			m.tell(s)
			return next
		}
	}
	if ctx.Err() != nil {
		return 0 // what was mapped before is to be given back
	}
	m.gateway = nil // it may be another one by now
	m.tell(s)
	m.failed++
	return retryAfter[min(m.failed, len(retryAfter))-1]
}

// ask asks the gateway for all ports.
func (m *Mapper) ask(ctx context.Context, g gateway) (s State, next time.Duration) {
	s.By, next = g.name(), mostRenew
	old := m.State().Mappings
	for _, p := range m.cfg.Ports() {
		wanted := netip.AddrPortFrom(netip.Addr{}, p.Internal)
		i := slices.IndexFunc(old, func(o Mapping) bool { return o.Port == p })
		if i >= 0 {
			wanted = old[i].External
		}
		call, cancel := context.WithTimeout(ctx, requestTime)
		at, granted, err := g.add(call, p, wanted, lifetime)
		cancel()
		m.count(err == nil)
		if err != nil {
			s.Problem = err.Error()
			m.cfg.Log.Debug("port not mapped", "by", s.By, "protocol", p.Protocol, "port", p.Internal, "error", err)
			if i >= 0 && ctx.Err() != nil {
				s.Mappings = append(s.Mappings, old[i])
			}
			continue
		}
		s.Mappings = append(s.Mappings, Mapping{p, at, time.Now().Add(granted)})
		next = min(next, max(granted/2, leastRenew))
	}
	return s, next
}

func (m *Mapper) count(granted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if granted {
		m.stats.Granted++
	} else {
		m.stats.Refused++
	}
}

// search looks for gateways by all protocols at once; the best comes first.
func (m *Mapper) search(ctx context.Context) (found []gateway) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	answers := make([]gateway, len(m.finders))
	var wg sync.WaitGroup
	for i, find := range m.finders {
		wg.Go(func() {
			g, err := find(ctx)
			if err != nil {
				m.cfg.Log.Debug("no gateway", "reason", err)
				return
			}
			answers[i] = g
		})
	}
	wg.Wait()
	found = slices.DeleteFunc(answers, func(g gateway) bool { return g == nil })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Searches++
	if len(found) > 0 {
		m.stats.Found++
	}
	return found
}

// tell keeps the state, and says so where it is another.
func (m *Mapper) tell(s State) {
	m.mu.Lock()
	old := m.state
	m.state = s
	m.mu.Unlock()
	if same(old, s) {
		return
	}
	for _, at := range s.Mappings {
		m.cfg.Log.Info("port mapped", "by", s.By, "protocol", at.Protocol, "port", at.Internal, "external", at.External.Port())
	}
	if m.cfg.Changed != nil {
		m.cfg.Changed(s)
	}
}

// same reports whether two states differ in nothing but how long they hold.
func same(a, b State) bool {
	timeless := func(s State) State {
		s.Mappings = slices.Clone(s.Mappings)
		for i := range s.Mappings {
			s.Mappings[i].Until = time.Time{}
		}
		return s
	}
	return reflect.DeepEqual(timeless(a), timeless(b))
}

// giveBack ends what is mapped.
func (m *Mapper) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), returnTime)
	defer cancel()
	if m.gateway == nil {
		return
	}
	for _, at := range m.State().Mappings {
		if err := m.gateway.remove(ctx, at); err != nil {
			m.cfg.Log.Warn("port not given back", "port", at.Internal, "error", err)
		}
	}
	m.gateway = nil
	m.mu.Lock()
	m.state = State{}
	m.mu.Unlock()
}
