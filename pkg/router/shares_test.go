package router

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/tunnel"
)

// from has a stranger come from an address.
func (m *mesh) from(n int, addr string) i2p.Hash {
	h := stranger(n)
	m.routers[0].senders[h] = netdb.Sender{Peer: h, Host: origin.HostOf(netip.MustParseAddr(addr))}
	return h
}

// asks has a stranger ask router 0 for a tunnel, and tells whether it has it.
func (m *mesh) asks(who i2p.Hash) bool {
	before := m.routers[0].transit.held(who)
	m.routers[0].Deliver(who, m.buildRequest(0, who))
	m.step()
	return m.routers[0].transit.held(who) > before
}

// newcomers are routers of other networks that ask for a tunnel now and then.
type newcomers struct {
	m          *mesh
	first      int // number of theirs
	asked, got int
	who        []i2p.Hash
}

func (n *newcomers) ask() {
	n.asked++
	who := n.m.from(n.first+n.asked, fmt.Sprintf("%d.%d.0.9", 40+n.asked%40, n.asked%200))
	n.who = append(n.who, who)
	if n.m.asks(who) {
		n.got++
	}
}

// kept is how many of their tunnels still stand.
func (n *newcomers) kept() (kept int) {
	for _, who := range n.who {
		kept += n.m.routers[0].transit.held(who)
	}
	return kept
}

// TestTransitHoard: sixteen identities of one host, or many hosts, ask for 400
// tunnels a second. They get much of what there is, for nobody else wants
// it; but whoever comes then gets in, and keeps what it has, and our own tunnels
// are built. We are not taken for congested, for only those are refused who have
// much.
func TestTransitHoard(t *testing.T) {
	const limit, seconds, perStep = 240, 8, 8 // 400 a second
	for name, addr := range map[string]func(i int) string{
		"one host": func(int) string { return "23.1.2.3" },
		"63 hosts": func(i int) string { return fmt.Sprintf("23.%d.2.3", i) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, 6, func(_ int, c *Config, _ *netdb.Config) { c.Limits.TransitTunnels = limit })
			m.run(10*time.Second, nil)
			r := m.routers[0]
			var hosts []i2p.Hash
			for i := range 63 {
				hosts = append(hosts, m.from(i, addr(i)))
			}
			during, after := &newcomers{m: m, first: 1e6}, &newcomers{m: m, first: 2e6}
			asked, steps := 0, 0
			var party *Tunnels
			flood := func() {
				for range perStep {
					who := hosts[asked%len(hosts)]
					r.Deliver(who, m.buildRequest(0, who))
					asked++
				}
				if steps++; steps == 2*50 {
					party = r.OpenTunnels(TunnelsConfig{Name: "p", Inbound: Shape{2, 0, 2}, Outbound: Shape{2, 0, 2}})
				}
			}
			m.run(seconds*time.Second, func() {
				flood()
				if steps%10 == 0 {
					during.ask()
				}
			})
			hoard := 0
			for _, h := range hosts {
				hoard += r.transit.held(h)
			}
			for range limit / 4 {
				flood()
				after.ask()
			}
			load := r.transit.takeLoad()
			t.Logf("of %d tunnels that they asked for they had %d of %d in the end; of newcomers %d of %d got one meanwhile, %d of %d then, and %d keep theirs; %d gave way; our own: %d in, %d out; of those who hold little %d of %d were refused",
				asked, hoard, limit, during.got, during.asked, after.got, after.asked, during.kept()+after.kept(), r.counts.TransitGaveWay,
				len(party.p.in.tunnels()), len(party.p.out.tunnels()), load.refused, load.asked)
			if during.got != during.asked || after.got != after.asked || during.kept() != during.asked || after.kept() != after.asked {
				t.Error("newcomers are refused, or pushed out")
			}
			if name == "one host" && hoard > limit*3/4 || len(r.transit.hops) > limit {
				t.Errorf("no room was kept: %d of %d", len(r.transit.hops), limit)
			}
			if len(party.p.in.tunnels()) != 2 || len(party.p.out.tunnels()) != 2 {
				t.Error("our own tunnels are not built")
			}
			if load.refused*2 >= load.asked {
				t.Error("we would be taken for congested")
			}
		})
	}
}

