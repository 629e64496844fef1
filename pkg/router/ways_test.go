package router

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
)

// inquirer is a router that asks in all the ways that it has, and a floodfill
// that also is a hop. What they send each other a test holds up and looks at.
type inquirer struct {
	*mesh
	r         *Router
	other     *routerinfo.RouterInfo // the floodfill
	dest      *Tunnels               // two tunnels without hops each way
	second    *Tunnels               // another destination
	published int
	tags      map[[8]byte]oneTime // before the question
	letOut    bool
	sent      []parcel
}

// newInquirer makes a router with exploratory tunnels, or one that is still alone.
func newInquirer(t *testing.T, alone bool) *inquirer {
	hops := 1
	if alone {
		hops = 2 // of which there are not enough
	}
	a := &inquirer{mesh: newMesh(t, 2, func(i int, c *Config, db *netdb.Config) {
		db.Floodfill = i == 1
		c.Inbound, c.Outbound = Shape{Hops: hops, Quantity: 1}, Shape{Hops: hops, Quantity: 1}
	})}
	a.r, a.other = a.routers[0], a.infos[1]
	a.dest = a.open(Shape{Quantity: 2}, Shape{Quantity: 2})
	a.second = a.open(Shape{Quantity: 1}, Shape{Quantity: 1})
	a.run(10*time.Second, nil)
	if len(a.dest.p.in.tunnels()) != 2 || len(a.second.p.in.tunnels()) != 1 || a.r.parties.isReady == alone {
		t.Fatalf("the destinations have %d and %d tunnels, the router is ready: %v", len(a.dest.p.in.tunnels()), len(a.second.p.in.tunnels()), a.r.parties.isReady)
	}
	a.drop = func(from, to i2p.Hash, m i2np.Message) bool {
		if a.letOut && from == a.r.cfg.Hash {
			return false
		}
		m.Body, m.Owner = append([]byte(nil), m.Body...), nil
		a.sent = append(a.sent, parcel{from, to, m})
		return true
	}
	return a
}

func (a *inquirer) open(in, out Shape) *Tunnels {
	return a.r.OpenTunnels(TunnelsConfig{
		Inbound: in, Outbound: out,
		Deliver: func(m i2np.Message) { m.Release() }, Published: func() { a.published++ },
	})
}

// deliver has a message come in some way.
func (a *inquirer) deliver(w way, m i2np.Message) {
	switch {
	case w.tunnel == nil:
		a.r.Deliver(w.peer, m.Own())
	case w.tunnel.zeroHop():
		body := i2np.AppendTunnelGateway(nil, w.tunnel.gatewayID, m)
		a.r.Deliver(stranger(9), a.message(i2np.TunnelGatewayType, 77, body).Own())
	default: // what the gateway and the hops do is not ours
		a.r.in.Call(func() { a.r.handleInbound(w.tunnel, m.Own()) })
	}
	a.step()
}

// ask has the router ask something.
func (a *inquirer) ask(f func()) {
	a.run(time.Second, nil) // what it asks by itself is over
	a.tags = make(map[[8]byte]oneTime)
	for _, p := range a.r.parties.list {
		for tag, k := range p.expected.tags {
			a.tags[tag] = k
		}
	}
	a.sent = nil
	a.r.in.Call(f)
	a.step()
}

// seal seals an answer as the last question asked for.
func (a *inquirer) seal(p *party, cloves ...i2np.Clove) i2np.Message {
	a.t.Helper()
	for tag, k := range p.expected.tags {
		if _, before := a.tags[tag]; before {
			continue
		}
		body, err := ratchet.SealTagged(a.rand, k.key, tag, cloves)
		if err != nil {
			a.t.Fatal(err)
		}
		return a.message(i2np.GarlicType, 6, i2np.AppendGarlic(nil, body))
	}
	a.t.Fatal("no one-time key was given away")
	return i2np.Message{}
}

