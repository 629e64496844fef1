package router

import (
	"errors"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tally"
)

// mail is what the parties ask the netDb and publish there, and what the router
// answers to others.
type mail struct {
	*core
	parties *parties
	paths   *paths
	ends    *ends
	unsent  map[i2p.Hash][]i2np.Message // for routers that are being looked up
	later   []func()                    // calls that would disturb what calls for them
	gone    netdb.SegmentStats          // of parties that were closed
}

func newMail(c *core, parties *parties, paths *paths, ends *ends) *mail {
	return &mail{
		core: c, parties: parties, paths: paths, ends: ends,
		unsent: make(map[i2p.Hash][]i2np.Message),
	}
}

// tick does what time asks of a party's part of the netDb.
func (ml *mail) tick(p *party) time.Time {
	ml.perform(p, p.segment.Tick(ml.now))
	return p.segment.Deadline()
}

// close tells those who wait for a party that there will be no answer.
func (ml *mail) close(p *party) {
	tally.AddTotals(&ml.gone, p.segment.Stats())
	waiting, deposits := p.expected.lookups, p.expected.deposits
	p.expected = newExpected()
	for _, done := range deposits {
		done(netdb.Deposited{Err: ErrStopped})
	}
	for _, waiting := range waiting {
		for _, done := range waiting {
			done(netdb.Result{Err: ErrStopped})
		}
	}
}

// end lets go of what waits for routers.
func (ml *mail) end() {
	for to, waiting := range ml.unsent {
		release(waiting)
		delete(ml.unsent, to)
	}
}

// publishing reports whether a store of some party's waits for its confirmation.
func (ml *mail) publishing(id uint32) bool {
	return ml.parties.expect(func(e *expected) bool { _, ok := e.stores[id]; return ok })
}

// asking reports whether some party asked for an entry.
func (ml *mail) asking(key i2p.Hash) bool {
	return ml.parties.expect(func(e *expected) bool { return e.asking(key) })
}

// perform does what a segment of the netDb wants done for its party.
func (ml *mail) perform(p *party, out netdb.Out) {
	for _, q := range out.Queries {
		if !ml.sendQuery(p, q) {
			ml.later = append(ml.later, func() { ml.perform(p, p.segment.QueryUnsent(ml.now, q)) })
		}
	}
	for _, s := range out.Stores {
		if !ml.sendStore(p, s) {
			ml.later = append(ml.later, func() { ml.perform(p, p.segment.StoreUnsent(ml.now, s)) })
		}
	}
	for _, a := range out.Acks {
		ml.answer(a.To, a.Tunnel, i2np.DeliveryStatusType,
			i2np.DeliveryStatus{MessageID: a.Token, Timestamp: i2p.DateOf(ml.now)}.AppendTo(nil))
	}
	for _, f := range out.Floods {
		for _, to := range f.To {
			ml.send(to, ml.message(i2np.DatabaseStoreType, f.Message.AppendTo(nil)))
		}
	}
	for _, res := range out.Results {
		waiting := p.expected.lookups[res.ID]
		delete(p.expected.lookups, res.ID)
		for _, done := range waiting {
			done(res)
		}
	}
	for _, d := range out.Deposited {
		if done := p.expected.deposits[d.ID]; done != nil {
			delete(p.expected.deposits, d.ID)
			done(d)
		}
	}
	for _, pub := range out.Published {
		switch {
		case errors.Is(pub.Err, netdb.ErrNoFloodfills): // until the reseed, which tells how it goes
			ml.cfg.Log.Debug("not published", "owner", p.label, "error", pub.Err)
		case pub.Err != nil:
			ml.cfg.Log.Info("not published", "owner", p.label, "error", pub.Err)
		case pub.Verified:
			ml.event("verified", pub.Floodfill, 0, p.cfg.Name, "")
		case pub.Confirmed:
			if p.cfg.Published != nil && !p.closed {
				p.cfg.Published()
			}
			ml.event("published", pub.Floodfill, 0, p.cfg.Name, "")
		}
	}
	if len(out.Renew) > 0 && p == ml.parties.self {
		ml.publishInfo()
	}
}

// await has done called with the result of a lookup, and does what it asks for.
func (ml *mail) await(p *party, id netdb.LookupID, out netdb.Out, done func(netdb.Result)) {
	p.expected.lookups[id] = append(p.expected.lookups[id], done)
	ml.perform(p, out)
}

// deposit has an entry stored that is not ours; done is called in the loop.
func (ml *mail) deposit(e Deposit, done func(netdb.Deposited)) {
	p := ml.parties.self
	var id netdb.DepositID
	var out netdb.Out
	if e.RouterInfo != nil {
		id, out = p.segment.DepositRouterInfo(ml.now, e.RouterInfo, e.Copies)
	} else {
		id, out = p.segment.DepositLeaseSet(ml.now, e.LeaseSet, e.Copies)
	}
	p.expected.deposits[id] = done
	ml.perform(p, out)
}

