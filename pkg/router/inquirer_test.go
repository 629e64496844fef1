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
		Deliver: func(_ uint32, m i2np.Message) { m.Release() }, Published: func() { a.published++ },
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

// lookupRouter looks a router up for a party.
func (a *inquirer) lookupRouter(p *party, router i2p.Hash) {
	a.t.Helper()
	a.ask(func() { a.r.mail.lookup(p, router, i2np.LookupRouterInfo, func(netdb.Result) {}) })
	if len(p.expected.asked[router]) == 0 {
		a.t.Fatal("nothing was asked")
	}
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

// throughHops waits for what comes through an inbound tunnel with hops.
func (a *inquirer) throughHops(t i2np.Type) (w way, found i2np.Message) {
	a.t.Helper()
	for found.Body == nil {
		m := a.reply(i2np.TunnelDataType)
		data, err := i2np.ParseTunnelData(m.Body)
		if err != nil {
			a.t.Fatal(err)
		}
		w = way{tunnel: a.r.ends.inbound[data.Tunnel]}
		for _, m := range a.r.ends.handle(w.tunnel, m.Own()) {
			if m.Type == t {
				found = m
				found.Body, found.Owner = append([]byte(nil), m.Body...), nil
			}
			m.Release()
		}
	}
	return w, found
}

// built makes the reply to a destination's build through one hop.
func (a *inquirer) built(inbound bool) (awaitedAnswer, *Tunnels) {
	if inbound {
		t := a.open(Shape{Hops: 1, Quantity: 1}, Shape{Quantity: 1})
		m := a.reply(i2np.ShortTunnelBuildType)
		return awaitedAnswer{m, way{peer: a.other.Hash()}, func() bool { return len(t.p.in.tunnels()) == 1 }}, t
	}
	t := a.open(Shape{Quantity: 2}, Shape{Hops: 1, Quantity: 1})
	w, m := a.throughHops(i2np.OutboundTunnelBuildReplyType)
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