// awaitedAnswer is an answer that a router waits for, and the way in which it is to come.
type awaitedAnswer struct {
	answer i2np.Message
	way    way
	taken  func() bool
}

func (a *inquirer) lookup(p *party, key i2p.Hash, done func(netdb.Result)) way {
	a.t.Helper()
	a.ask(func() { a.r.mail.lookup(p, key, i2np.LookupLeaseSet, done) })
	if len(p.expected.asked[key]) == 0 {
		a.t.Fatal("nothing was asked")
	}
	return p.expected.asked[key][0].way
}

// answered makes the answer to what a party asks: an entry, or that there is none.
func (a *inquirer) answered(p *party, sealed, entry bool) awaitedAnswer {
	taken := false
	set := a.leaseSet()
	w := a.lookup(p, set.Hash(), func(r netdb.Result) {
		taken = r.LeaseSet != nil || !entry && r.Trace[0].Answer == netdb.Named
	})
	m := a.message(i2np.DatabaseSearchReplyType, 5, i2np.DatabaseSearchReply{Key: set.Hash(), From: a.other.Hash()}.AppendTo(nil))
	if entry {
		m = a.message(i2np.DatabaseStoreType, 5, storeOf(set))
	}
	if sealed {
		m = a.seal(p, i2np.Clove{Message: m})
	}
	return awaitedAnswer{m, w, func() bool { a.run(3*time.Second, nil); return taken }}
}

func storeOf(set leaseset.Record) []byte {
	return i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}.AppendTo(nil)
}

// confirmed makes the confirmation of what a destination publishes.
func (a *inquirer) confirmed() awaitedAnswer {
	a.ask(func() { a.r.mail.perform(a.dest.p, a.dest.p.segment.PublishLeaseSet(a.r.now, a.leaseSet())) })
	for token, q := range a.dest.p.expected.stores {
		return awaitedAnswer{
			a.message(i2np.DeliveryStatusType, 3, i2np.DeliveryStatus{MessageID: token, Timestamp: i2p.DateOf(a.now)}.AppendTo(nil)),
			q.way, func() bool { return a.published > 0 },
		}
	}
	a.t.Fatal("nothing was stored")
	return awaitedAnswer{}
}

// reply waits for what the other router sends to an inbound tunnel of ours, or
// for one that it becomes.
func (a *inquirer) reply(t i2np.Type) i2np.Message {
	a.t.Helper()
	a.sent, a.letOut = nil, true
	defer func() { a.letOut = false }()
	for range 100 * int(time.Second/meshStep) {
		a.step()
		for _, p := range a.sent {
			if p.from == a.other.Hash() && p.to == a.r.cfg.Hash && p.msg.Type == t {
				return p.msg
			}
		}
	}
	a.t.Fatal("nothing came")
	return i2np.Message{}
}

// throughGateway waits for what comes through an inbound tunnel without hops.
func (a *inquirer) throughGateway() (way, i2np.Message) {
	a.t.Helper()
	g, err := i2np.ParseTunnelGateway(a.reply(i2np.TunnelGatewayType).Body)
	if err != nil {
		a.t.Fatal(err)
	}
	m, _, err := i2np.ParseStandard(g.Message)
	if err != nil {
		a.t.Fatal(err)
	}
	return way{tunnel: a.r.ends.inbound[g.Tunnel]}, m
}

// built makes the reply to a destination's build through one hop.
func (a *inquirer) built(inbound bool) (awaitedAnswer, *Tunnels) {
	if inbound {
		t := a.open(Shape{Hops: 1, Quantity: 1}, Shape{Quantity: 1})
		m := a.reply(i2np.ShortTunnelBuildType)
		return awaitedAnswer{m, way{peer: a.other.Hash()}, func() bool { return len(t.p.in.tunnels()) == 1 }}, t
	}
	t := a.open(Shape{Quantity: 2}, Shape{Hops: 1, Quantity: 1})
	w, m := a.throughGateway()
	return awaitedAnswer{m, w, func() bool { return len(t.p.out.tunnels()) == 1 }}, t
}

