package transport

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// addrsEvery is how often the machine's addresses are looked at.
const addrsEvery = 2 * time.Second

// watch follows the machine's addresses.
type watch struct {
	t    *table
	soon chan struct{} // they are to be looked at
}

func newWatch(t *table) *watch { return &watch{t, make(chan struct{}, 1)} }

func (w *watch) run(ctx context.Context, known []netip.Addr) {
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
	if known != nil && slices.Equal(now, known) {
		return known
	}
	if moved := cfg.Events.Moved; moved != nil {
		moved(now) // so that peers are told the new address in the handshake
	}
	gone := slices.DeleteFunc(slices.Clone(known), func(a netip.Addr) bool { return slices.Contains(now, a) })
	if len(gone) > 0 {
		w.t.move(gone)
	}
	return now
}

// move ends what was connected from addresses that are gone, and opens the
// sessions anew: tunnels do not depend on the addresses of their hops, and go on.
func (t *table) move(gone []netip.Addr) {
	t.mu.Lock()
	clear(t.retryAt) // what failed may have failed for this
	t.records = newRecords()
	peers := t.sorted()
	t.mu.Unlock()
	for _, w := range t.ways {
		w.Moved(gone)
	}
	ended := 0
	for _, p := range peers {
		for i, s := range p.sessionsNow() {
			if !slices.Contains(gone, s.link.State().Local) {
				continue
			}
			if i == 0 {
				t.redial(p)
			}
			s.close(ReasonMoved)
			ended++
		}
	}
	t.cfg.Log.Info("the machine's address has changed", "sessions", ended)
}

// redial opens the session with a peer anew. Until that has succeeded or
// failed, nobody is told that the old one is down.
func (t *table) redial(p *peer) {
	p.mu.Lock()
	ri := p.info
	p.mu.Unlock()
	if ri == nil {
		return
	}
	offers := t.bids(ri)
	t.mu.Lock()
	defer t.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(offers) == 0 || t.closed || t.held.dials >= t.cfg.Limits.Dials || p.dialling || p.dead || p.spare != nil {
		return
	}
	p.dialling, p.moving = true, true
	t.startDial(p, ri, offers)
}
