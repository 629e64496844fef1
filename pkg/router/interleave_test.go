package router

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tally"
	"i2ptoolkit/pkg/tunnel"
)

// crew is a mesh in which anything may happen at any moment.
type crew struct {
	*mesh
	random *rand.Rand
	late   []late            // what is under way for longer
	silent map[i2p.Hash]bool // routers whom no message reaches, and who send none
	narrow bool              // nobody has room for much
	open   []*opened
	asked  int // lookups that were asked for
	ended  int // and are done
	passed int // messages that were to be passed on
	told   int // and were, or were given up
	fates  Fates
}

type late struct {
	at time.Time
	parcel
}

// opened is a destination of a router.
type opened struct {
	of      int
	tunnels *Tunnels
}

// TestInterleavings has routers build through each other, look up, publish, restart and end, while messages get lost, come late,
// twice, out of order and damaged, sessions come and go, peers take nothing or are silent, and strangers send whatever they like.
// Nothing panics, no loop spins, whoever asked is answered once, what is held is bounded, and in the end it is nothing.
//
// I2P_INTERLEAVINGS is for how many seeds it is done, and for longer, in place of two.
func TestInterleavings(t *testing.T) {
	seeds, things, routers := 2, 600, 7
	if racing {
		seeds, things, routers = 1, 200, 5
	}
	if text := os.Getenv("I2P_INTERLEAVINGS"); text != "" {
		var err error
		if seeds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		things, routers = 1000, 7
	}
	carried := uint64(0)
	for seed := 0; seed < seeds || carried == 0 && seed < 5; seed++ { // where all goes wrong, all may do so for long
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			m := newSeededMesh(t, byte(seed), routers, func(i int, _ *Config, db *netdb.Config) { db.Floodfill = i < 3 })
			c := &crew{mesh: m, random: rand.New(rand.NewPCG(uint64(seed), 8)), silent: map[i2p.Hash]bool{}}
			m.congested, m.parted = map[i2p.Hash]bool{}, map[i2p.Hash]bool{}
			m.full = func(_, to i2p.Hash) bool { return c.narrow && c.random.IntN(3) == 0 }
			m.run(5*time.Second, nil)
			for range things {
				c.happen()
				for range 1 + c.random.IntN(10) {
					c.step()
				}
			}
			c.rest()
			carried += c.fates.Carried
		})
	}
	if carried == 0 {
		t.Error("no tunnel has carried anything")
	}
}

// step is mesh.step on a bad network.
func (c *crew) step() {
	c.now = c.now.Add(meshStep)
	wire := c.wire
	c.wire, c.away = nil, nil
	var due []parcel
	for _, p := range wire {
		switch c.random.IntN(40) {
		default:
			due = append(due, p)
		case 0:
		case 1:
			c.late = append(c.late, late{c.now.Add(time.Duration(c.random.Int64N(int64(15 * time.Second)))), p})
		case 4:
			due = append(due, p, p)
		case 5:
			if len(p.msg.Body) > 0 {
				p.msg.Body[c.random.IntN(len(p.msg.Body))] ^= 1 << c.random.IntN(8)
			}
			due = append(due, p)
		}
	}
	still := c.late[:0]
	for _, l := range c.late {
		if l.at.After(c.now) {
			still = append(still, l)
		} else {
			due = append(due, l.parcel)
		}
	}
	c.late = still
	c.random.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	for _, p := range due {
		if !c.silent[p.from] && !c.silent[p.to] {
			c.byHash[p.to].Deliver(p.from, p.msg.Own())
		}
	}
	for _, r := range c.routers {
		c.turn(r)
	}
}

// turn gives a router its turn. Where nothing comes, it sleeps after few.
func (c *crew) turn(r *Router) {
	const most = 20
	turns := 1
	for r.Stepper().Turn() <= 0 {
		if turns++; turns > most {
			c.t.Fatalf("%v: a router turns without end", c.now.Sub(meshStart))
		}
	}
	const buffers, tunnels = 20_000, 500
	if n := buf.InUse(); n > buffers || len(r.transit.hops) > tunnels {
		c.t.Fatalf("%d buffers are kept, %d tunnels are carried", n, len(r.transit.hops))
	}
}

func (c *crew) some() (i int, r *Router) {
	i = c.random.IntN(len(c.routers))
	return i, c.routers[i]
}