// tested makes what comes back of a destination's tunnel test, sealed as it is
// or opened.
func (a *inquirer) tested(sealed bool) awaitedAnswer {
	reply, t := a.built(false)
	a.deliver(reply.way, reply.answer)
	before := a.r.counts.TestsOK
	w, m := a.throughGateway()
	if len(a.r.pools.tests.sent) == 0 {
		a.t.Fatal("no test is under way")
	}
	if !sealed {
		tag, body, _ := garlicTag(m)
		opened, err := ratchet.OpenTagged(t.p.expected.tags[tag].key, body)
		if err != nil {
			a.t.Fatal(err)
		}
		m = opened.Cloves[0].Message
	}
	return awaitedAnswer{m, w, func() bool { return a.r.counts.TestsOK > before }}
}

// TestAnswersComeAsAsked: every answer is taken in the way that its question
// named and in no other; what comes otherwise is counted.
func TestAnswersComeAsAsked(t *testing.T) {
	type question func(*inquirer) awaitedAnswer
	dest := func(sealed, entry bool) question {
		return func(a *inquirer) awaitedAnswer { return a.answered(a.dest.p, sealed, entry) }
	}
	own := func(sealed, entry bool) question {
		return func(a *inquirer) awaitedAnswer { return a.answered(a.r.parties.self, sealed, entry) }
	}
	for name, c := range map[string]struct {
		alone bool
		ask   question
	}{
		"sealed entry":                      {false, dest(true, true)},
		"entry":                             {false, dest(false, true)},
		"sealed search reply":               {false, dest(true, false)},
		"search reply":                      {false, dest(false, false)},
		"the router's sealed entry":         {false, own(true, true)},
		"the router's entry":                {false, own(false, true)},
		"the router's sealed search reply":  {false, own(true, false)},
		"the router's search reply":         {false, own(false, false)},
		"entry asked for directly":          {true, own(false, true)},
		"search reply asked for directly":   {true, own(false, false)},
		"confirmation of a store":           {false, (*inquirer).confirmed},
		"tunnel test":                       {false, func(a *inquirer) awaitedAnswer { return a.tested(true) }},
		"status of a tunnel test":           {false, func(a *inquirer) awaitedAnswer { return a.tested(false) }},
		"build reply of an outbound tunnel": {false, func(a *inquirer) awaitedAnswer { w, _ := a.built(false); return w }},
		"build reply of an inbound tunnel":  {false, func(a *inquirer) awaitedAnswer { w, _ := a.built(true); return w }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newInquirer(t, c.alone)
			want := c.ask(a)
			wrong := []way{{peer: a.other.Hash()}, {peer: stranger(8)}}
			for _, t := range a.r.ends.inbound {
				wrong = append(wrong, way{tunnel: t})
			}
			for _, w := range wrong {
				if w == want.way {
					continue
				}
				before := a.r.counts.Strayed
				a.deliver(w, want.answer)
				if a.r.counts.Strayed != before+1 {
					t.Errorf("through %+v: %d strays were counted", w, a.r.counts.Strayed-before)
				}
			}
			if want.taken() {
				t.Error("an answer was taken that came in another way than was asked for")
			}
			a.deliver(want.way, want.answer)
			if !want.taken() {
				t.Error("the answer was not taken in the way that was asked for")
			}
		})
	}
}

// lookupOf is a question for the router's own RouterInfo, to be answered directly.
func (a *inquirer) lookupOf(from i2p.Hash) i2np.Message {
	return a.message(i2np.DatabaseLookupType, 5, a.lookupFrom(from, a.r.cfg.Hash, i2np.LookupRouterInfo))
}

// sealedForRouter is garlic for the router's identity.
func (a *inquirer) sealedForRouter(c i2np.Clove) i2np.Message {
	static, _ := a.infos[0].EncryptionKey()
	body, err := ratchet.SealToRouter(a.rand, a.now, static, []i2np.Clove{c})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.message(i2np.GarlicType, 6, i2np.AppendGarlic(nil, body))
}

