package transport

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// simultaneous is how close two sessions of opposite directions must be to
// count as both sides having dialled at once, and spareLife how long the one
// that lost may stay silent before it is closed.
const (
	simultaneous = 10 * time.Second
	spareLife    = 10 * time.Second
)

// peer is a router to which there are sessions or a dial.
//
// There is at most one session that sends. When a second one comes up, one of
// them becomes the spare: it still receives, and takes over when the other
// ends. So nothing is lost when both sides dial at once, even if they do not
// agree which session is to stay.
type peer struct {
	t    *table
	hash i2p.Hash
	way  atomic.Pointer[way] // of the current session, or that is likely next

	mu         sync.Mutex
	queue      queue
	maxMessage int // bytes of the largest body that the way carries
	current    *Session
	spare      *Session
	dialling   bool
	moving     bool                   // the session is being opened anew
	info       *routerinfo.RouterInfo // by which it was dialled, or that it sent
	dead       bool                   // left the table
	dropped    uint64
	expired    uint64
}

func (t *table) newPeer(hash i2p.Hash, w *way, maxMessage int) *peer {
	p := &peer{t: t, hash: hash, maxMessage: maxMessage}
	p.queue.loan, p.queue.deepUntil = t.stock.Lend(t.cfg.Limits.QueueBytes/2, nowhere), forever
	p.way.Store(w)
	return p
}

// errGone means that the peer has left the table.
var errGone = errors.New("transport: the session has just ended")

// errEnded is the end of a link that gives no reason.
var errEnded = errors.New("transport: the session has ended")

// put takes ownership of m unless it fails.
func (p *peer) put(m i2np.Message) error {
	now := p.t.since()
	p.mu.Lock()
	var err error
	var s *Session
	switch {
	case p.dead:
		err = errGone
	case len(m.Body) > p.maxMessage:
		p.dropped++
		err = ErrTooLarge
	case p.current != nil && p.current.stalled && isBulk(m.Type):
		p.dropped++
		err = ErrStalled
	default:
		evicted, ok := p.queue.put(m, now, &p.t.cfg.Limits)
		if s = p.current; !ok {
			s, err = nil, ErrQueueFull
			p.dropped++
		}
		if evicted > 0 {
			p.dropped += uint64(evicted)
			p.way.Load().counters.dropped.Add(uint64(evicted))
		}
	}
	p.mu.Unlock()
	if s != nil {
		s.link.Wake()
	}
	return err
}

func (p *peer) connected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.current.why == nil
}

// sessionsNow returns the sessions, the current one first.
func (p *peer) sessionsNow() (out []*Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range []*Session{p.current, p.spare} {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (p *peer) endAll(why Reason) {
	for _, s := range p.sessionsNow() {
		s.close(why)
	}
}

// announce has our RouterInfo sent.
func (p *peer) announce() {
	p.mu.Lock()
	s := p.current
	if s != nil {
		s.announce = true
	}
	p.mu.Unlock()
	if s != nil {
		s.link.Wake()
	}
}

// kill drops what waits. The peer has left the table.
func (p *peer) kill() {
	p.mu.Lock()
	p.dead = true
	n := p.queue.drop()
	p.dropped += uint64(n)
	p.mu.Unlock()
	p.way.Load().counters.dropped.Add(uint64(n))
}

// admit decides which session sends from now on. Of two sessions of opposite
// directions that came up together, the one whose initiator has the smaller hash
// stays, as the other side also finds; otherwise the newer one does, because the peer
// has probably lost the older, which yields. Where there are two already one must end:
// the spare, or what has yielded if it is of the newer one's transport. For who opens
// another has lost that, and the spare may have followed where it could not.
// The caller holds the peer's mutex.
func (p *peer) admit(s *Session) (yields, evicted *Session) {
	old := p.current
	if old == nil {
		p.current = s
		return nil, nil
	}
	evicted = p.spare
	together := old.why == nil && old.inbound != s.inbound && s.since.Sub(old.since) < simultaneous
	oursIsSmaller := p.t.cfg.Self.Compare(p.hash) < 0
	switch {
	case together && old.inbound != oursIsSmaller:
		p.spare = s
	case together:
		p.current, p.spare = s, old
	default:
		yields = old
		if evicted != nil && old.way == s.way {
			old, evicted = evicted, old
		}
		p.current, p.spare = s, old
	}
	p.spare.spareSince = s.since
	return yields, evicted
}

// swap has the spare send in place of a session that stalls, if it can. The caller holds the
// peer's mutex.
func (p *peer) swap(stalled *Session) bool {
	h := p.spare
	if p.current != stalled || h == nil || h.why != nil || h.stalled {
		return false
	}
	p.current, p.spare = h, stalled
	stalled.spareSince = time.Now()
	p.takesOver(h)
	return true
}

// takesOver has what waits go by what was the spare, which has carried nothing for long.
func (p *peer) takesOver(heir *Session) {
	heir.spareSince = time.Time{}
	p.maxMessage = heir.maxMessage
	p.way.Store(heir.way)
	p.queue.deepUntil = p.t.since() + youth
}

// passOver has the spare send at once in place of a session that has just been ended, and takes its time for that.
func (p *peer) passOver(ended *Session) {
	p.mu.Lock()
	swapped := p.swap(ended)
	heir := p.current
	p.mu.Unlock()
	if swapped {
		heir.link.Wake()
	}
}

// lose takes an ended session out of the peer. It returns the one that takes
// over, whether this was the last and whether nothing keeps the peer in the table,
// and why it has ended.
func (p *peer) lose(s *Session) (heir *Session, last, gone bool, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch s {
	case p.current:
		p.current, p.spare = p.spare, nil
		if heir = p.current; heir != nil {
			p.takesOver(heir)
		} else {
			p.queue.deepUntil = forever
		}
	case p.spare:
		p.spare = nil
	}
	last = p.current == nil && !p.dead && !p.moving
	return heir, last, last && !p.dialling, s.why
}