// sendQuery sends a DatabaseLookup: through the party's tunnels and sealed for
// the floodfill, so that only the floodfill sees the question and nobody sees
// the answer. The router asks directly until it has tunnels, and never later:
// some of its questions are on behalf of destinations.
func (ml *mail) sendQuery(p *party, q netdb.Query) bool {
	m := q.Message(ml.cfg.Hash)
	in, out := ml.paths.best(&p.in), ml.paths.best(&p.out)
	if in == nil || out == nil {
		return false
	}
	if p == ml.parties.self && (in.zeroHop() || out.zeroHop()) {
		// Still alone: nothing would be hidden by asking ourselves to ask.
		if ml.parties.isReady && (in == p.in.last || out == p.out.last) {
			return false
		}
		p.expected.ask(ml.now, q.Key, q.To.Hash(), way{peer: q.To.Hash()})
		ml.sendOr(q.To.Hash(), ml.message(i2np.DatabaseLookupType, m.AppendTo(nil)), func() {
			ml.perform(p, p.segment.QueryUnsent(ml.now, q))
		})
		return true
	}
	m.From, m.ReplyTunnel, m.ViaTunnel = in.gateway, in.gatewayID, true
	m.Encryption = i2np.ReplyECIES
	m.ReplyKey, m.ReplyTag = ml.newOneTime(in, q.To.Hash())
	p.expected.ask(ml.now, q.Key, q.To.Hash(), way{tunnel: in})
	sealed, err := ml.garlicTo(q.To, ml.message(i2np.DatabaseLookupType, m.AppendTo(nil)))
	if err != nil {
		ml.cfg.Log.Debug("query not sealed", "error", err)
		return false
	}
	ml.ends.enter(out, toRouter(q.To.Hash(), sealed))
	return true
}

// sendStore publishes an entry at a floodfill. A store of our own RouterInfo
// and its confirmation go directly, as it names us anyway: a tunnel of ours in
// it would be known for ours. What a destination publishes goes through its
// tunnels both ways, and so does what others have made.
func (ml *mail) sendStore(p *party, s netdb.Store) bool {
	floodfill := s.To.Hash()
	if p == ml.parties.self && !s.Foreign {
		s.Message.ReplyGateway, s.Message.ReplyTunnel = ml.cfg.Hash, 0
		p.expected.store(ml.now, s.Message.ReplyToken, way{peer: floodfill})
		ml.sendOr(floodfill, ml.message(i2np.DatabaseStoreType, s.Message.AppendTo(nil)), func() {
			ml.perform(p, p.segment.StoreUnsent(ml.now, s))
		})
		return true
	}
	in, out := ml.paths.best(&p.in), ml.paths.best(&p.out)
	if in == nil || out == nil || s.Foreign && !ml.parties.isReady {
		return false
	}
	s.Message.ReplyGateway, s.Message.ReplyTunnel = in.gateway, in.gatewayID
	p.expected.store(ml.now, s.Message.ReplyToken, way{tunnel: in})
	m := ml.message(i2np.DatabaseStoreType, s.Message.AppendTo(nil))
	sealed, err := ml.garlicTo(s.To, m)
	if err != nil {
		ml.cfg.Log.Debug("store not sealed", "error", err)
		return false
	}
	ml.ends.enter(out, toRouter(floodfill, sealed))
	return true
}

// store handles a DatabaseStore: the answer to a question, or over a session
// what a peer gives to the router.
func (ml *mail) store(p *party, w way, by i2p.Hash, m i2np.Message) {
	s, err := i2np.ParseDatabaseStore(m.Body)
	if err != nil {
		ml.counts.Malformed++
		return
	}
	var stored netdb.Stored
	var out netdb.Out
	switch {
	case p.expected.answers(ml.now, s.Key, w):
		stored, out = p.segment.HandleAnswer(ml.now, by, s)
	case w.tunnel == nil:
		if !ml.serves { // we know hardly anybody yet to pass it on to: whoever publishes it goes on to others
			s.ReplyToken = 0
		}
		if stored, out = p.segment.HandleStore(ml.now, ml.sender(w.peer), s); stored.Err != nil && ml.asking(s.Key) {
			ml.counts.Strayed++
		}
	default:
		ml.notTaken(ml.asking(s.Key))
		return
	}
	if stored.Err != nil {
		ml.cfg.Log.Debug("store refused", "owner", p.label, "error", stored.Err)
	}
	ml.perform(p, out)
	if stored.RouterInfo != nil {
		ml.learned(stored.RouterInfo.Hash())
	}
}

// learned sends what waited for a router.
func (ml *mail) learned(router i2p.Hash) {
	waiting := ml.unsent[router]
	if waiting == nil {
		return
	}
	delete(ml.unsent, router)
	for _, m := range waiting {
		ml.send(router, m)
	}
}

const (
	maxUnsentRouters  = 256
	maxUnsentMessages = 16
)