func (a *inquirer) sentTo(to i2p.Hash) (n int) {
	for _, p := range a.sent {
		if p.to == to {
			n++
		}
	}
	return n
}

// TestTunnelsDoNotAnswer: who knows a tunnel, or was asked through it, cannot
// have the router whose it is act under its own name.
func TestTunnelsDoNotAnswer(t *testing.T) {
	a := newInquirer(t, false)
	tunnel := a.r.parties.self.in.tunnels()[0]
	asker := stranger(1)
	forward := i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverRouter, To: asker},
		Message:  a.message(i2np.DeliveryStatusType, 4, i2np.DeliveryStatus{MessageID: 1}.AppendTo(nil)),
	}
	into := forward
	into.Delivery.Kind, into.Delivery.Tunnel = i2np.DeliverTunnel, 5
	question := i2np.Clove{Message: a.lookupOf(asker)}
	key := 50
	for name, c := range map[string]i2np.Clove{"a question": question, "a message for a router": forward, "for a tunnel": into} {
		a.sent = nil
		for _, w := range []way{{tunnel: tunnel}, {tunnel: a.r.parties.self.in.last}, {tunnel: a.dest.p.in.tunnels()[0]}} {
			a.deliver(w, a.sealedForRouter(c))
			a.deliver(w, c.Message)
		}
		answers := a.sentTo(asker)
		for _, p := range []*party{a.r.parties.self, a.dest.p} {
			key++
			w := a.lookup(p, stranger(key), func(netdb.Result) {})
			a.deliver(w, a.seal(p, c))
			answers += a.sentTo(asker)
		}
		if answers != 0 {
			t.Errorf("%s that came through a tunnel had %d answers", name, answers)
		}
		a.sent = nil
		if a.deliver(way{peer: stranger(2)}, a.sealedForRouter(c)); a.sentTo(asker) != 1 {
			t.Errorf("%s that came over a session had %d answers", name, a.sentTo(asker))
		}
	}
}

// TestUnaskedRouterInfo: a destination asks a router that was named to it alone
// when the router's own lookup has ended, and not because somebody told the
// router of it to see whether a destination of it is asking.
func TestUnaskedRouterInfo(t *testing.T) {
	for _, early := range []bool{false, true} {
		a := newInquirer(t, false)
		a.add(2, func(_ int, _ *Config, db *netdb.Config) { db.Floodfill = true })
		marker := a.infos[2]
		store := i2np.DatabaseStore{Key: marker.Hash(), Data: i2np.CompressRouterInfo(marker.Bytes())}
		answer := a.message(i2np.DatabaseStoreType, 5, store.AppendTo(nil))
		if early {
			a.deliver(way{peer: a.other.Hash()}, answer)
		}
		key := stranger(60)
		w := a.lookup(a.dest.p, key, func(netdb.Result) {})
		named := i2np.DatabaseSearchReply{Key: key, From: a.other.Hash(), Peers: []i2p.Hash{marker.Hash()}}
		a.deliver(w, a.message(i2np.DatabaseSearchReplyType, 5, named.AppendTo(nil)))
		asked := a.r.parties.self.expected.asked[marker.Hash()]
		if len(asked) != 1 || asked[0].way.tunnel == nil || asked[0].way.tunnel.zeroHop() {
			t.Fatalf("told before %v: the router was looked up %d times, or not through a tunnel", early, len(asked))
		}
		a.deliver(way{peer: a.other.Hash()}, answer)
		a.r.Knowledge().Learn(marker, netdb.FromSession)
		a.step()
		if n := a.sentTo(marker.Hash()); n != 0 || !a.r.db.Has(marker.Hash()) {
			t.Errorf("told before %v: the destination asked it %d times", early, n)
		}
		if a.deliver(asked[0].way, answer); a.sentTo(marker.Hash()) != 1 {
			t.Errorf("told before %v: when the lookup had ended, it was asked %d times", early, a.sentTo(marker.Hash()))
		}
	}
}

