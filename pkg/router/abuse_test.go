package router

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
)

// buildRequest is a stranger's request that router i be the only hop of an
// outbound tunnel.
func (m *mesh) buildRequest(i int, from i2p.Hash) i2np.Message {
	m.t.Helper()
	static, _ := m.infos[i].EncryptionKey()
	b, err := tunnel.NewBuild(m.now, tunnel.Config{
		Hops: []tunnel.Hop{{Router: m.infos[i].Hash(), Static: static}}, Us: from,
		Reply: tunnel.ReplyTo{Gateway: from, Tunnel: 7}, Rand: m.rand,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return b.Message()
}

// TestBuildBombing: a peer that asks for a thousand tunnels a second gets its
// share. Others' requests are granted and our own tunnels are built meanwhile.
func TestBuildBombing(t *testing.T) {
	const seconds, perStep = 3, 20 // 1,000 a second
	m := newMesh(t, 6, nil)
	m.run(10*time.Second, nil)
	r := m.routers[0]
	before := r.counts
	bomber, honest := stranger(1), stranger(2)
	var party *Tunnels
	steps, asked := 0, 0
	m.run(seconds*time.Second, func() {
		for range perStep {
			r.Deliver(bomber, m.buildRequest(0, bomber))
			asked++
		}
		if steps%50 == 25 {
			r.Deliver(honest, m.buildRequest(0, honest))
		}
		if steps == 10 {
			party = r.OpenTunnels(TunnelsConfig{Name: "p", Inbound: Shape{2, 0, 2}, Outbound: Shape{2, 0, 2}})
		}
		steps++
	})
	// Half of what there is at once, and then less than two thirds of what comes.
	limit := int(r.cfg.Limits.BuildsPerSec * (1 + seconds*2/3))
	if got := r.transit.held(bomber); got == 0 || got > limit {
		t.Errorf("the bomber got %d tunnels of %d, expected its share of %d", got, asked, limit)
	}
	if limited := int(r.counts.BuildsLimited - before.BuildsLimited); limited < asked-limit {
		t.Errorf("%d requests were dropped unopened, expected %d", limited, asked-limit)
	}
	if got := r.transit.held(honest); got != seconds {
		t.Errorf("another peer got %d of its %d tunnels", got, seconds)
	}
	if len(party.p.in.tunnels()) != 2 || len(party.p.out.tunnels()) != 2 {
		t.Errorf("our own: %d in, %d out, expected 2 of each", len(party.p.in.tunnels()), len(party.p.out.tunnels()))
	}
}

// TestBuildsOfAll: however many ask, no more requests are opened than all together
// may have, each of which costs a key exchange.
func TestBuildsOfAll(t *testing.T) {
	m := newMesh(t, 1, func(_ int, c *Config, _ *netdb.Config) { c.Limits.BuildsPerSec = 40 })
	r := m.routers[0]
	const asked, seconds = 600, 3
	for i := range asked {
		from := stranger(100 + i)
		if r.Deliver(from, m.buildRequest(0, from)); i%(asked/seconds) == 0 {
			m.run(time.Second, nil)
		}
	}
	m.run(time.Second, nil)
	most := int(r.transit.requests.burst + (seconds+1)*r.transit.requests.rate)
	opened := int(r.counts.TransitAccepted + r.counts.TransitRefused)
	if limited := int(r.counts.BuildsLimited); opened == 0 || opened > most || limited < asked-most {
		t.Errorf("of %d requests of as many routers %d were opened and %d dropped, expected at most %d", asked, opened, limited, most)
	}
}

// held is how many tunnels a peer has asked us to carry.
func (t *transit) held(peer i2p.Hash) (n int) {
	for _, h := range t.hops {
		if h.from == peer {
			n++
		}
	}
	return n
}

// lookupFrom is a question that a router with that hash would ask directly.
func (m *mesh) lookupFrom(from, key i2p.Hash, kind i2np.LookupKind) []byte {
	return i2np.DatabaseLookup{Key: key, From: from, Kind: kind}.AppendTo(nil)
}

// TestReplays: a replayed message of any kind is acted upon once, an expired
// one never.
func TestReplays(t *testing.T) {
	m := newMesh(t, 1, nil)
	r, own := m.routers[0], m.infos[0]
	asker := stranger(1)
	static, _ := own.EncryptionKey()
	ask := m.message(i2np.DatabaseLookupType, 5, m.lookupFrom(asker, own.Hash(), i2np.LookupRouterInfo))
	seal := func(clove i2np.Message) i2np.Message {
		body, err := ratchet.SealToRouter(m.rand, m.now, static, []i2np.Clove{{Message: clove}})
		if err != nil {
			t.Fatal(err)
		}
		return m.message(i2np.GarlicType, 6, i2np.AppendGarlic(nil, body))
	}
	send := func(msg i2np.Message) int {
		r.Deliver(asker, msg.Own())
		m.step()
		return len(m.sentTo(asker))
	}
	sealed := seal(ask)
	if n := send(sealed); n != 1 {
		t.Fatalf("a sealed question had %d answers", n)
	}
	if n := send(sealed); n != 0 {
		t.Errorf("its replay had %d answers", n)
	}
	old := ask
	old.Expiration = i2p.DateOf(m.now.Add(-2 * time.Minute))
	if n := send(old); n != 0 {
		t.Errorf("an expired question had %d answers", n)
	}
	if n := send(seal(old)); n != 0 {
		t.Errorf("an expired clove had %d answers", n)
	}
	far := ask
	far.Expiration = i2p.DateOf(m.now.Add(24 * time.Hour))
	if n := send(far); n != 0 {
		t.Errorf("a question that expires tomorrow had %d answers", n)
	}

	build := m.buildRequest(0, asker)
	for range 3 {
		r.Deliver(asker, build.Own())
		m.step()
	}
	if n := len(r.transit.hops); n != 1 || len(m.sentTo(asker)) != 1 {
		t.Errorf("a build request and its replays made %d tunnels", n)
	}
	build.Release()
}

// TestAnswerToNobody: who asks and names a router that we neither know nor have a session
// with has us look nobody up.
func TestAnswerToNobody(t *testing.T) {
	m := newMesh(t, 2, func(i int, _ *Config, db *netdb.Config) { db.Floodfill = i == 1 })
	r, asker := m.routers[0], stranger(1)
	ask := m.message(i2np.DatabaseLookupType, 5, m.lookupFrom(asker, stranger(2), i2np.LookupRouterInfo))
	for _, parted := range []bool{false, true} {
		m.parted = map[i2p.Hash]bool{asker: parted}
		unknown := r.counts.Unknown
		r.Deliver(asker, ask.Own())
		m.step()
		if n := len(m.sentTo(asker)); n != 0 == parted || len(r.mail.unsent) != 0 || r.counts.Unknown != unknown != parted {
			t.Errorf("parted %v: %d answers, %d are looked up, %d unknown", parted, n, len(r.mail.unsent), r.counts.Unknown-unknown)
		}
	}
}

// TestExpiredInTunnel: what has expired when it comes out of a tunnel does not get to the
// tunnel's owner.
func TestExpiredInTunnel(t *testing.T) {
	m := newMesh(t, 1, nil)
	dest, arrived := m.destination(0)
	for i, ahead := range []time.Duration{-2 * time.Minute, 24 * time.Hour, time.Minute} {
		msg := m.message(i2np.GarlicType, uint32(i), i2np.AppendGarlic(nil, make([]byte, 64)))
		msg.Expiration = i2p.DateOf(m.now.Add(ahead))
		m.downTunnel(0, dest, msg)
		if got, want := len(*arrived), i/2; got != want {
			t.Errorf("a message of %v ahead: %d have come, want %d", ahead, got, want)
		}
	}
}

// TestReplayedTunnelData: a tunnel message that a hop has passed on is not
// passed on again.
func TestReplayedTunnelData(t *testing.T) {
	m := newMesh(t, 6, nil)
	m.run(10*time.Second, nil)
	for i, r := range m.routers {
		for _, info := range r.transit.list() {
			h := r.transit.hops[info.ID]
			if h.participant == nil {
				continue
			}
			body := append(i2np.TunnelData{Tunnel: h.id}.AppendTo(nil)[:4], make([]byte, i2np.TunnelDataLen-4)...)
			m.rand.Read(body[4:])
			before := h.messages
			sent := len(m.wire)
			r.now = m.now
			for range 3 {
				r.direct(stranger(1), m.message(i2np.TunnelDataType, 1, body).Own())
			}
			r.sendAll()
			if got := len(m.wire) - sent; got != 1 {
				t.Errorf("router %d passed a message and two replays on %d times", i, got)
			}
			if h.messages == before {
				t.Errorf("router %d counted nothing", i)
			}
			return
		}
	}
	t.Fatal("no router is a participant")
}

// TestInboxBound: what strangers send while the loop is busy is bounded and
// counted, and its buffers go back.
func TestInboxBound(t *testing.T) {
	const limit, flood = 1000, 50_000
	m := newMesh(t, 1, func(_ int, c *Config, _ *netdb.Config) { c.Limits.Inbox = limit })
	r := m.routers[0]
	held := buf.InUse()
	body := make([]byte, i2np.TunnelDataLen)
	for i := range flood {
		r.Deliver(stranger(i%10), m.message(i2np.TunnelDataType, 1, body).Own())
	}
	if n := buf.InUse() - held; n != limit {
		t.Errorf("%d messages wait, expected %d", n, limit)
	}
	if n := r.in.Dropped(); n != flood-limit {
		t.Errorf("%d were counted as dropped, expected %d", n, flood-limit)
	}
	m.step()
	if n := buf.InUse() - held; n != 0 {
		t.Errorf("%d buffers are held after the turn", n)
	}
}

// TestTableBounds: no table grows without end that strangers, or messages for
// strangers, can make grow.
func TestTableBounds(t *testing.T) {
	// The floodfill is asked for those routers, and lookups stay under way.
	m := newMesh(t, 2, func(i int, _ *Config, db *netdb.Config) { db.Floodfill = i == 1 })
	r := m.routers[0]
	m.step()
	limit := newRateLimit(1e6, 1e6)
	for i := range 20_000 {
		to := stranger(i)
		r.mail.wantRouter(to, m.message(i2np.DeliveryStatusType, 1, i2np.DeliveryStatus{}.AppendTo(nil)).Own())
		limit.allow(m.now, origin.Of(netip.AddrFrom16([16]byte(to[:]))))
		if i < maxOneTime+100 {
			r.newOneTime(r.parties.self.in.last, i2p.Hash{})
		}
	}
	for range maxUnsentMessages + 5 {
		r.mail.wantRouter(stranger(0), m.message(i2np.DeliveryStatusType, 1, nil).Own())
	}
	if len(r.mail.unsent) == 0 || len(r.mail.unsent[stranger(0)]) == 0 {
		t.Error("no message waits for a router")
	}
	for name, c := range map[string][2]int{
		"routers that messages wait for": {len(r.mail.unsent), maxUnsentRouters},
		"messages for one router":        {len(r.mail.unsent[stranger(0)]), maxUnsentMessages},
		"uses of a rate":                 {len(limit.used), maxUses},
		"one-time keys":                  {len(r.parties.self.expected.tags), maxOneTime},
	} {
		if c[0] > c[1] {
			t.Errorf("%s: %d, at most %d", name, c[0], c[1])
		}
	}
	m.run(3*time.Minute, nil)
	if len(r.mail.unsent) > 0 || len(r.parties.self.expected.tags) > 8 {
		t.Errorf("after three minutes messages wait for %d routers, and %d keys for answers", len(r.mail.unsent), len(r.parties.self.expected.tags))
	}
}
