package router

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// mesh is a network of router cores that one goroutine drives by hand: their
// transports hand each message to the next round.
type mesh struct {
	t       testing.TB
	now     time.Time
	routers []*Router
	keys    []*i2p.PrivateKeys
	infos   []*routerinfo.RouterInfo
	byHash  map[i2p.Hash]*Router
	wire    []parcel                                     // for the next round
	away    []parcel                                     // for those who are no routers of the mesh
	drop    func(from, to i2p.Hash, m i2np.Message) bool // nil: nothing is dropped
	seed    byte
	rand    *rand.ChaCha8

	congested map[i2p.Hash]bool
	parted    map[i2p.Hash]bool            // with whom nobody has a session
	dialled   map[i2p.Hash][]i2p.Hash      // by whom, without a message
	testing   bool                         // nobody knows how he is reached
	full      func(from, to i2p.Hash) bool // there is no room for a message; nil: there is always
}

type parcel struct {
	from, to i2p.Hash
	msg      i2np.Message
}

// meshTransport is the transport of one router.
type meshTransport struct {
	m    *mesh
	from i2p.Hash
}

func (t meshTransport) Send(to *routerinfo.RouterInfo, m i2np.Message) error {
	if !t.SendTo(to.Hash(), m) {
		return errFull
	}
	return nil
}

var errFull = errors.New("no room")

func (t meshTransport) SendTo(to i2p.Hash, m i2np.Message) bool {
	if t.m.full != nil && t.m.full(t.from, to) {
		m.Release()
		return false
	}
	t.m.post(t.from, to, m)
	return true
}

// post copies what is sent, as a wire does.
func (m *mesh) post(from, to i2p.Hash, msg i2np.Message) {
	if m.drop != nil && m.drop(from, to, msg) {
		msg.Release()
		return
	}
	sent := msg
	sent.Body, sent.Owner = append([]byte(nil), msg.Body...), nil
	msg.Release()
	if m.byHash[to] != nil {
		m.wire = append(m.wire, parcel{from, to, sent})
	} else {
		m.away = append(m.away, parcel{from, to, sent})
	}
}

func (t meshTransport) Connected(peer i2p.Hash) bool { return !t.m.parted[peer] }

func (t meshTransport) Dials(*routerinfo.RouterInfo) bool { return true }

func (t meshTransport) Dial(ri *routerinfo.RouterInfo) error {
	t.m.dialled[t.from] = append(t.m.dialled[t.from], ri.Hash())
	return nil
}

func (t meshTransport) Testing() bool { return t.m.testing }

func (t meshTransport) Congested(peer i2p.Hash) bool { return t.m.congested[peer] }

func (t meshTransport) Waiting(peer i2p.Hash) int {
	if t.m.congested[peer] {
		return 2 * pacedRoom
	}
	return 0
}

// meshStart is within the life of the RouterInfos that newMesh makes.
var meshStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newMesh makes n routers that know each other, and starts them.
func newMesh(t testing.TB, n int, adjust func(i int, c *Config, db *netdb.Config)) *mesh {
	return newSeededMesh(t, 1, n, adjust)
}

func newSeededMesh(t testing.TB, seed byte, n int, adjust func(i int, c *Config, db *netdb.Config)) *mesh {
	buftest.NoLeak(t)
	m := &mesh{t: t, now: meshStart, byHash: map[i2p.Hash]*Router{}, dialled: map[i2p.Hash][]i2p.Hash{}, seed: seed, rand: rand.NewChaCha8([32]byte{seed})}
	for i := range n {
		m.add(i, adjust)
	}
	for _, r := range m.routers {
		for _, ri := range m.infos {
			if ri.Hash() != r.cfg.Hash {
				r.Knowledge().Learn(ri, netdb.FromReseed)
			}
		}
		r.Start()
	}
	t.Cleanup(func() {
		for _, r := range m.routers {
			r.end()
		}
	})
	return m
}

func (m *mesh) add(i int, adjust func(i int, c *Config, db *netdb.Config)) {
	m.t.Helper()
	keys, err := i2p.GenerateRouter(m.rand)
	if err != nil {
		m.t.Fatal(err)
	}
	var cfg Config
	var db netdb.Config
	if adjust != nil {
		adjust(i, &cfg, &db)
	}
	caps := "XR"
	if db.Floodfill {
		caps = "XfR"
	}
	ri := m.info(keys, caps, m.address(i))
	m.keys, m.infos = append(m.keys, keys), append(m.infos, ri)
	seed := [32]byte{31: m.seed}
	binary.BigEndian.PutUint32(seed[:], uint32(i+1))
	random := rand.NewChaCha8(seed)
	profiles := profile.New(profile.Config{Rand: random})
	own := func() *routerinfo.RouterInfo { return m.infos[i] }
	db.Self, db.NetID, db.Profiles, db.Rand, db.SamePrefix, db.Own = ri.Hash(), 2, profiles, random, true, own
	cfg.Hash, cfg.Static, cfg.Transport = ri.Hash(), noise.NewKeyPair([32]byte(keys.Crypto)), meshTransport{m, ri.Hash()}
	cfg.Profiles, cfg.Rand, cfg.Now, cfg.Testnet = profiles, draw.From(random), func() time.Time { return m.now }, true
	if cfg.Inbound == (Shape{}) {
		cfg.Inbound, cfg.Outbound = Shape{Hops: 2, Quantity: 2}, Shape{Hops: 2, Quantity: 2}
	}
	cfg.Info, cfg.DB = func(int, int) *routerinfo.RouterInfo { return own() }, netdb.New(db, m.now)
	r := New(cfg)
	m.routers = append(m.routers, r)
	m.byHash[ri.Hash()] = r
}