// TestOwnInfoNamesNoTunnel: what a router publishes under its name is confirmed
// to it by name; a tunnel of its own in it would be known for its own.
func TestOwnInfoNamesNoTunnel(t *testing.T) {
	a := newInquirer(t, false)
	var confirmed []string
	a.r.cfg.Event = func(e Event) { confirmed = append(confirmed, e.Kind) }
	a.ask(a.r.mail.publishInfo)
	var store i2np.DatabaseStore
	for _, p := range a.sent {
		if p.to == a.other.Hash() && p.msg.Type == i2np.DatabaseStoreType {
			var err error
			if store, err = i2np.ParseDatabaseStore(p.msg.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if store.Key != a.r.cfg.Hash || store.ReplyTunnel != 0 || store.ReplyGateway != a.r.cfg.Hash {
		t.Fatalf("published %v, confirmed to tunnel %d at %v", store.Key, store.ReplyTunnel, store.ReplyGateway)
	}
	status := a.message(i2np.DeliveryStatusType, 3, i2np.DeliveryStatus{MessageID: store.ReplyToken, Timestamp: i2p.DateOf(a.now)}.AppendTo(nil))
	for _, w := range []way{{peer: stranger(3)}, {tunnel: a.r.parties.self.in.tunnels()[0]}, {tunnel: a.r.parties.self.in.last}} {
		if a.deliver(w, status); len(confirmed) != 0 {
			t.Errorf("confirmed by %+v", w)
		}
	}
	if a.deliver(way{peer: a.other.Hash()}, status); len(confirmed) != 1 || confirmed[0] != "published" {
		t.Errorf("not confirmed by the floodfill: %q", confirmed)
	}
}

// TestDestinationsAskThroughTunnels: neither a destination's builds nor what is
// looked up for it leave straight from a router that has no tunnels, be it that
// it never had, or that it has lost them.
func TestDestinationsAskThroughTunnels(t *testing.T) {
	a := newInquirer(t, true)
	a.ask(func() {})
	d := a.open(Shape{Hops: 1, Quantity: 1}, Shape{Hops: 1, Quantity: 1})
	a.run(20*time.Second, nil)
	for _, p := range a.sent {
		if p.msg.Type == i2np.ShortTunnelBuildType || p.msg.Type == i2np.GarlicType {
			t.Errorf("%v left from a router without tunnels", p.msg.Type)
		}
	}
	for _, d := range []*direction{&d.p.in, &d.p.out} {
		if c := a.r.paths.carrier(d); c != nil {
			t.Error("a destination's build has a carrier without hops")
		}
	}
	a.r.parties.isReady = true // and it has lost what it had
	a.ask(func() { a.r.mail.fetch(d.p, netdb.Need{Router: stranger(70), From: a.other.Hash()}) })
	for _, p := range a.sent {
		if p.msg.Type == i2np.DatabaseLookupType {
			t.Error("a question on behalf of a destination left from the router")
		}
	}
}

// TestManyQuestions: of more questions for one key than are kept, the last ones can be answered.
func TestManyQuestions(t *testing.T) {
	e, now, key := newExpected(), meshStart, i2p.HashOf([]byte("key"))
	floodfill := func(n int) i2p.Hash { return i2p.HashOf([]byte{byte(n)}) }
	for n := range maxAsked + 10 {
		e.ask(now, key, floodfill(n), way{peer: floodfill(n)})
	}
	if n := len(e.asked[key]); n != maxAsked {
		t.Errorf("%d are kept", n)
	}
	for n := range maxAsked + 10 {
		if open := e.names(now, key, floodfill(n), way{peer: floodfill(n)}); open != (n >= 10) {
			t.Errorf("question %d: open is %v", n, open)
		}
	}
}
