package botnet

import (
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/mesh"
	"i2ptoolkit/pkg/tunnel"
)

// rules are how a router of another kind chooses: what it keeps of what it learns,
// and whom it asks. All that is told to it is also told to its rules.
type rules interface {
	learn(now time.Time, ri *routerinfo.RouterInfo)
	connected(now time.Time, peer i2p.Hash, yes bool)
	unreachable(now time.Time, peer i2p.Hash)
	replied(now time.Time, peer i2p.Hash, agreed bool) // to a build
	silent(now time.Time, peer i2p.Hash)               // a build of which it was a hop had no reply
	built(now time.Time, ok bool)
	// hops chooses whom to ask, in the order of message flow.
	hops(now time.Time, n int, client, inbound bool) []*routerinfo.RouterInfo
	// floodfill is the next to be asked for a key.
	floodfill(now time.Time, key i2p.Hash, asked []i2p.Hash) *routerinfo.RouterInfo
	find(h i2p.Hash) *routerinfo.RouterInfo
	known() int
}

// model is a router that goes by rules of another kind: the part of it that builds
// tunnels and looks up. Build requests leave straight from it, and replies come
// straight to it, so that its builds do not also depend on its other tunnels: that is
// in its favour. It carries nothing for others, and nobody knows of it but the swarm.
type model struct {
	rules       rules
	port        *mesh.Port
	rand        *draw.Source
	inbox       []i2np.Message
	news        []func(now time.Time)
	pools       [2]*tunnel.Pool[*modelTunnel] // exploratory, client
	fates       [2]router.Fates
	inbound     map[uint32]*modelTunnel
	waiting     map[uint32]*modelTunnel // by the id of the reply
	sealed      map[[8]byte][32]byte    // keys of replies
	tests       map[uint32]*tunnel.Test[*modelTunnel]
	lookups     []*modelLookup
	explore     time.Time
	started     bool
	from, until time.Time // what is counted
}

type modelTunnel struct {
	tunnel.Member
	client    int
	build     *tunnel.Build
	in        *tunnel.Inbound
	out       *tunnel.Outbound
	id        uint32
	gateway   i2p.Hash
	gatewayID uint32
	carried   bool
}

func newModel(rules rules, rand *draw.Source, shapes [2]router.Shape) *model {
	m := &model{
		rules: rules, rand: rand,
		inbound: make(map[uint32]*modelTunnel), waiting: make(map[uint32]*modelTunnel),
		sealed: make(map[[8]byte][32]byte), tests: make(map[uint32]*tunnel.Test[*modelTunnel]),
	}
	limit := tunnel.NewBuildLimit(250*time.Millisecond, 0)
	for i := range m.pools {
		q := tunnel.Quota{Tunnels: shapes[i].Quantity, Hops: shapes[i].Hops}
		m.pools[i] = tunnel.NewPool(tunnel.PoolConfig{Inbound: q, Outbound: q, Limit: limit, Rand: rand},
			func() *modelTunnel { return &modelTunnel{client: i} })
	}
	return m
}

func (m *model) Handle(_ i2p.Hash, msg i2np.Message) { m.inbox = append(m.inbox, msg) }

func (m *model) Up(p mesh.Peer) {
	m.news = append(m.news, func(now time.Time) {
		m.rules.learn(now, p.Info)
		m.rules.connected(now, p.Info.Hash(), true)
	})
}

func (m *model) Down(peer i2p.Hash) {
	m.news = append(m.news, func(now time.Time) { m.rules.connected(now, peer, false) })
}

func (m *model) Failed(peer i2p.Hash) {
	m.news = append(m.news, func(now time.Time) { m.rules.unreachable(now, peer) })
}

func (m *model) Wants(i2p.Hash) bool { return false }

// modelTick is how often a model looks at the time.
const modelTick = 100 * time.Millisecond

func (m *model) Turn() time.Duration {
	now := m.port.Now()
	for _, f := range m.news {
		f(now)
	}
	m.news = m.news[:0]
	for _, msg := range m.inbox {
		m.handle(now, msg)
	}
	m.inbox = m.inbox[:0]
	if !m.started {
		return modelTick
	}
	for i, p := range m.pools {
		for _, a := range p.Tick(now) {
			m.act(now, i, a)
		}
	}
	m.tickLookups(now)
	return modelTick
}

// fate is what a tunnel is counted in: nothing where it is of another time.
func (m *model) fate(t *modelTunnel) *router.Fates {
	if t.Started().Before(m.from) || !t.Started().Before(m.until) {
		return new(router.Fates)
	}
	return &m.fates[t.client]
}

// recount counts from zero: the tunnels that are asked for within a while from now.
func (m *model) recount(within time.Duration) {
	m.from, m.fates = m.port.Now(), [2]router.Fates{}
	m.until = m.from.Add(within)
}

// end gives the tunnels up.
func (m *model) end() {
	for _, p := range m.pools {
		for _, t := range p.Close() {
			m.dropped(t)
		}
	}
	for _, msg := range m.inbox {
		msg.Release()
	}
}

func (m *model) message(now time.Time, t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: m.rand.Nonzero32(), Expiration: i2p.DateOf(now.Add(30 * time.Second)), Body: body}
}

func (m *model) act(now time.Time, client int, a tunnel.Action[*modelTunnel]) {
	pool := m.pools[client]
	switch t := a.Tunnel; a.Kind {
	case tunnel.ActionBuild:
		if !m.start(now, t) {
			pool.BuildFailed(now, t)
		}
	case tunnel.ActionTimeout:
		m.rules.built(now, false)
		for _, h := range t.build.Hops() {
			m.rules.silent(now, h.Router)
		}
	case tunnel.ActionDrop:
		m.dropped(t)
	case tunnel.ActionTest:
		m.test(now, a.Test)
	case tunnel.ActionTestTimeout:
		for id, x := range m.tests {
			if x == a.Test {
				delete(m.tests, id)
			}
		}
	}
}