func (m *mesh) info(keys *i2p.PrivateKeys, caps string, addresses ...routerinfo.Address) *routerinfo.RouterInfo {
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(m.now), Addresses: addresses,
		Options: map[string]string{"caps": caps, "netId": "2", "router.version": "0.9.67"},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return ri
}

func (m *mesh) address(i int) routerinfo.Address {
	key := make([]byte, 48)
	m.rand.Read(key)
	options, err := i2p.NewMapping(map[string]string{
		"host": "10.9.0." + string(rune('1'+i%9)), "port": "9000", "v": "2",
		"s": i2p.EncodeBase64(key[:32]), "i": i2p.EncodeBase64(key[32:]),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return routerinfo.Address{Cost: 3, Style: routerinfo.StyleNTCP2, Options: options}
}

const meshStep = 20 * time.Millisecond

// step delivers what is on the wire, and gives every router a turn.
func (m *mesh) step() {
	m.now = m.now.Add(meshStep)
	wire := m.wire
	m.wire = nil
	for _, p := range wire {
		m.byHash[p.to].Deliver(p.from, p.msg.Own())
	}
	for _, r := range m.routers {
		r.Stepper().Turn()
	}
}

// run lets the mesh live for a while.
func (m *mesh) run(d time.Duration, each func()) {
	for end := m.now.Add(d); m.now.Before(end); {
		if each != nil {
			each()
		}
		m.step()
	}
}

// message is one of a stranger's.
func (m *mesh) message(t i2np.Type, id uint32, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: id, Expiration: i2p.DateOf(m.now.Add(20 * time.Second)), Body: body}
}

// stranger is a hash of nobody's.
func stranger(n int) i2p.Hash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return i2p.HashOf(b[:])
}

// sentTo takes what was sent to somebody who is no router of the mesh.
func (m *mesh) sentTo(to i2p.Hash) (out []i2np.Message) {
	for _, p := range m.away {
		if p.to == to {
			out = append(out, p.msg)
		}
	}
	m.away = nil
	return out
}

// TestMesh: the cores alone build exploratory tunnels through each other.
func TestMesh(t *testing.T) {
	m := newMesh(t, 8, nil)
	m.run(20*time.Second, nil)
	for i, r := range m.routers {
		if !r.parties.isReady || r.counts.Malformed != 0 || r.counts.Undecryptable != 0 {
			t.Errorf("router %d: ready %v, %+v", i, r.parties.isReady, r.counts)
		}
	}
}

// TestFates: hops that agree and carry nothing are told from those that are of use.
func TestFates(t *testing.T) {
	for _, carry := range []bool{true, false} {
		m := newMesh(t, 8, nil)
		m.drop = func(_, _ i2p.Hash, msg i2np.Message) bool { return !carry && msg.Type == i2np.TunnelDataType }
		m.run(90*time.Second, nil)
		got := m.routers[0].Stepper().Numbers().Exploratory
		if got.Stood == 0 || got.Asked < got.Stood || got.Carried > got.Stood || (got.Carried >= 4) != carry {
			t.Errorf("carry %v: %+v", carry, got)
		}
	}
	m := newMesh(t, 8, nil)
	r := m.routers[0].Stepper()
	m.run(time.Minute, nil)
	r.Recount(0)
	m.run(time.Minute, nil)
	if got := r.Numbers().Exploratory; got != (Fates{}) {
		t.Errorf("of no time at all: %+v", got)
	}
}

// TestAllTunnelsFail: a router none of whose tunnels works builds new ones
// without them.
func TestAllTunnelsFail(t *testing.T) {
	m := newMesh(t, 8, nil)
	m.run(20*time.Second, nil)
	r := m.routers[0]
	for _, d := range []*direction{&r.parties.self.in, &r.parties.self.out} {
		if c := r.paths.carrier(d.opposite(d.party)); c == nil || c.zeroHop() {
			t.Error("a build does not go through the tunnels that there are")
		}
		for _, own := range d.tunnels() {
			d.party.pool.Doubt(m.now, own)
		}
		if c := r.paths.carrier(d.opposite(d.party)); c == nil || !c.zeroHop() {
			t.Error("a build goes through a tunnel that fails")
		}
	}
}