// happen is one of the things that may.
func (c *crew) happen() {
	i, r := c.some()
	_, other := c.some()
	peer := netdb.Sender{Peer: other.cfg.Hash, Dialled: c.random.IntN(2) == 0}
	switch c.random.IntN(16) {
	case 0:
		c.silent[r.cfg.Hash] = !c.silent[r.cfg.Hash] && len(c.silent) < 3
		if !c.silent[r.cfg.Hash] {
			delete(c.silent, r.cfg.Hash)
		}
	case 1:
		if c.parted[r.cfg.Hash] = !c.parted[r.cfg.Hash]; c.parted[r.cfg.Hash] {
			for _, o := range c.routers {
				o.Peers().Down(r.cfg.Hash)
			}
		}
	case 2:
		c.congested[r.cfg.Hash] = !c.congested[r.cfg.Hash]
	case 3:
		c.narrow = !c.narrow
	case 4:
		r.Peers().Up(peer)
	case 5:
		r.Peers().Reached(peer)
		r.Peers().Greeted(peer, c.infos[c.random.IntN(len(c.infos))], true)
	case 6:
		r.Peers().Stalled(peer.Peer)
		r.Peers().Failed(peer.Peer)
	case 7:
		c.restart(i)
	case 8:
		if len(c.open) < 12 {
			s := Shape{Hops: c.random.IntN(4), Quantity: 1 + c.random.IntN(3)}
			c.open = append(c.open, &opened{i, r.OpenTunnels(TunnelsConfig{Name: "d", Inbound: s, Outbound: s, Deliver: func(_ uint32, m i2np.Message) { m.Release() }})})
		}
	case 9:
		if len(c.open) > 0 {
			k := c.random.IntN(len(c.open))
			c.open[k].tunnels.Close()
			if c.random.IntN(2) == 0 { // whoever has it does not know yet
				c.open = append(c.open[:k], c.open[k+1:]...)
			}
		}
	case 10, 11:
		c.use()
	case 12:
		c.lookup(i, []i2p.Hash{other.cfg.Hash, stranger(c.random.IntN(9))}[c.random.IntN(2)])
	default:
		for range c.random.IntN(20) {
			r.Deliver([]i2p.Hash{other.cfg.Hash, stranger(c.random.IntN(9))}[c.random.IntN(2)], c.anything(i).Own())
		}
	}
}

// use has a destination do something.
func (c *crew) use() {
	if len(c.open) == 0 {
		return
	}
	d := c.open[c.random.IntN(len(c.open))]
	switch c.random.IntN(6) {
	case 0:
		c.asked++
		d.tunnels.AskLeaseSet(c.leaseSet().Hash(), 0, func(netdb.Result) { c.ended++ })
	case 1:
		d.tunnels.Publish(c.leaseSet())
	case 2:
		d.tunnels.Withdraw(c.leaseSet())
	case 3:
		d.tunnels.Suspect()
		d.tunnels.Rest()
	case 4:
		d.tunnels.Resume()
		d.tunnels.Reshape(Shape{Hops: c.random.IntN(4), Quantity: 1 + c.random.IntN(3)}, Shape{Hops: c.random.IntN(4), Quantity: 1})
	case 5:
		c.send(d)
	}
}

func (c *crew) send(d *opened) {
	_, to := c.some()
	var all []i2np.Message
	for range 1 + c.random.IntN(4) {
		all = append(all, c.message(i2np.GarlicType, c.random.Uint32(), i2np.AppendGarlic(nil, make([]byte, c.random.IntN(6000)))).Own())
	}
	c.passed++
	d.tunnels.SendPaced(0, to.cfg.Hash, c.random.Uint32(), all, func() { c.told++ })
}

func (c *crew) lookup(i int, hash i2p.Hash) {
	c.asked++
	c.routers[i].Stepper().Lookup(hash, i2np.LookupRouterInfo, func(netdb.Result) { c.ended++ })
}

// anything is a message that somebody may send to router i.
func (c *crew) anything(i int) i2np.Message {
	body := make([]byte, c.random.IntN(300))
	for k := range body {
		body[k] = byte(c.random.Uint32())
	}
	_, other := c.some()
	r := c.routers[i]
	id := c.random.Uint32()
	for _, t := range r.Stepper().Tunnels() {
		if c.random.IntN(3) == 0 {
			id = t.ID
		}
	}
	switch c.random.IntN(9) {
	case 0:
		return c.message(i2np.DatabaseLookupType, id, c.lookupFrom([]i2p.Hash{other.cfg.Hash, stranger(c.random.IntN(99))}[c.random.IntN(2)], r.cfg.Hash, i2np.LookupRouterInfo))
	case 1:
		ri := c.infos[c.random.IntN(len(c.infos))]
		return c.message(i2np.DatabaseStoreType, id, i2np.DatabaseStore{Key: ri.Hash(), ReplyToken: id, ReplyGateway: other.cfg.Hash, Data: ri.Bytes()}.AppendTo(nil))
	case 2:
		return c.message(i2np.DatabaseSearchReplyType, id, i2np.DatabaseSearchReply{Key: r.cfg.Hash, Peers: []i2p.Hash{stranger(1), other.cfg.Hash}, From: other.cfg.Hash}.AppendTo(nil))
	case 3:
		return c.message(i2np.DeliveryStatusType, id, i2np.DeliveryStatus{MessageID: id, Timestamp: i2p.DateOf(c.now)}.AppendTo(nil))
	case 4:
		return c.message(i2np.TunnelGatewayType, id, i2np.AppendTunnelGateway(nil, id, c.message(i2np.DataType, 5, body)))
	case 5:
		return c.message(i2np.TunnelDataType, id, append(append(binaryID(id), body...), make([]byte, i2np.TunnelDataLen)...)[:i2np.TunnelDataLen])
	case 6:
		build := c.buildRequest(i, stranger(c.random.IntN(9)))
		defer build.Release()
		return c.message(build.Type, build.ID, bytes.Clone(build.Body))
	case 7:
		static, _ := c.infos[i].EncryptionKey()
		clove := i2np.Clove{Message: c.message(i2np.DeliveryStatusType, id, i2np.DeliveryStatus{MessageID: id, Timestamp: i2p.DateOf(c.now)}.AppendTo(nil))}
		if c.random.IntN(2) == 0 {
			clove.Delivery = i2np.DeliveryInstructions{Kind: i2np.DeliverTunnel, To: other.cfg.Hash, Tunnel: id}
		}
		sealed, err := ratchet.SealToRouter(c.rand, c.now, static, []i2np.Clove{clove})
		if err != nil {
			c.t.Fatal(err)
		}
		return c.message(i2np.GarlicType, id, i2np.AppendGarlic(nil, sealed))
	}
	return c.message(i2np.Type(c.random.IntN(32)), id, body)
}

