package router

import (
	"context"
	"errors"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
)

// ErrStopped is the answer to whoever asks a router that has ended.
var ErrStopped = errors.New("router: stopped")

// perform does what a segment of the netDb wants done for its party.
func (r *Router) perform(p *party, out netdb.Out) {
	for _, q := range out.Queries {
		if !r.sendQuery(p, q) {
			// The next floodfill is tried in the loop's next turn, not from
			// within this one.
			r.in.do(func() { r.perform(p, p.segment.Unsent(r.now, q)) })
		}
	}
	for _, s := range out.Stores {
		if !r.sendStore(p, s) {
			r.in.do(func() { r.perform(p, p.segment.StoreUnsent(r.now, s)) })
		}
	}
	for _, n := range out.Needs {
		r.fetch(p, n)
	}
	for _, a := range out.Acks {
		r.answer(a.To, a.Tunnel, i2np.DeliveryStatusType,
			i2np.DeliveryStatus{MessageID: a.Token, Timestamp: i2p.DateOf(r.now)}.AppendTo(nil))
	}
	for _, f := range out.Floods {
		for _, to := range f.To {
			r.send(to, r.message(i2np.DatabaseStoreType, f.Message.AppendTo(nil)))
		}
	}
	for _, res := range out.Results {
		waiting := p.expected.lookups[res.ID]
		delete(p.expected.lookups, res.ID)
		for _, done := range waiting {
			done(res)
		}
	}
	for _, pub := range out.Published {
		switch {
		case errors.Is(pub.Err, netdb.ErrNoFloodfills): // until the reseed, which tells how it goes
			r.cfg.Log.Debug("not published", "owner", p.cfg.Name, "error", pub.Err)
		case pub.Err != nil:
			r.cfg.Log.Info("not published", "owner", p.cfg.Name, "error", pub.Err)
		case pub.Verified:
			r.event("verified", pub.Floodfill, 0, p.cfg.Name, "")
		case pub.Stored:
			if p.cfg.Published != nil && !p.closed {
				p.cfg.Published()
			}
			r.event("published", pub.Floodfill, 0, p.cfg.Name, "")
		}
	}
	if len(out.Renew) > 0 && p == r.self {
		r.publishInfo()
	}
}

// fetch looks up a router that a party's lookup was told of: with the router's
// own means, so that nothing of it shows at the party's tunnels. The lookup
// goes on when that one has ended, also without the router, and not when the
// router becomes known otherwise: whoever named it could have told us of it to
// see that.
func (r *Router) fetch(p *party, n netdb.Need) {
	id, out := r.self.segment.Fetch(r.now, n)
	r.await(r.self, id, out, func(netdb.Result) {
		if !p.closed {
			r.perform(p, p.segment.Learned(r.now, n.Router))
		}
	})
}

// await has done called with the result of a lookup, and does what it asks for.
func (r *Router) await(p *party, id netdb.LookupID, out netdb.Out, done func(netdb.Result)) {
	p.expected.lookups[id] = append(p.expected.lookups[id], done)
	r.perform(p, out)
}

// sendQuery sends a DatabaseLookup: through the party's tunnels and sealed for
// the floodfill, so that only the floodfill sees the question and nobody sees
// the answer. The router asks directly until it has tunnels, and never later:
// some of its questions are on behalf of destinations.
func (r *Router) sendQuery(p *party, q netdb.Query) bool {
	m := q.Message(r.cfg.Hash)
	in, out := p.in.best(r), p.out.best(r)
	if in == nil || out == nil {
		return false
	}
	if p == r.self && (in.zeroHop() || out.zeroHop()) {
		// Still alone: nothing would be hidden by asking ourselves to ask.
		if r.isReady && (in == p.in.last || out == p.out.last) {
			return false
		}
		p.expected.ask(r.now, q.Key, q.To.Hash(), way{peer: q.To.Hash()})
		return r.sendInfo(q.To, r.message(i2np.DatabaseLookupType, m.AppendTo(nil)))
	}
	m.From, m.ReplyTunnel, m.ViaTunnel = in.gateway, in.gatewayID, true
	m.Encryption = i2np.ReplyECIES
	m.ReplyKey, m.ReplyTag = r.newOneTime(in)
	p.expected.ask(r.now, q.Key, q.To.Hash(), way{tunnel: in})
	sealed, err := r.garlicTo(q.To, r.message(i2np.DatabaseLookupType, m.AppendTo(nil)))
	if err != nil {
		r.cfg.Log.Debug("query not sealed", "error", err)
		return false
	}
	r.outbound(out, toRouter(q.To.Hash()), sealed)
	return true
}