// TestBuildsAreHeld: where none of the router's own tunnels works, what its
// destinations build waits, also where one of their ways has no hops; somebody is
// told, and it goes on once there are others. Tunnels without hops by the settings
// stay what they are.
func TestBuildsAreHeld(t *testing.T) {
	m := newMesh(t, 8, nil)
	m.run(20*time.Second, nil)
	r := m.routers[0]
	fail := func() {
		for _, d := range []*direction{&r.parties.self.in, &r.parties.self.out} {
			for _, own := range d.tunnels() {
				d.party.pool.Doubt(m.now, own)
			}
		}
	}
	straight := 0
	m.drop = func(from, to i2p.Hash, msg i2np.Message) bool {
		if from == r.cfg.Hash && msg.Type == i2np.ShortTunnelBuildType {
			straight++
			return true
		}
		return false
	}
	fail()
	open := func(in, out int) *Tunnels {
		return r.OpenTunnels(TunnelsConfig{
			Name: "d", Inbound: Shape{Hops: in, Quantity: 1}, Outbound: Shape{Hops: out, Quantity: 1},
			Deliver: func(_ uint32, m i2np.Message) { m.Release() },
		})
	}
	all := []*Tunnels{open(2, 2), open(2, 0), open(0, 2)}
	none := open(0, 0)
	r.parties.self.pool.Rest() // its own builds are not what is counted
	m.run(20*time.Second, fail)
	if straight != 0 {
		t.Errorf("%d builds left straight from the router", straight)
	}
	if n := r.parties.stuck(); n != len(all) || r.counts.BuildsHeld == 0 {
		t.Errorf("%d destinations are said to be stuck, %d builds to be held", n, r.counts.BuildsHeld)
	}
	if len(none.p.tunnels()) != 2 {
		t.Errorf("tunnels without hops: %d stand", len(none.p.tunnels()))
	}
	m.drop = nil
	r.parties.self.pool.Resume()
	m.run(time.Minute, nil)
	for i, d := range all {
		if len(d.p.in.tunnels()) == 0 || len(d.p.out.tunnels()) == 0 || !d.p.in.held.IsZero() || !d.p.out.held.IsZero() {
			t.Errorf("destination %d has %d and %d tunnels", i, len(d.p.in.tunnels()), len(d.p.out.tunnels()))
		}
	}
	if n := r.parties.stuck(); n != 0 {
		t.Errorf("%d destinations are stuck", n)
	}
}

// TestOneWayIsHeld: where the router's tunnels work one way only, it is told that what
// a destination builds the other way waits.
func TestOneWayIsHeld(t *testing.T) {
	m := newMesh(t, 8, nil)
	m.run(20*time.Second, nil)
	r := m.routers[0]
	m.drop = func(from, _ i2p.Hash, msg i2np.Message) bool {
		return from == r.cfg.Hash && msg.Type == i2np.ShortTunnelBuildType
	}
	r.parties.self.pool.Rest()
	d := r.OpenTunnels(TunnelsConfig{Name: "d", Inbound: Shape{Hops: 2, Quantity: 1}, Outbound: Shape{Hops: 2, Quantity: 1}})
	m.run(20*time.Second, func() {
		for _, own := range r.parties.self.out.tunnels() {
			r.parties.self.pool.Doubt(m.now, own)
		}
	})
	if d.p.in.held.IsZero() || !d.p.out.held.IsZero() || r.counts.Client.Asked == 0 {
		t.Fatalf("held since %v and %v, %d builds went out", d.p.in.held, d.p.out.held, r.counts.Client.Asked)
	}
	if n := r.parties.stuck(); n != 1 {
		t.Errorf("%d destinations are said to be stuck", n)
	}
}

// TestNothingToHide: where the router's own tunnels have no hops by its settings,
// its destinations' go out like that.
func TestNothingToHide(t *testing.T) {
	m := newMesh(t, 8, func(_ int, c *Config, _ *netdb.Config) {
		c.Inbound, c.Outbound = Shape{Quantity: 1}, Shape{Quantity: 1}
	})
	r := m.routers[0]
	d := r.OpenTunnels(TunnelsConfig{
		Inbound: Shape{Hops: 2, Quantity: 1}, Outbound: Shape{Hops: 2, Quantity: 1},
		Deliver: func(_ uint32, m i2np.Message) { m.Release() },
	})
	m.run(20*time.Second, nil)
	if len(d.p.in.tunnels()) == 0 || len(d.p.out.tunnels()) == 0 {
		t.Errorf("%d and %d tunnels", len(d.p.in.tunnels()), len(d.p.out.tunnels()))
	}
}