func (m *model) dropped(t *modelTunnel) {
	if t.build != nil {
		delete(m.waiting, t.build.ReplyID())
	}
	if t.in != nil {
		delete(m.inbound, t.id)
		t.in.Close()
	}
}

// start asks hops to become a tunnel.
func (m *model) start(now time.Time, t *modelTunnel) bool {
	infos := m.rules.hops(now, t.Hops(), t.client == 1, t.Inbound())
	if len(infos) < t.Hops() {
		return false
	}
	cfg := tunnel.Config{Inbound: t.Inbound(), Us: m.port.Self(), Rand: m.rand}
	for _, ri := range infos {
		static, ok := ri.EncryptionKey()
		if !ok {
			return false
		}
		cfg.Hops = append(cfg.Hops, tunnel.Hop{Router: ri.Hash(), Static: static})
	}
	if !t.Inbound() {
		cfg.Reply = tunnel.ReplyTo{Gateway: m.port.Self(), Tunnel: m.rand.Nonzero32()}
	}
	b, err := tunnel.NewBuild(now, cfg)
	if err != nil {
		return false
	}
	if key, ok := b.ReplyGarlic(); ok {
		m.sealed[key.Tag] = key.Key
	}
	t.build = b
	m.waiting[b.ReplyID()] = t
	m.fate(t).Asked++
	if m.port.Send(infos[0], b.Message()) != nil {
		m.dropped(t)
		return false
	}
	return true
}

func (m *model) handle(now time.Time, msg i2np.Message) {
	switch msg.Type {
	case i2np.TunnelDataType:
		if d, err := i2np.ParseTunnelData(msg.Body); err == nil && m.inbound[d.Tunnel] != nil {
			m.through(now, m.inbound[d.Tunnel], msg)
			return // ownership moved on
		}
	case i2np.TunnelGatewayType: // a reply into our tunnel without hops
		if g, err := i2np.ParseTunnelGateway(msg.Body); err == nil {
			if inner, _, err := i2np.ParseStandard(g.Message); err == nil {
				m.handle(now, inner)
			}
		}
	case i2np.GarlicType:
		m.unseal(now, msg)
	case i2np.ShortTunnelBuildType, i2np.OutboundTunnelBuildReplyType:
		m.reply(now, msg)
	case i2np.DatabaseStoreType, i2np.DatabaseSearchReplyType:
		m.answered(now, msg)
	}
	msg.Release()
}

func (m *model) unseal(now time.Time, msg i2np.Message) {
	body, err := i2np.ParseGarlic(msg.Body)
	if err != nil || len(body) < 8 {
		return
	}
	tag := [8]byte(body)
	key, ok := m.sealed[tag]
	if !ok {
		return
	}
	delete(m.sealed, tag)
	if opened, err := ratchet.OpenTagged(key, body); err == nil {
		for _, c := range opened.Cloves {
			m.handle(now, c.Message)
		}
	}
}

// reply takes the reply to a build.
func (m *model) reply(now time.Time, msg i2np.Message) {
	t := m.waiting[msg.ID]
	if t == nil || msg.Type != t.build.ReplyType() {
		return
	}
	b, pool := t.build, m.pools[t.client]
	delete(m.waiting, msg.ID)
	reply, err := b.HandleReply(msg)
	if err != nil {
		pool.BuildFailed(now, t)
		return
	}
	for i, h := range b.Hops() {
		m.rules.replied(now, h.Router, reply.Codes[i] == tunnel.Accept)
	}
	m.rules.built(now, reply.Accepted)
	if !reply.Accepted || m.stands(t) != nil {
		pool.BuildFailed(now, t)
		return
	}
	m.fate(t).Stood++
	if !pool.Built(now, t) {
		m.dropped(t)
	}
}

func (m *model) stands(t *modelTunnel) (err error) {
	if !t.Inbound() {
		t.out, err = t.build.NewOutbound()
		return err
	}
	if t.in, err = t.build.NewInbound(); err != nil {
		return err
	}
	t.id = t.build.ReceiveTunnel()
	t.gateway, t.gatewayID = t.in.Gateway()
	m.inbound[t.id] = t
	return nil
}

// test sends a message out through one tunnel and in through another.
func (m *model) test(now time.Time, x *tunnel.Test[*modelTunnel]) {
	status := m.message(now, i2np.DeliveryStatusType, nil)
	status.Body = i2np.DeliveryStatus{MessageID: status.ID, Timestamp: i2p.DateOf(now)}.AppendTo(nil)
	m.tests[status.ID] = x
	outs, err := x.Out.out.Send(nil, now, tunnel.Delivery{
		Kind: tunnel.ToTunnel, Router: x.In.gateway, Tunnel: x.In.gatewayID, Message: status,
	})
	if err != nil {
		return
	}
	for _, o := range outs {
		m.port.SendAnyway(o.To, o.Message)
	}
}

// through takes what came through a tunnel. It takes ownership.
func (m *model) through(now time.Time, t *modelTunnel, msg i2np.Message) {
	deliveries, err := t.in.Handle(nil, now, msg)
	if err != nil {
		return
	}
	for _, d := range deliveries {
		if x := m.tests[d.Message.ID]; x != nil && x.In == t {
			delete(m.tests, d.Message.ID)
			m.pools[t.client].TestOK(now, x)
			for _, o := range [...]*modelTunnel{x.Out, x.In} {
				if !o.carried {
					o.carried = true
					m.fate(o).Carried++
				}
			}
		}
		d.Message.Release()
	}
}
