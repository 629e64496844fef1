package transport

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// maxRetry bounds the memory of failed dials.
const maxRetry = 4096

// running reports whether the drivers can be asked: they listen.
func (t *table) running() bool {
	select {
	case <-t.ready:
		return true
	default:
		return false
	}
}

// drivers are those that can be asked: none before all listen, since what they then have is not there yet.
func (t *table) drivers() []*way {
	if !t.running() {
		return nil
	}
	return t.ways
}

// start dials a peer that is not in the table, with m as its first message, of
// which it takes ownership unless it fails; one without a type is none. It returns
// the peer that is in the table after all, if there is one.
func (t *table) start(ri *routerinfo.RouterInfo, m i2np.Message) (there *peer, err error) {
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
	case t.held.dials >= min(t.cfg.Limits.Dials, t.cfg.Limits.Sessions):
		return nil, ErrBusy
	}
	delete(t.retryAt, hash)
	p := t.newPeer(hash, offers[0].way, offers[0].MaxMessage)
	p.dialling, p.info = true, ri
	if m.Type != 0 {
		if _, ok := p.queue.put(m, t.since(), &t.cfg.Limits); !ok {
			return nil, ErrQueueFull
		}
	}
	t.peers[hash] = p
	t.startDial(p, ri, offers, false)
	return nil, nil
}

// startDial dials a peer, anew where a session may be left that is not the one wanted. The
// caller holds mu.
func (t *table) startDial(p *peer, ri *routerinfo.RouterInfo, offers []offer, anew bool) {
	t.held.dials++
	r := race{table: t, peer: p, ri: ri, offers: offers, anew: anew, begun: time.Now(), done: make(chan finish)}
	r.random, r.own = t.connRand()
	ctx := t.ctx
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		s, err := r.run(ctx)
		t.dialDone(p, err)
		if s != nil {
			s.run()
		}
	}()
}

// dialDone ends the dial of a peer. Where it failed and there is no session
// either, the peer leaves the table with what waited for it.
func (t *table) dialDone(p *peer, err error) {
	t.mu.Lock()
	t.held.dials--
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
		t.retryLater(p.hash, t.cfg.Limits.RedialAfter)
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
func (t *table) retryLater(hash i2p.Hash, after time.Duration) {
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
