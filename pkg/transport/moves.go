package transport

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// addrsEvery is how often the machine's addresses are looked at, and addrsSettle how long
// after the system has told of a change: mostly there are several.
const (
	addrsEvery  = 2 * time.Second
	addrsSettle = 50 * time.Millisecond
)

// notifier is a Network that tells of changes of its addresses, until ctx ends.
type notifier interface {
	Changes(ctx context.Context, tell func()) error
}

// watch follows the machine's addresses.
type watch struct {
	t    *table
	soon chan struct{}                // they are to be looked at
	last atomic.Pointer[[]netip.Addr] // those that were found
}

func newWatch(t *table) *watch { return &watch{t: t, soon: make(chan struct{}, 1)} }

// here are the machine's addresses; none where they are not known.
func (w *watch) here() []netip.Addr {
	if p := w.last.Load(); p != nil {
		return *p
	}
	return nil
}

// mesh are the addresses of Yggdrasil, a network of its own that is laid over others:
// who has none of them reaches none.
var mesh = netip.MustParsePrefix("200::/7")

// IsMesh reports whether an address is one of Yggdrasil's.
func IsMesh(a netip.Addr) bool { return mesh.Contains(a) }

// reaches reports whether the machine has an address from which another can be reached.
// Where its addresses are not known, it may.
func (w *watch) reaches(to netip.Addr) bool {
	here := w.here()
	to = to.Unmap()
	switch {
	case len(here) == 0 || to.IsLoopback():
		return true
	case mesh.Contains(to):
		return slices.ContainsFunc(here, mesh.Contains)
	case to.Is6() && to.IsPrivate(): // a unique local address
		return slices.ContainsFunc(here, func(a netip.Addr) bool { return a.Is6() && a.IsGlobalUnicast() && !mesh.Contains(a) })
	}
	return slices.ContainsFunc(here, func(a netip.Addr) bool { return leads(a, to.Is4()) })
}

// leads reports whether an address of the machine is one from which the network of a
// family is reached: of IPv4 also a private one, behind which there is a NAT.
func leads(a netip.Addr, v4 bool) bool {
	return a.Is4() == v4 && a.IsGlobalUnicast() && (v4 || !a.IsPrivate() && !mesh.Contains(a))
}

func (w *watch) run(ctx context.Context, known []netip.Addr) {
	if n, ok := w.t.cfg.Network.(notifier); ok {
		w.t.spawn(func() {
			if err := n.Changes(ctx, func() { time.Sleep(addrsSettle); w.now() }); err != nil {
				w.t.cfg.Log.Debug("the system tells of no changes of addresses", "error", err)
			}
		})
	}
	tick := time.NewTicker(addrsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.soon:
		case <-tick.C:
		}
		known = w.look(known)
	}
}

// now has the addresses looked at out of turn.
func (w *watch) now() {
	select {
	case w.soon <- struct{}{}:
	default:
	}
}

// look compares the machine's addresses with those known before, and returns
// those that it has now.
func (w *watch) look(known []netip.Addr) []netip.Addr {
	cfg := &w.t.cfg
	now, err := cfg.Network.Addrs()
	if err != nil {
		cfg.Log.Debug("the machine's addresses cannot be listed", "error", err)
		return known
	}
	now = append([]netip.Addr{}, now...) // not nil
	slices.SortFunc(now, netip.Addr.Compare)
	w.last.Store(&now)
	if known != nil && slices.Equal(now, known) {
		return known
	}
	if moved := cfg.Events.Moved; moved != nil {
		moved(now) // so that peers are told the new address in the handshake
	}
	gone := slices.DeleteFunc(slices.Clone(known), func(a netip.Addr) bool { return slices.Contains(now, a) })
	if len(gone) > 0 {
		w.t.move(gone, w.reaches)
	}
	return now
}

// move ends what was connected from addresses that are gone, and opens the
// sessions anew: tunnels do not depend on the addresses of their hops, and go on. So it does with what could
// go on from another address, and cannot, for none that is left reaches the peer, where there is another way to it.
func (t *table) move(gone []netip.Addr, reaches func(netip.Addr) bool) {
	t.mu.Lock()
	clear(t.retryAt) // what failed may have failed for this
	t.records = newRecords()
	peers := t.sorted()
	t.mu.Unlock()
	for _, w := range t.drivers() {
		w.Moved(gone)
	}
	ended := 0
	for _, p := range peers {
		for i, s := range p.sessionsNow() {
			st := s.link.State()
			bound := slices.Contains(gone, st.Local)
			if !bound && (!st.Remote.IsValid() || reaches(st.Remote.Addr())) {
				continue
			}
			dialled := i > 0 || t.redial(p, true)
			if !bound && !dialled {
				continue // it may be for a moment
			}
			s.close(ReasonMoved)
			p.passOver(s)
			ended++
		}
	}
	t.cfg.Log.Info("the machine's address has changed", "sessions", ended)
}

// redial opens the session with a peer anew, whatever other there is: the peer does not know
// that this one has ended, and would go on to send over it. Where the machine has moved nobody is
// told that the old one is down, until that has succeeded or failed. It reports whether a dial is under way.
func (t *table) redial(p *peer, moving bool) bool {
	p.mu.Lock()
	ri := p.info
	p.mu.Unlock()
	if ri == nil {
		return false
	}
	offers := t.bids(ri)
	t.mu.Lock()
	defer t.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(offers) == 0 || t.closed || t.held.dials >= t.cfg.Limits.Dials || p.dialling || p.dead {
		return p.dialling
	}
	p.dialling, p.moving = true, moving
	if moving {
		p.queue.deepUntil = forever
	}
	t.startDial(p, ri, offers, true)
	return true
}