// wantRouter keeps a message for a router that we do not know, and looks the
// router up. It takes ownership of the message.
func (ml *mail) wantRouter(to i2p.Hash, m i2np.Message) {
	waiting, known := ml.unsent[to]
	if (!known && len(ml.unsent) >= maxUnsentRouters) || len(waiting) >= maxUnsentMessages {
		ml.counts.Unknown++
		m.Release()
		return
	}
	ml.unsent[to] = append(waiting, m)
	if known {
		return
	}
	ml.lookup(ml.parties.self, to, i2np.LookupRouterInfo, func(res netdb.Result) {
		if res.RouterInfo == nil {
			release(ml.unsent[to])
			delete(ml.unsent, to)
			return
		}
		ml.learned(to)
	})
}

// lookup starts a lookup in the loop; done is called in the loop.
func (ml *mail) lookup(p *party, key i2p.Hash, kind i2np.LookupKind, done func(netdb.Result)) netdb.LookupID {
	id, out := p.segment.LookUp(ml.now, key, kind)
	ml.await(p, id, out, done)
	return id
}

// searchReply handles a DatabaseSearchReply, which says who sends it: where that is known by more than its word,
// it must be the same.
func (ml *mail) searchReply(p *party, w way, by i2p.Hash, m i2np.Message) {
	s, err := i2np.ParseDatabaseSearchReply(m.Body)
	if err != nil {
		ml.counts.Malformed++
		return
	}
	if !p.expected.names(ml.now, s.Key, s.From, w) || !by.IsZero() && by != s.From {
		ml.notTaken(ml.asking(s.Key))
		return
	}
	ml.perform(p, p.segment.HandleSearchReply(ml.now, s))
}

// confirmed takes a DeliveryStatus that may confirm a store of a party's, and
// reports false where it does not.
func (ml *mail) confirmed(p *party, w way, id uint32) bool {
	if !p.expected.confirms(ml.now, id, w) {
		return false
	}
	ml.perform(p, p.segment.HandleDeliveryStatus(ml.now, id))
	return true
}

// databaseLookup answers a peer's question, encrypted as it asks for.
func (ml *mail) databaseLookup(from i2p.Hash, m i2np.Message) {
	l, err := i2np.ParseDatabaseLookup(m.Body)
	if err != nil {
		ml.counts.Malformed++
		return
	}
	reply := ml.parties.self.segment.HandleLookup(ml.now, from, l)
	if reply == nil {
		return
	}
	body := reply.AppendTo(nil)
	if l.Encryption != i2np.ReplyECIES {
		ml.answer(reply.To, reply.Tunnel, reply.Type(), body)
		return
	}
	sealed, err := ratchet.SealTagged(ml.rand, l.ReplyKey, l.ReplyTag,
		[]i2np.Clove{{Message: ml.message(reply.Type(), body)}})
	if err != nil {
		ml.cfg.Log.Debug("reply not sealed", "error", err)
		return
	}
	ml.answer(reply.To, reply.Tunnel, i2np.GarlicType, i2np.AppendGarlic(nil, sealed))
}

// answer sends a message to a router, or into its tunnel where one is named. A
// router that we do not know and that has no session any more, or had none, is not
// looked up for it: the question may name anybody.
func (ml *mail) answer(to i2p.Hash, tunnel uint32, t i2np.Type, body []byte) {
	m := ml.message(t, body)
	switch {
	case tunnel != 0:
		ml.toTunnel(to, tunnel, m)
	case to == ml.cfg.Hash || ml.cfg.Transport.Connected(to) || ml.db.Router(to) != nil:
		ml.send(to, m)
	default:
		ml.counts.Unknown++
	}
}

// sender is a peer that sent a message, as far as it is known.
func (ml *mail) sender(peer i2p.Hash) netdb.Sender {
	s := ml.senders[peer]
	s.Peer = peer
	return s
}

// learn takes a RouterInfo that nobody sent.
func (ml *mail) learn(ri *routerinfo.RouterInfo, src netdb.Source) {
	stored, out := ml.parties.self.segment.HandleRouterInfo(ml.now, src, ri)
	ml.learnt(ri, stored, out)
}

// greeted takes a RouterInfo that a router sent of itself over a session.
func (ml *mail) greeted(by netdb.Sender, ri *routerinfo.RouterInfo, flood bool) {
	stored, out := ml.parties.self.segment.HandleGreeting(ml.now, by, ri, flood)
	ml.learnt(ri, stored, out)
}

func (ml *mail) learnt(ri *routerinfo.RouterInfo, stored netdb.Stored, out netdb.Out) {
	if stored.Err != nil {
		ml.cfg.Log.Debug("RouterInfo refused", "error", stored.Err)
	}
	ml.perform(ml.parties.self, out)
	if stored.Change != netdb.Unchanged {
		ml.learned(ri.Hash())
	}
}

// publishInfo makes our RouterInfo anew and publishes it.
func (ml *mail) publishInfo() {
	own := ml.parties.self.segment
	if ri := ml.cfg.Info(ml.cfg.DB.Len(), own.Stats().LeaseSets); ri != nil {
		ml.perform(ml.parties.self, own.PublishRouterInfo(ml.now, ri))
	}
}