// TestTransitLoad: where those who hold little are refused, it is told.
func TestTransitLoad(t *testing.T) {
	m := newMesh(t, 1, func(_ int, c *Config, _ *netdb.Config) { c.Limits = Limits{TransitTunnels: 100, BuildsPerSec: 1e4} })
	for i := range 150 {
		m.asks(m.from(i, fmt.Sprintf("%d.%d.0.1", 30+i%50, i)))
	}
	if l := m.routers[0].transit.takeLoad(); l != (transitLoad{150, 50}) {
		t.Errorf("of %d who ask for little %d are refused, expected 50 of 150", l.asked, l.refused)
	}
	if l := m.routers[0].transit.takeLoad(); l != (transitLoad{}) {
		t.Errorf("%+v is told twice", l)
	}
}

// TestBuildsOfMany: twenty hosts ask a thousand times a second each. Who asks now
// and then is served.
func TestBuildsOfMany(t *testing.T) {
	for name, addr := range map[string]string{"networks": "23.%d.2.3", "one /24": "23.1.2.%d", "one /48": "2a01:4f8:1:%x::1"} {
		m := newMesh(t, 1, nil)
		r := m.routers[0]
		var hosts []i2p.Hash
		for i := range 20 {
			hosts = append(hosts, m.from(i, fmt.Sprintf(addr, i)))
		}
		n := &newcomers{m: m, first: 1e6}
		before := time.Now()
		build := m.buildRequest(0, hosts[0]) // what it is does not matter: only what is served is opened
		asked, steps, spent := 0, 0, time.Duration(0)
		m.run(10*time.Second, func() {
			for range 20 * 20 {
				r.Deliver(hosts[asked%20], build.Own())
				asked++
			}
			if steps++; steps%10 == 0 {
				n.ask()
			}
		})
		spent = time.Since(before)
		build.Release()
		t.Logf("%s: of %d requests %d were dropped unopened; %d of %d newcomers got their tunnel; that took %v of real time", name, asked, r.counts.BuildsLimited, n.got, n.asked, spent.Round(time.Millisecond))
		if n.got != n.asked {
			t.Errorf("%s: newcomers are refused", name)
		}
		if served := asked - int(r.counts.BuildsLimited); served > 12*200 {
			t.Errorf("%s: %d were opened", name, served)
		}
	}
}

// TestShares: who holds the most gives way, unused tunnels first, and those that
// carry weigh little. A neighbour that is alone has
// three quarters of all that there is.
func TestShares(t *testing.T) {
	m := newMesh(t, 1, func(_ int, c *Config, _ *netdb.Config) { c.Limits = Limits{TransitTunnels: 40, BuildsPerSec: 1e4} })
	r := m.routers[0]
	many := func(who i2p.Hash, n int) (got int) {
		for range n {
			if m.asks(who) {
				got++
			}
		}
		return got
	}
	use := func(who i2p.Hash, n int) {
		for _, h := range r.transit.shares.list {
			if h.from == who && n > 0 {
				h.messages, h.used = 1, m.now
				n--
			}
		}
		r.transit.shares.looked = time.Time{}
		r.transit.shares.look(m.now)
	}
	alone := m.from(1, "23.1.0.1")
	if got := many(alone, 50); got != 30 { // all but the last quarter, which is for those who come
		t.Errorf("one that is alone has %d of 40", got)
	}
	use(alone, 10)
	if got, want := r.transit.shares.crowd.Held(r.source(alone).Host()), 20*idleWeight+10*livelyWeight; got != want {
		t.Errorf("its tunnels weigh %d, expected %d", got, want)
	}
	if got := many(m.from(2, "23.2.0.1"), 20); got < 10 {
		t.Errorf("another gets %d", got)
	}
	if l := r.transit.shares.list; len(l) > 40 {
		t.Errorf("%d tunnels of 40", len(l))
	}
	lively := 0
	for _, h := range r.transit.shares.list {
		if h.lively(m.now) {
			lively++
		}
	}
	if lively != 10 {
		t.Errorf("%d of 10 that carry something are left", lively)
	}
	for i := range 25 {
		if !m.asks(m.from(10+i, fmt.Sprintf("%d.0.0.1", 30+i))) {
			t.Errorf("newcomer %d is refused", i)
		}
	}
	m.now = m.now.Add(tunnel.Lifetime + transitGrace)
	m.step()
	if len(r.transit.hops)+len(r.transit.shares.list)+r.transit.shares.crowd.Len() != 0 {
		t.Errorf("%d tunnels have outlived their time", len(r.transit.hops))
	}
}

