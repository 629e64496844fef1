package transport

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// maxRetry bounds the memory of failed dials.
const maxRetry = 4096

// errOvertaken means that the peer's own link came first.
var errOvertaken = errors.New("transport: the peer's own connection came first")

// table is what the transport's mutex guards.
type table struct {
	ctx      context.Context // of Run; nil before
	closed   bool
	wg       sync.WaitGroup
	peers    map[i2p.Hash]*peer
	retryAt  map[i2p.Hash]time.Time
	gate     gate
	sessions int
	dials    int
}

func newTable() table {
	return table{peers: map[i2p.Hash]*peer{}, retryAt: map[i2p.Hash]time.Time{}, gate: newGate()}
}

// full reports whether there are as many sessions and handshakes as may be.
func (t *Transport) full() bool {
	return t.sessions+t.dials+len(t.gate.visitors) >= t.limits.Sessions
}

// sorted returns the peers in the order of their hashes, so that what is done to
// all is done in the same order each time. The caller holds mu.
func (t *Transport) sorted() []*peer {
	peers := make([]*peer, 0, len(t.peers))
	for _, p := range t.peers {
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b *peer) int { return a.hash.Compare(b.hash) })
	return peers
}

func (t *Transport) everyone() []*peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sorted()
}

func (t *Transport) peer(hash i2p.Hash) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peers[hash]
}

// offer is a driver's bid for a router.
type offer struct {
	way *way
	Bid
}

// running reports whether the drivers can be asked: they listen.
func (t *Transport) running() bool {
	select {
	case <-t.ready:
		return true
	default:
		return false
	}
}

// bids asks the drivers for a router, best first.
func (t *Transport) bids(ri *routerinfo.RouterInfo) (offers []offer) {
	if !t.running() {
		return nil
	}
	for _, w := range t.ways {
		if b, ok := w.Bid(ri); ok {
			offers = append(offers, offer{w, b})
		}
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Compare(a.Cost, b.Cost) })
	return offers
}

// start dials a peer that is not in the table, with m as its first message, of
// which it takes ownership unless it fails. It returns the peer that is in the
// table after all, if there is one.
func (t *Transport) start(ri *routerinfo.RouterInfo, m i2np.Message) (there *peer, err error) {
	hash := ri.Hash()
	all := t.bids(ri)
	offers := slices.DeleteFunc(slices.Clone(all), func(o offer) bool { return len(m.Body) > o.MaxMessage })
	t.mu.Lock()
	defer t.mu.Unlock()
	at, failed := t.retryAt[hash]
	switch {
	case t.closed || !t.running():
		return nil, ErrClosed
	case t.peers[hash] != nil:
		return t.peers[hash], nil
	case hash == t.cfg.Self:
		return nil, ErrSelf
	case len(all) == 0:
		return nil, ErrNoAddress
	case len(offers) == 0:
		return nil, ErrTooLarge
	case failed && time.Now().Before(at):
		return nil, ErrBackoff
	case t.dials >= t.limits.Dials || t.full():
		return nil, ErrBusy
	}
	delete(t.retryAt, hash)
	p := t.newPeer(hash, offers[0].way, offers[0].MaxMessage)
	p.dialling, p.info = true, ri
	if _, ok := p.queue.put(m, t.since(), &t.limits); !ok {
		return nil, ErrQueueFull
	}
	t.peers[hash] = p
	t.startDial(p, ri, offers)
	return nil, nil
}

// attempt is a dial: whom, by which drivers, and the randomness of the link and
// of the session.
type attempt struct {
	peer        *peer
	ri          *routerinfo.RouterInfo
	offers      []offer
	random, own *draw.Source
}

// startDial dials a peer. The caller holds mu.
func (t *Transport) startDial(p *peer, ri *routerinfo.RouterInfo, offers []offer) {
	t.dials++
	a := attempt{peer: p, ri: ri, offers: offers}
	a.random, a.own = t.connRand()
	ctx := t.ctx
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		t.dial(ctx, a)
	}()
}

// dial tries the drivers one after the other, and runs the session.
func (t *Transport) dial(ctx context.Context, a attempt) {
	err := error(ErrNoAddress)
	for _, o := range a.offers {
		var s *Session
		if s, err = t.dialBy(ctx, a, o.way); err == nil {
			t.dialDone(a.peer, nil)
			s.run()
			return
		}
		if ctx.Err() != nil || errors.Is(err, errOvertaken) {
			break
		}
	}
	t.dialDone(a.peer, err)
}