func binaryID(id uint32) []byte {
	return []byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
}

// restart ends a router, with all that is under way in it, and begins it anew with the same keys.
func (c *crew) restart(i int) {
	old := c.routers[i]
	for _, ri := range c.infos { // what is asked for and sent last waits when it ends
		c.congested[ri.Hash()] = true
	}
	for _, d := range c.open {
		c.lookup(i, stranger(c.random.IntN(9)))
		if d.of == i {
			c.send(d)
		}
	}
	for range 5 {
		old.Deliver(stranger(1), c.anything(i).Own())
	}
	c.turn(old)
	clear(c.congested)
	c.count(old)
	old.end()
	old.Deliver(stranger(1), c.anything(i).Own()) // a transport learns of it later
	left := c.open[:0]
	for _, d := range c.open {
		if d.of != i || c.random.IntN(2) == 0 { // one who uses what has ended
			left = append(left, d)
		}
	}
	c.open = left
	cfg := old.cfg
	cfg.DB = netdb.New(netdb.Config{
		Self: cfg.Hash, NetID: 2, Profiles: cfg.Profiles, Rand: c.mesh.rand, SamePrefix: true, Floodfill: i < 3, Own: func() *routerinfo.RouterInfo { return c.infos[i] },
	}, c.now)
	r := New(cfg)
	c.routers[i], c.byHash[cfg.Hash] = r, r
	for _, ri := range c.infos {
		if ri.Hash() != cfg.Hash {
			r.Knowledge().Learn(ri, netdb.FromReseed)
		}
	}
	r.Start()
}

// count takes what became of a router's tunnels.
func (c *crew) count(r *Router) {
	n := r.Stepper().Numbers()
	for _, f := range []Fates{n.Exploratory, n.Client} {
		if f.Stood > f.Asked || f.Carried > f.Stood {
			c.t.Errorf("of %d tunnels %d stood and %d carried", f.Asked, f.Stood, f.Carried)
		}
		tally.Add(&c.fates, f)
	}
}

// rest is the end of all that happens: what was begun comes to its end by itself.
func (c *crew) rest() {
	c.narrow, c.silent = false, nil
	clear(c.parted)
	clear(c.congested)
	for _, d := range c.open {
		d.tunnels.Close()
	}
	for _, r := range c.routers {
		r.StopTransit()
		r.Reshape(Shape{Quantity: 1}, Shape{Quantity: 1}) // without hops: builds cost most of the time
	}
	for end := c.now.Add(tunnel.Lifetime + time.Minute); c.now.Before(end); {
		c.now = c.now.Add(2 * time.Second)
		c.step()
	}
	for i, r := range c.routers {
		c.count(r)
		n := r.Stepper().Numbers()
		if n.Transit != 0 || n.Parties != 0 || n.InboxDropped != 0 {
			c.t.Errorf("router %d carries %d tunnels, has %d destinations, and %d messages found no room", i, n.Transit, n.Parties, n.InboxDropped)
		}
	}
	for _, r := range c.routers {
		r.end()
	}
	c.routers = nil
	c.t.Logf("of %d tunnels %d stood and %d carried, %d lookups, %d sent", c.fates.Asked, c.fates.Stood, c.fates.Carried, c.asked, c.passed)
	if c.asked == 0 || c.passed == 0 || c.ended != c.asked || c.told != c.passed {
		c.t.Errorf("%d of %d lookups are done, %d of %d who sent were told", c.ended, c.asked, c.told, c.passed)
	}
}