// TestCarries: the routers next to us in tunnels that carry something are told.
func TestCarries(t *testing.T) {
	m := newMesh(t, 1, nil)
	r := m.routers[0]
	busy, idle := stranger(1), stranger(2)
	for _, who := range []i2p.Hash{busy, idle} {
		if !m.asks(who) {
			t.Fatal("refused")
		}
	}
	for id, h := range r.transit.hops {
		if h.from == busy {
			body := append(i2np.TunnelData{Tunnel: id}.AppendTo(nil)[:4], make([]byte, i2np.TunnelDataLen-4)...)
			m.rand.Read(body[4:])
			r.Deliver(busy, m.message(i2np.TunnelDataType, 1, body).Own())
		}
	}
	m.run(lookEvery+time.Second, nil)
	if p := r.Peers(); !p.Carries(busy) || p.Carries(idle) {
		t.Errorf("carries %v and %v", p.Carries(busy), p.Carries(idle))
	}
	m.run(idleAfter+lookEvery, nil)
	if r.Peers().Carries(busy) {
		t.Error("for ever")
	}
}

// TestSources: who has no session any more shares what there is with all others of
// these, and peers of one machine, in a test network, are sources of their own.
func TestSources(t *testing.T) {
	m := newMesh(t, 1, nil)
	c := m.routers[0].dispatcher.core
	of := func(testnet bool, a, b string) (same bool) {
		c.cfg.Testnet = testnet
		one, two := stranger(1), stranger(2)
		clear(c.senders)
		if a != "" {
			one, two = m.from(1, a), m.from(2, b)
		}
		first := c.source(one)
		if again := c.source(one); again != first || !first.Known() {
			t.Errorf("%s is of %v, and then of %v", a, first, again)
		}
		return first == c.source(two)
	}
	if of(true, "127.0.0.1", "127.0.0.1") || of(true, "10.1.1.1", "10.1.1.1") || of(true, "", "") {
		t.Error("peers of a test network are counted together")
	}
	if !of(false, "", "") || !of(false, "23.1.1.1", "23.1.1.1") || !of(true, "23.1.1.1", "23.1.1.1") || of(false, "23.1.1.1", "23.1.1.2") {
		t.Error("others are counted by what they call themselves")
	}
}

// TestFiltersOfTransitEnd: what the tunnels of others took of the memory for filters is given
// back when they end, whichever part of them is ours.
func TestFiltersOfTransitEnd(t *testing.T) {
	m := newMesh(t, 1, nil)
	tr := m.routers[0].transit
	through := tunnel.NewParticipant(tunnel.ParticipantConfig{NextTunnel: 1, Budget: tr.budget, Rand: m.rand})
	end := tunnel.NewEndpoint(tunnel.EndpointConfig{Budget: tr.budget})
	for _, h := range []*transitHop{{id: 1, participant: through}, {id: 2, endpoint: end}} {
		h.expires = m.now.Add(time.Minute)
		tr.hops[h.id] = h
		tr.shares.add(h)
	}
	for range 1000 {
		b := buf.Get(i2np.TunnelDataLen)
		m.rand.Read(b.Bytes())
		through.Apply(bytes.Clone(b.Bytes()))
		end.Handle(nil, m.now, i2np.Message{Type: i2np.TunnelDataType, Body: b.Bytes(), Owner: b})
	}
	if n := m.routers[0].numbers().FilterBytes; n == 0 {
		t.Fatal("nothing is held")
	}
	for _, h := range tr.hops {
		tr.drop(h)
	}
	if n := m.routers[0].numbers().FilterBytes; n != 0 {
		t.Errorf("%d bytes are held for tunnels that have ended", n)
	}
}