// dialBy makes a session by one of the drivers.
func (t *Transport) dialBy(ctx context.Context, a attempt, w *way) (*Session, error) {
	t.count(w, 1)
	defer t.count(w, -1)
	l, err := w.Dial(ctx, a.ri, a.random)
	if err != nil {
		return nil, err
	}
	if a.peer.connected() { // it would be a second session
		l.Abort()
		return nil, errOvertaken
	}
	s := t.newSession(w, l, false, a.own)
	if !t.establish(s, a.peer.hash, nil) {
		l.Abort()
		return nil, ErrClosed
	}
	w.counters.dialed.Add(1)
	return s, nil
}

func (t *Transport) count(w *way, dials int) {
	t.mu.Lock()
	w.dials += dials
	t.mu.Unlock()
}

// dialDone ends the dial of a peer. Where it failed and there is no session
// either, the peer leaves the table with what waited for it.
func (t *Transport) dialDone(p *peer, err error) {
	t.mu.Lock()
	t.dials--
	p.mu.Lock()
	p.dialling = false
	gone := p.current == nil
	down := gone && p.moving
	p.moving = false // whether or not the old session is out of the table yet
	p.mu.Unlock()
	if down {
		t.tellDown(p, cmp.Or(err, error(ReasonMoved)))
	}
	failed := err != nil && !errors.Is(err, errOvertaken) && gone
	if gone && t.peers[p.hash] == p {
		delete(t.peers, p.hash)
	}
	if failed && t.ctx.Err() == nil {
		p.way.Load().counters.dialsFailed.Add(1)
		t.retryLater(p.hash, t.limits.RedialAfter)
		if t.cfg.Events.Failed != nil {
			t.events.add(func() { t.cfg.Events.Failed(p.hash, err) })
		}
	}
	t.mu.Unlock()
	if gone {
		p.kill()
	}
	if failed {
		t.cfg.Log.Debug("dial failed", "peer", p.hash.String()[:6], "error", err)
	}
	t.events.run()
}

// retryLater keeps the peer from being dialled for a while. A full memory
// forgets what has passed, and all of it if nothing has. The caller holds mu.
func (t *Transport) retryLater(hash i2p.Hash, after time.Duration) {
	now := time.Now()
	if len(t.retryAt) >= maxRetry {
		for h, at := range t.retryAt {
			if !now.Before(at) {
				delete(t.retryAt, h)
			}
		}
		if len(t.retryAt) >= maxRetry {
			clear(t.retryAt)
		}
	}
	t.retryAt[hash] = now.Add(after)
}

// establish puts a session whose handshake is done into the table. It reports
// false when the transport is closing. The visitor is who it was before, nil
// where we dialled.
func (t *Transport) establish(s *Session, hash i2p.Hash, v *Visitor) bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	p := t.peers[hash]
	if p == nil {
		p = t.newPeer(hash, s.way, s.maxMessage)
		t.peers[hash] = p
	}
	s.peer = p
	t.sessions++
	s.way.sessions++
	if v != nil && v.counted {
		s.counted, s.source = true, v.source
		t.gate.sources.add(v.source, 0, 1)
	}
	delete(t.retryAt, hash)
	p.mu.Lock()
	if s.known.info != nil {
		p.info = s.known.info
	}
	p.queue.restart(t.since())
	evicted := p.admit(s)
	p.way.Store(p.current.way)
	p.maxMessage = p.current.maxMessage
	spare := p.spare
	first := spare == nil && !p.moving
	p.moving = false
	p.mu.Unlock()
	if first && t.cfg.Events.Up != nil {
		t.events.add(func() { t.cfg.Events.Up(hash, s.way.name, s.inbound) })
	}
	t.mu.Unlock()
	t.events.run()
	if spare != nil {
		spare.link.Wake() // its timer is another one now
	}
	if evicted != nil {
		evicted.close(ReasonReplaced)
	}
	s.log("session stands", "transport", s.way.name, "inbound", s.inbound, "rtt", s.link.State().RTT)
	return true
}

// retire takes an ended session out of the table.
func (t *Transport) retire(s *Session) {
	p := s.peer
	t.mu.Lock()
	t.sessions--
	s.way.sessions--
	if s.counted {
		t.gate.sources.add(s.source, 0, -1)
	}
	heir, last, gone, why := p.lose(s)
	if !s.inbound && errors.Is(why, ErrRefused) {
		t.retryLater(p.hash, t.limits.RefusedAfter)
	}
	if gone && t.peers[p.hash] == p {
		delete(t.peers, p.hash)
	}
	if last {
		t.tellDown(p, why)
	}
	t.mu.Unlock()
	if gone {
		p.kill()
	}
	if heir != nil {
		heir.link.Wake()
	}
	t.events.run()
	s.log("session ended", "reason", why)
}

// tellDown puts the end of a peer's last session in line.
func (t *Transport) tellDown(p *peer, why error) {
	if t.cfg.Events.Down == nil {
		return
	}
	name := p.way.Load().name
	t.events.add(func() { t.cfg.Events.Down(p.hash, name, why) })
}
