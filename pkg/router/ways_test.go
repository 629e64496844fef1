package router

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

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
// once its own lookup has ended, through its own tunnels, and not because somebody
// told the router of it to see whether a destination of it is asking. Nor does the
// router learn of it by what the destination was told.
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
		asked := a.dest.p.expected.asked[marker.Hash()]
		if len(asked) != 1 || asked[0].way.tunnel == nil || asked[0].way.tunnel.party != a.dest.p {
			t.Fatalf("told before %v: the router was looked up %d times, or not through a tunnel of the destination", early, len(asked))
		}
		if n := len(a.r.parties.self.expected.asked[marker.Hash()]); n != 0 {
			t.Errorf("told before %v: the router itself looked it up %d times", early, n)
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
	a := newInquirer(t, false)
	a.add(2, func(_ int, _ *Config, db *netdb.Config) { db.Floodfill = true })
	marker := a.infos[2]
	a.lookupRouter(a.dest.p, marker.Hash())
	store := i2np.DatabaseStore{Key: marker.Hash(), Data: i2np.CompressRouterInfo(marker.Bytes())}
	a.deliver(a.dest.p.expected.asked[marker.Hash()][0].way, a.message(i2np.DatabaseStoreType, 5, store.AppendTo(nil)))
	if a.r.db.Has(marker.Hash()) {
		t.Error("the router knows whom its destination was told of")
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
	for _, d := range []*direction{&d.p.in, &d.p.out, &a.dest.p.in, &a.dest.p.out} { // the last two have tunnels without hops
		if c := a.r.paths.carrier(d); c != nil {
			t.Error("a destination's build has a carrier without hops")
		}
	}
	a.r.parties.isReady = true // and it has lost what it had
	a.ask(func() { a.r.mail.lookup(d.p, stranger(70), i2np.LookupRouterInfo, func(netdb.Result) {}) })
	for _, p := range a.sent {
		if p.msg.Type == i2np.DatabaseLookupType {
			t.Error("a question of a destination left from the router")
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

// TestAnswersAreCredited: the key that an answer is sealed with tells who gave it, whatever others were asked
// meanwhile, and a floodfill that names another as the sender of its search reply is not heard.
func TestAnswersAreCredited(t *testing.T) {
	a := newInquirer(t, false)
	var got netdb.Result
	set := a.leaseSet()
	a.lookup(a.dest.p, set.Hash(), func(r netdb.Result) { got = r })
	e := &a.dest.p.expected
	other := e.asked[set.Hash()][0]
	other.floodfill = stranger(7)
	e.asked[set.Hash()] = append(e.asked[set.Hash()], other) // as if it was asked, too
	lie := a.message(i2np.DatabaseSearchReplyType, 5, i2np.DatabaseSearchReply{Key: set.Hash(), From: other.floodfill}.AppendTo(nil))
	before := a.r.counts.Strayed
	a.deliver(other.way, a.seal(a.dest.p, i2np.Clove{Message: lie}))
	if a.r.counts.Strayed != before+1 {
		t.Error("a floodfill speaks for another")
	}
	set = a.leaseSet()
	w := a.lookup(a.dest.p, set.Hash(), func(r netdb.Result) { got = r })
	a.deliver(w, a.seal(a.dest.p, i2np.Clove{Message: a.message(i2np.DatabaseStoreType, 5, storeOf(set))}))
	if got.LeaseSet == nil || len(got.Trace) != 1 || got.Trace[0].Answer != netdb.Gave || got.Trace[0].Floodfill != a.other.Hash() {
		t.Errorf("%+v", got)
	}
}
