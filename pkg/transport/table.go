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

// table is what a Transport keeps of peers and drivers. Peers, sessions, dials and
// sources bound each other, so one lock has them all, and what a session goes through
// from its dial to its end stands here.
type table struct {
	cfg    Config
	epoch  time.Time
	ready  chan struct{}
	ways   []*way
	lost   counters // of messages for which there was no way
	events eventLine
	randMu sync.Mutex // of cfg.Rand
	wg     sync.WaitGroup

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before
	closed  bool
	peers   map[i2p.Hash]*peer
	retryAt map[i2p.Hash]time.Time
	records records
	gate    gate
	held    held
	stock   *Stock
}

func newTable(cfg Config) *table {
	return &table{
		cfg: cfg, stock: NewStock(cfg.Limits.LentBytes), epoch: time.Now(), ready: make(chan struct{}),
		peers: map[i2p.Hash]*peer{}, retryAt: map[i2p.Hash]time.Time{}, records: newRecords(), gate: newGate(),
	}
}

// shutdown takes leave of all peers and waits for all goroutines.
func (t *table) shutdown(cancel context.CancelFunc) {
	t.mu.Lock()
	t.closed = true
	peers := t.sorted()
	t.mu.Unlock()
	for _, p := range peers {
		p.endAll(ReasonShutdown)
	}
	cancel()
	t.wg.Wait()
	t.mu.Lock()
	peers = t.sorted()
	clear(t.peers)
	t.mu.Unlock()
	for _, p := range peers {
		p.kill()
	}
}

// spawn starts a goroutine that Run waits for. It reports false when the
// transport does not run.
func (t *table) spawn(f func()) bool {
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

// since is the time since the transport's epoch.
func (t *table) since() time.Duration { return time.Since(t.epoch) }

// connRand are the sources of randomness of one link and its session, so that
// goroutines that run side by side draw the same numbers each time.
func (t *table) connRand() (link, session *draw.Source) {
	t.randMu.Lock()
	defer t.randMu.Unlock()
	link, session = t.cfg.Rand.Split(), t.cfg.Rand.Split()
	return link, session
}

// sorted returns the peers in the order of their hashes, so that what is done to
// all is done in the same order each time. The caller holds mu.
func (t *table) sorted() []*peer {
	peers := make([]*peer, 0, len(t.peers))
	for _, p := range t.peers {
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b *peer) int { return a.hash.Compare(b.hash) })
	return peers
}

func (t *table) everyone() []*peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sorted()
}

func (t *table) peer(hash i2p.Hash) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peers[hash]
}

// establish puts a session whose handshake is done into the table, and by what its peer was known. Another may
// have to make room. It fails where the transport is closing, or none can.
func (t *table) establish(s *Session, ri *routerinfo.RouterInfo) error {
	hash := ri.Hash()
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return ErrClosed
	}
	victim, ok := t.makeRoom(s)
	if !ok {
		t.mu.Unlock()
		return ErrBusy
	}
	p := t.peers[hash]
	if p == nil {
		p = t.newPeer(hash, s.way, s.maxMessage)
		t.peers[hash] = p
	}
	s.peer = p
	t.held.enter(s)
	delete(t.retryAt, hash)
	p.mu.Lock()
	if s.known.info != nil || p.info == nil {
		p.info = cmp.Or(s.known.info, ri)
	}
	p.queue.restart(t.since())
	p.queue.loan.belong(s.networks)
	yields, evicted := p.admit(s)
	p.way.Store(p.current.way)
	p.maxMessage = p.current.maxMessage
	spare := p.spare
	first := spare == nil && !p.moving
	p.moving = false
	p.mu.Unlock()
	if first && t.cfg.Events.Up != nil {
		t.events.add(func() { t.cfg.Events.Up(hash, s.meeting()) })
	}
	if !s.inbound && t.cfg.Events.Reached != nil {
		t.events.add(func() { t.cfg.Events.Reached(hash, s.meeting()) })
	}
	t.mu.Unlock()
	t.events.run()
	if victim != nil {
		victim.Close(ReasonCrowded)
	}
	if yields != nil {
		yields.link.Yield()
	}
	if spare != nil {
		spare.link.Wake() // its timer is another one now
	}
	if evicted != nil {
		evicted.close(ReasonReplaced)
	}
	s.log("session stands", "transport", s.way.name, "inbound", s.inbound, "rtt", s.link.State().RTT)
	return nil
}

// retire takes an ended session out of the table.
func (t *table) retire(s *Session) {
	p, at := s.peer, s.link.State()
	t.mu.Lock()
	t.records.measured(p.hash, laneOf(s.way, at.Remote), at.RTT)
	t.held.leave(s)
	heir, last, gone, why := p.lose(s)
	if !s.inbound && errors.Is(why, ErrRefused) {
		t.retryLater(p.hash, t.cfg.Limits.RefusedAfter)
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
func (t *table) tellDown(p *peer, why error) {
	if t.cfg.Events.Down == nil {
		return
	}
	name := p.way.Load().name
	t.events.add(func() { t.cfg.Events.Down(p.hash, name, why) })
}

// drop releases a message that was not taken for a peer, which may be nil.
func (t *table) drop(p *peer, m i2np.Message) {
	c := &t.lost
	if p != nil {
		c = &p.way.Load().counters
	}
	c.dropped.Add(1)
	m.Release()
}