// sendStore publishes an entry at a floodfill. A store of our own RouterInfo
// and its confirmation go directly, as it names us anyway: a tunnel of ours in
// it would be known for ours. What a destination publishes goes through its
// tunnels both ways.
func (r *Router) sendStore(p *party, s netdb.StoreTo) bool {
	floodfill := s.To.Hash()
	if p == r.self {
		s.Message.ReplyGateway, s.Message.ReplyTunnel = r.cfg.Hash, 0
		p.expected.store(r.now, s.Message.ReplyToken, floodfill, way{peer: floodfill})
		return r.sendInfo(s.To, r.message(i2np.DatabaseStoreType, s.Message.AppendTo(nil)))
	}
	in, out := p.in.best(r), p.out.best(r)
	if in == nil || out == nil {
		return false
	}
	s.Message.ReplyGateway, s.Message.ReplyTunnel = in.gateway, in.gatewayID
	p.expected.store(r.now, s.Message.ReplyToken, floodfill, way{tunnel: in})
	m := r.message(i2np.DatabaseStoreType, s.Message.AppendTo(nil))
	sealed, err := r.garlicTo(s.To, m)
	if err != nil {
		r.cfg.Log.Debug("store not sealed", "error", err)
		return false
	}
	r.outbound(out, toRouter(floodfill), sealed)
	return true
}

// store handles a DatabaseStore: the answer to a question, or over a session
// what a peer gives to the router.
func (r *Router) store(p *party, w way, m i2np.Message) {
	s, err := i2np.ParseDatabaseStore(m.Body)
	if err != nil {
		r.counts.Malformed++
		return
	}
	var stored netdb.Stored
	var out netdb.Out
	switch {
	case p.expected.answers(r.now, s.Key, w):
		stored, out = p.segment.HandleAnswer(r.now, s)
	case w.tunnel == nil:
		if stored, out = p.segment.HandleStore(r.now, w.peer, s); stored.Err != nil && r.elsewhere(asking(s.Key)) {
			r.counts.Strayed++
		}
	default:
		r.unexpected(asking(s.Key))
		return
	}
	if stored.Err != nil {
		r.cfg.Log.Debug("store refused", "owner", p.cfg.Name, "error", stored.Err)
	}
	r.perform(p, out)
	if stored.RouterInfo != nil {
		r.learned(stored.RouterInfo.Hash())
	}
}

// learned sends what waited for a router.
func (r *Router) learned(router i2p.Hash) {
	waiting := r.unsent[router]
	if waiting == nil {
		return
	}
	delete(r.unsent, router)
	for _, m := range waiting {
		r.send(router, m)
	}
}

const (
	maxUnsentRouters  = 256
	maxUnsentMessages = 16
)

// wantRouter keeps a message for a router that we do not know, and looks the
// router up. It takes ownership of the message.
func (r *Router) wantRouter(to i2p.Hash, m i2np.Message) {
	waiting, known := r.unsent[to]
	if (!known && len(r.unsent) >= maxUnsentRouters) || len(waiting) >= maxUnsentMessages {
		r.counts.Unknown++
		m.Release()
		return
	}
	r.unsent[to] = append(waiting, m)
	if known {
		return
	}
	r.lookup(r.self, to, i2np.LookupRouterInfo, func(res netdb.Result) {
		if res.RouterInfo == nil {
			for _, m := range r.unsent[to] {
				m.Release()
			}
			delete(r.unsent, to)
			return
		}
		r.learned(to)
	})
}

// lookup starts a lookup in the loop; done is called in the loop.
func (r *Router) lookup(p *party, key i2p.Hash, kind netdb.Kind, done func(netdb.Result)) {
	id, out := p.segment.Start(r.now, key, kind)
	r.await(p, id, out, done)
}

// Lookup runs a lookup for the router itself and returns how it went.
func (r *Router) Lookup(ctx context.Context, hash i2p.Hash, kind netdb.Kind) (netdb.Result, error) {
	return r.wait(ctx, r.self, hash, kind)
}

func (r *Router) wait(ctx context.Context, p *party, hash i2p.Hash, kind netdb.Kind) (netdb.Result, error) {
	results := make(chan netdb.Result, 1)
	if !r.in.do(func() { r.lookup(p, hash, kind, func(res netdb.Result) { results <- res }) }) {
		return netdb.Result{}, ErrStopped
	}
	select {
	case res := <-results:
		return res, res.Err
	case <-ctx.Done():
		return netdb.Result{}, context.Cause(ctx)
	}
}

func (r *Router) searchReply(p *party, w way, m i2np.Message) {
	s, err := i2np.ParseDatabaseSearchReply(m.Body)
	if err != nil {
		r.counts.Malformed++
		return
	}
	if !p.expected.names(r.now, s.Key, s.From, w) {
		r.unexpected(asking(s.Key))
		return
	}
	r.perform(p, p.segment.HandleSearchReply(r.now, s))
}

func (r *Router) deliveryStatus(p *party, w way, m i2np.Message) {
	s, err := i2np.ParseDeliveryStatus(m.Body)
	if err != nil {
		r.counts.Malformed++
		return
	}
	if p.expected.confirms(r.now, s.MessageID, w) {
		_, out := p.segment.HandleDeliveryStatus(r.now, s.MessageID)
		r.perform(p, out)
		return
	}
	r.testReturned(p, w, s.MessageID)
}

// databaseLookup answers a peer's question, encrypted as it asks for.
func (r *Router) databaseLookup(from i2p.Hash, m i2np.Message) {
	l, err := i2np.ParseDatabaseLookup(m.Body)
	if err != nil {
		r.counts.Malformed++
		return
	}
	reply := r.self.segment.HandleLookup(r.now, from, l)
	if reply == nil {
		return
	}
	body := reply.AppendTo(nil)
	if l.Encryption != i2np.ReplyECIES {
		r.answer(reply.To, reply.Tunnel, reply.Type(), body)
		return
	}
	sealed, err := ratchet.SealTagged(r.rand, l.ReplyKey, l.ReplyTag,
		[]i2np.Clove{{Message: r.message(reply.Type(), body)}})
	if err != nil {
		r.cfg.Log.Debug("reply not sealed", "error", err)
		return
	}
	r.answer(reply.To, reply.Tunnel, i2np.GarlicType, i2np.AppendGarlic(nil, sealed))
}

// answer sends a message to a router, or into its tunnel where one is named.
func (r *Router) answer(to i2p.Hash, tunnel uint32, t i2np.Type, body []byte) {
	m := r.message(t, body)
	if tunnel == 0 {
		r.send(to, m)
		return
	}
	r.toTunnel(to, tunnel, m)
}

// LearnRouter takes a RouterInfo that the transport has from its own router.
func (r *Router) LearnRouter(ri *routerinfo.RouterInfo, src netdb.Source) {
	r.in.do(func() {
		stored, out := r.self.segment.HandleRouterInfo(r.now, src, ri)
		if stored.Err != nil {
			r.cfg.Log.Debug("RouterInfo refused", "source", src, "error", stored.Err)
		}
		r.perform(r.self, out)
		if stored.Change != netdb.Unchanged {
			r.learned(ri.Hash())
		}
	})
}

// publishInfo makes our RouterInfo anew and publishes it.
func (r *Router) publishInfo() {
	if ri := r.cfg.Info(); ri != nil {
		r.perform(r.self, r.self.segment.PublishRouterInfo(r.now, ri))
	}
}
